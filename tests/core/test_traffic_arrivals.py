"""When requests arrive: rates and spreads of streams, and what cannot be one."""

import math

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import (
    AllAtOnce,
    Bursts,
    Constant,
    Gamma,
    Poisson,
    RateSteps,
    Recorded,
    ScaledPoisson,
    Weibull,
    weibull_shape,
)
from gnomon.core.traffic.arrival_times import arrival_times_s

BLOCKS = 40  # of intervals: the spread between them is the draw's own error
ERRORS = 4.0  # a fixed seed stays within so many of them


def times(process, requests=None, duration_s=None, seed=7):
    return arrival_times_s(process, requests, duration_s, np.random.Generator(np.random.PCG64(seed)))


def estimated(intervals, statistic):
    blocks = [statistic(block) for block in np.array_split(intervals, BLOCKS)]
    return np.mean(blocks), np.std(blocks, ddof=1) / math.sqrt(BLOCKS)


def cv(intervals):
    return intervals.std() / intervals.mean()


@pytest.mark.parametrize(
    ("process", "expected_cv"),
    [
        (Poisson(rate_per_s=5.0), 1.0),
        (Gamma(rate_per_s=5.0, cv=0.4), 0.4),
        (Gamma(rate_per_s=5.0, cv=2.5), 2.5),
        (Weibull(rate_per_s=5.0, cv=0.4), 0.4),
        (Weibull(rate_per_s=5.0, cv=2.0), 2.0),
        (Weibull(rate_per_s=5.0, shape=0.5), math.sqrt(5.0)),  # G(5) / G(3)^2 - 1 = 24 / 4 - 1
        (ScaledPoisson(rate_per_s=5.0), 1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_intervals_have_the_mean_and_the_spread_that_were_said(process, expected_cv):
    intervals = np.diff(times(process, requests=400_000), prepend=0.0)
    mean, mean_error = estimated(intervals, np.mean)
    spread, spread_error = estimated(intervals, cv)
    assert abs(mean - 0.2) < ERRORS * mean_error + 1e-12
    assert abs(spread - expected_cv) < ERRORS * spread_error + 0.001 * expected_cv  # a block's cv is a little too small


def test_counts_of_a_poisson_stream_vary_as_much_as_they_are():
    counts = np.histogram(times(Poisson(rate_per_s=20.0), duration_s=20_000.0), bins=20_000, range=(0, 20_000))[0]
    assert abs(counts.mean() - 20) < ERRORS * math.sqrt(20 / 20_000)
    assert abs(counts.var() - 20) < ERRORS * 20 * math.sqrt(2.05 / 20_000)


def test_long_intervals_of_a_poisson_stream_are_as_frequent_as_they_should_be():
    intervals = np.diff(times(Poisson(rate_per_s=1.0), requests=1_000_000), prepend=0.0)
    beyond = int((intervals > 8).sum())
    expected = 1_000_000 * math.exp(-8)
    assert abs(beyond - expected) < ERRORS * math.sqrt(expected)


def test_the_first_request_comes_after_the_first_interval():
    firsts = [times(Poisson(rate_per_s=2.0), requests=1, seed=seed)[0] for seed in range(4000)]
    assert abs(np.mean(firsts) - 0.5) < ERRORS * 0.5 / math.sqrt(4000)
    assert times(Constant(rate_per_s=4.0), requests=3).tolist() == [0.25, 0.5, 0.75]


def test_weibull_shapes_have_the_cv_they_were_made_for():
    for spread in (0.001, 0.3, 1.0, 7.0, 100.0):
        shape = weibull_shape(Weibull(rate_per_s=1.0, cv=spread))
        found = math.sqrt(math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)))
        assert found == pytest.approx(spread, rel=1e-6)
    assert weibull_shape(Weibull(rate_per_s=1.0, cv=1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "process",
    [
        Poisson(rate_per_s=3.0),
        Gamma(rate_per_s=3.0, cv=3.0),
        Weibull(rate_per_s=3.0, cv=0.5),
        Constant(rate_per_s=3.0),
        Bursts(rate_per_s=9.0, on_s=2.0, off_s=4.0),
        Bursts(rate_per_s=9.0, on_s=2.0, off_s=4.0, off_rate_per_s=0.5, is_random=True),
        RateSteps(steps=((5.0, 4.0), (5.0, 2.0)), repeats=True),
        RateSteps(steps=((5.0, 4.0), (5.0, 2.0)), repeats=True, is_even=True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_longer_stream_begins_with_the_shorter_one(process):
    long = times(process, duration_s=2000.0)
    assert np.all(np.diff(long) >= 0)
    assert long[0] > 0
    assert long[-1] <= 2000.0
    np.testing.assert_allclose(times(process, requests=700), long[:700], rtol=1e-12)
    np.testing.assert_allclose(times(process, duration_s=300.0), long[long <= 300.0], rtol=1e-12)
    assert len(times(process, requests=20, duration_s=2000.0)) == 20


def test_a_constant_rate_gives_as_many_requests_as_fit():
    assert len(times(Constant(rate_per_s=5.0), duration_s=600.0)) == 3000
    assert times(Constant(rate_per_s=10.0), duration_s=0.3).tolist() == [0.1, 0.2, 0.3]


def test_a_scaled_stream_has_exactly_as_many_requests_and_ends_with_the_last():
    moments = times(ScaledPoisson(rate_per_s=5.0), duration_s=600.0)
    assert len(moments) == 3000
    assert moments[-1] == 600.0


def test_bursts_have_their_rates_in_their_times():
    moments = times(Bursts(rate_per_s=50.0, on_s=2.0, off_s=3.0, off_rate_per_s=4.0), duration_s=5000.0)
    in_burst = moments % 5.0 < 2.0
    assert abs(in_burst.sum() - 100_000) < ERRORS * math.sqrt(100_000)
    assert abs((~in_burst).sum() - 12_000) < ERRORS * math.sqrt(12_000)
    silent = times(Bursts(rate_per_s=50.0, on_s=2.0, off_s=3.0), duration_s=5000.0)
    assert np.all(silent % 5.0 <= 2.0)


def test_bursts_of_random_length_have_the_mean_rate_of_their_phases():
    moments = times(Bursts(rate_per_s=12.0, on_s=1.0, off_s=2.0, is_random=True), duration_s=100_000.0)
    counts = np.histogram(moments, bins=1000, range=(0, 100_000))[0] / 100.0
    assert abs(counts.mean() - 4.0) < ERRORS * counts.std() / math.sqrt(1000)
    assert counts.var() * 100 > 2 * 4.0  # far from Poisson, whose variance would be the mean


def test_rate_steps_have_their_rates_and_end():
    steps = RateSteps(steps=((100.0, 20.0), (50.0, 0.0), (200.0, 5.0)))
    moments = times(steps)
    counts = np.histogram(moments, bins=[0, 100, 150, 350])[0]
    assert abs(counts[0] - 2000) < ERRORS * math.sqrt(2000)
    assert counts[1] == 0
    assert abs(counts[2] - 1000) < ERRORS * math.sqrt(1000)
    even = times(RateSteps(steps=((10.0, 2.0), (5.0, 0.0), (10.0, 1.0)), is_even=True))
    np.testing.assert_allclose(even, [*np.arange(1, 21) / 2, *np.arange(16, 26)])


def test_recorded_moments_run_at_another_pace():
    recorded = (0.0, 1.0, 4.0)
    assert times(Recorded(arrived_s=recorded)).tolist() == [0.0, 1.0, 4.0]
    assert times(Recorded(arrived_s=recorded, speed=2.0)).tolist() == [0.0, 0.5, 2.0]
    assert times(Recorded(arrived_s=recorded, rate_per_s=1.0)).tolist() == [0.0, 0.5, 2.0]  # two intervals in 2 s
    assert times(Recorded(arrived_s=recorded), duration_s=1.0).tolist() == [0.0, 1.0]


def test_all_at_once_is_at_the_beginning():
    assert times(AllAtOnce(), requests=3).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "field", "text"),
    [
        (lambda: Poisson(rate_per_s=0.0), "rate_per_s", "not a positive number"),
        (lambda: Poisson(rate_per_s=math.inf), "rate_per_s", "no number that can be used"),
        (lambda: Poisson(rate_per_s="2"), "rate_per_s", "'2' is not a number"),
        (lambda: Gamma(rate_per_s=1.0, cv=0.0), "cv", "not a positive number"),
        (lambda: Gamma(rate_per_s=1.0, cv=1e-9), "cv", "constant rate"),
        (lambda: Gamma(rate_per_s=1.0, cv=1e9), "cv", "more than 100"),
        (lambda: Weibull(rate_per_s=1.0), "cv", "either cv or shape"),
        (lambda: Weibull(rate_per_s=1.0, cv=1.0, shape=1.0), "cv", "either cv or shape"),
        (lambda: Weibull(rate_per_s=1.0, shape=0.01), "shape", "less than 0.1"),
        (lambda: Bursts(rate_per_s=1.0, on_s=1.0, off_s=-1.0), "off_s", "not a positive number"),
        (lambda: RateSteps(steps=()), "steps", "no step"),
        (lambda: RateSteps(steps=((1.0, 0.0),)), "steps", "no step has any request"),
        (lambda: RateSteps(steps=((1.0, 1.0), (0.0, 1.0))), "steps.1.duration_s", "not a positive number"),
        (lambda: Recorded(arrived_s=(1.0, 0.5)), "arrived_s.1", "sort them"),
        (lambda: Recorded(arrived_s=(-1.0, 0.5)), "arrived_s.0", "not a number of 0 or more"),
        (lambda: Recorded(arrived_s=(1.0, math.nan)), "arrived_s.1", "no number that can be used"),
        (lambda: Recorded(arrived_s=(1.0,), rate_per_s=2.0), "rate_per_s", "no rate to be changed"),
        (lambda: Recorded(arrived_s=(1.0, 2.0), speed=2.0, rate_per_s=2.0), "speed", "not both"),
        (lambda: times(Poisson(rate_per_s=1e6), duration_s=1e6), "requests", "more than 100,000,000"),
        (lambda: times(Poisson(rate_per_s=1.0)), "requests", "neither"),
    ],
)
def test_what_cannot_be_a_stream_is_refused_by_field(make, field, text):
    with pytest.raises(BadInput, match=text) as caught:
        make()
    assert caught.value.field == field
