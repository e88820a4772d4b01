import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.intervals import (
    EVERYTHING,
    FEWEST_GROUPS,
    band_of,
    group_weights,
    leave_group_out,
    leave_group_out_at,
    ratio_band,
    ratio_bands,
    weighted_quantile,
)

SCORES = st.lists(st.floats(-10, 10), min_size=1, max_size=40).map(np.array)


# --- Equation: by hand


@pytest.mark.parametrize(
    ("level", "value"), [(0.0, 1.0), (0.25, 1.0), (0.3, 2.0), (0.75, 2.0), (0.76, 3.0), (1.0, 3.0)]
)
def test_weighted_quantile_by_hand(level, value):
    # Weights 1, 2, 1 on 1, 2, 3: shares 25, 75, 100 %.
    assert weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), level) == value


def test_every_group_weighs_the_same():
    weights = group_weights(np.array(["a", "b", "a", "a"]))
    assert weights == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])


def test_a_band_weighs_groups_alike_however_many_rows_they_have():
    # Ninety-nine rows of one device at 0, one of another at 1: by group half the weight lies at 1, by row a hundredth.
    ratios, groups = np.array([0.0] * 99 + [1.0]), np.array(["many"] * 99 + ["one"])
    assert ratio_band(ratios, groups, 0.9).high == 1.0
    assert ratio_band(ratios, groups, 0.9, by_row=True).high == 0.0


def test_a_thin_stratum_borrows_the_band_of_all_rows():
    groups = np.array(["a", "b", "c", "a", "b"])
    strata = np.array(["wide", "wide", "wide", "thin", "thin"])
    bands = ratio_bands(np.array([0.1, 0.2, 0.3, 2.0, 3.0]), groups, strata, 0.9)
    assert set(bands) == {EVERYTHING, "wide"}
    assert band_of(bands, "thin") is bands[EVERYTHING]
    assert band_of(bands, "never seen") is bands[EVERYTHING]
    assert bands["wide"].groups == FEWEST_GROUPS


# --- Oracle


@given(SCORES, st.floats(0.01, 1.0), st.integers(0, 2**16))
def test_weighted_quantile_agrees_with_numpy(values, level, seed):
    weights = np.random.default_rng(seed).integers(1, 6, len(values)).astype(float)
    expected = np.quantile(values, level, weights=weights, method="inverted_cdf")
    share = weights[values <= expected].sum() / weights.sum()
    if abs(share - level) < 1e-9:  # at a step the two may round to either side
        return
    assert weighted_quantile(values, weights, level) == expected


def test_leaving_groups_out_agrees_with_doing_it_by_hand():
    # Groups at 0, 1 and 2: without a, b and c give 1..2, low 0 (a band holds 0), high 2: a's 0 is inside; without b: 0..2
    # holds 1; without c: 0..1 misses 2.
    found = leave_group_out(np.array([0.0, 1.0, 2.0]), np.array(["a", "b", "c"]), np.array(["s"] * 3), 0.9)
    assert [(held.group, held.rows, held.coverage) for held in found] == [("a", 1, 1.0), ("b", 1, 1.0), ("c", 1, 0.0)]
    assert found[0].median_half_width == pytest.approx((math.e**2 - 1) / 2)


def test_several_levels_at_once_are_each_level_alone():
    random = np.random.default_rng(5)
    ratios, groups = random.normal(0.5, 0.4, 300), np.array([f"g{i % 6}" for i in range(300)])
    strata, levels = np.array(["s", "t", "u"] * 100), (0.5, 0.8, 0.95)
    for by_row in (False, True):
        at_once = leave_group_out_at(ratios, groups, strata, levels, by_row=by_row)
        assert at_once == [leave_group_out(ratios, groups, strata, level, by_row=by_row) for level in levels]


def test_many_alike_groups_are_covered_at_about_the_level():
    random = np.random.default_rng(2)
    groups = np.repeat([f"g{i:02d}" for i in range(40)], 25)
    ratios = np.repeat(random.normal(0.5, 0.4, 40), 25) + random.normal(0, 0.1, 1000)
    held = leave_group_out(ratios, groups, np.full(1000, "s"), 0.9)
    assert np.mean([one.coverage for one in held]) == pytest.approx(0.9, abs=0.05)


def test_one_group_alone_has_nothing_to_be_held_out_against():
    assert leave_group_out(np.array([0.1, 0.2]), np.array(["a", "a"]), np.array(["s", "s"]), 0.9) == []


# --- Law


@given(SCORES, st.floats(0.5, 0.99))
def test_a_band_always_holds_the_prediction(ratios, level):
    band = ratio_band(ratios, np.full(len(ratios), "g"), level)
    assert band.low <= 0 <= band.high


@given(SCORES, st.floats(0.5, 0.9))
def test_a_higher_level_never_narrows_the_band(ratios, level):
    groups = np.array([f"g{i % 3}" for i in range(len(ratios))])
    narrow, wide = ratio_band(ratios, groups, level), ratio_band(ratios, groups, level + 0.09)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(SCORES)
def test_repeating_the_rows_of_a_group_changes_nothing(ratios):
    groups = np.array([f"g{i % 3}" for i in range(len(ratios))])
    once = ratio_band(ratios, groups, 0.8)
    chosen = groups == "g0"
    again = ratio_band(np.concatenate([ratios, ratios[chosen]]), np.concatenate([groups, groups[chosen]]), 0.8)
    assert (again.low, again.high) == (once.low, once.high)
