"""Intervals of means and quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon.stats.bootstrap import block_bootstrap

_SHARES = (0.5, 0.9)


def test_estimates_are_those_of_the_series() -> None:
    found = block_bootstrap(np.array([4.0, 1.0, 3.0, 2.0]), (0.5, 0.75, 1.0))
    assert found.values.tolist() == [2.5, 2.0, 3.0, 4.0]


def test_of_one_value_the_interval_is_that_value() -> None:
    found = block_bootstrap(np.array([7.0]), _SHARES)
    assert found.lows.tolist() == found.values.tolist() == found.highs.tolist() == [7.0, 7.0, 7.0]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0.0, 0.9])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(kept: float) -> None:
    """Of independent values, and of a series that forgets slowly [an AR(1) process; its quantiles are those of a normal]."""
    generator, covered, runs = np.random.default_rng(5), np.zeros(3), 100
    truth = np.array([0.0, 0.0, 1.2815515655446004])
    for run in range(runs):
        noise = generator.standard_normal(900) * (1 - kept**2) ** 0.5
        series = np.empty(900)
        series[0] = generator.standard_normal()
        for place in range(1, 900):
            series[place] = kept * series[place - 1] + noise[place]
        found = block_bootstrap(series, _SHARES, seed=run)
        covered += (found.lows <= truth) & (truth <= found.highs)
    assert (covered / runs >= 0.75).all(), covered / runs
    assert (covered / runs <= 0.97).all(), covered / runs


def test_single_values_resampled_would_promise_too_much_of_such_a_series() -> None:
    """The width of the block interval is that of the process, not of its values taken one by one."""
    generator = np.random.default_rng(11)
    noise, series = generator.standard_normal(4000), np.zeros(4000)
    for place in range(1, 4000):
        series[place] = 0.95 * series[place - 1] + noise[place]
    shuffled = generator.permutation(series)
    alike, apart = block_bootstrap(series, ()), block_bootstrap(shuffled, ())
    assert (alike.highs - alike.lows)[0] > 2 * (apart.highs - apart.lows)[0]
