import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

from gnomon.stats.errors import error_summary, kendall_tau, percent_errors

TIMES = arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-6, 1e3))


def test_errors_of_three_rows_by_hand():
    # +50 %, -50 %, +10 %: median 50, mean 110/3, bias 10/3; the 0.9 quantile of (10, 50, 50) is 50.
    found = error_summary(np.array([3.0, 1.0, 11.0]), np.array([2.0, 2.0, 10.0]), refused=1)
    assert found.median_ape == pytest.approx(50)
    assert found.mean_ape == pytest.approx(110 / 3)
    assert found.p90_ape == pytest.approx(50)
    assert found.bias == pytest.approx(10 / 3)
    assert (found.rows, found.asked, found.coverage) == (3, 4, 0.75)


def test_the_tail_is_interpolated_between_rows():
    # |errors| 0, 10, ..., 100: the 0.9 quantile of eleven is the tenth, 90.
    measured = np.full(11, 100.0)
    assert error_summary(measured + np.arange(0, 110, 10), measured).p90_ape == pytest.approx(90)


def test_no_row_has_no_error_and_no_coverage():
    found = error_summary(np.zeros(0), np.zeros(0), refused=5)
    assert (found.rows, found.asked, found.coverage, found.median_ape, found.bias) == (0, 5, 0.0, None, None)
    assert error_summary(np.zeros(0), np.zeros(0)).coverage == 0.0


@given(TIMES)
def test_a_perfect_prediction_has_no_error(times):
    found = error_summary(times, times)
    assert (found.median_ape, found.mean_ape, found.p90_ape, found.bias) == (0, 0, 0, 0)


@given(TIMES, st.floats(1e-3, 1e3))
def test_errors_do_not_depend_on_the_unit_of_time(times, factor):
    predicted = times[::-1].copy()
    assert percent_errors(predicted * factor, times * factor) == pytest.approx(percent_errors(predicted, times))


@given(TIMES, st.randoms(use_true_random=False))
def test_summary_does_not_depend_on_the_order_of_rows(times, random):
    order = list(range(len(times)))
    random.shuffle(order)
    predicted = times[::-1].copy()
    one, other = error_summary(predicted, times), error_summary(predicted[order], times[order])
    for name in ("median_ape", "mean_ape", "p90_ape", "bias", "kendall_tau"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_rank_correlation_by_hand():
    # Pairs of (1, 2, 3, 4) against (1, 3, 2, 4): five agree, one does not: 4 / 6.
    assert kendall_tau(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(4 / 6)


def test_rank_correlation_agrees_with_scipy_where_there_are_ties():
    random = np.random.default_rng(3)
    one, other = random.integers(0, 5, 40).astype(float), random.integers(0, 5, 40).astype(float)
    assert kendall_tau(one, other) == pytest.approx(kendalltau(one, other, variant="b").statistic)


@pytest.mark.parametrize(
    ("one", "other"), [([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0, 3.0]), ([], [])]
)
def test_rank_correlation_without_an_order_is_none(one, other):
    assert kendall_tau(np.array(one), np.array(other)) is None
