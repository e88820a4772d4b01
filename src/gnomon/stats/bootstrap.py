"""Intervals of means and quantiles of a series whose neighbours are alike, by resampling whole blocks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_RESAMPLES = 400
_MOST_DRAWN = 20_000_000  # values in all: longer series are resampled less often, but at least _FEWEST times
_FEWEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """A mean, then a quantile for each share, and the ends of their intervals; arrays `(1 + shares,)`."""

    values: Numbers
    lows: Numbers
    highs: Numbers


def block_bootstrap(series: Numbers, shares: Sequence[float], level: float = 0.9, *, seed: int = 0) -> Estimates:
    """Mean and quantiles of a series of at least one value, with intervals.

    The series is cut into as many blocks as a block has values, so that what lies in a block may depend on the rest of it.
    [Carlstein 1986, The use of subseries values for estimating the variance of a general statistic, Annals of Statistics 14;
    Kuensch 1989, ibid. 17] A quantile is the smallest value that at least such a share does not exceed.
    """
    count = len(series)
    blocks = round(count**0.5)
    order = np.argsort(series, kind="stable")
    rising, block_of = series[order], order * blocks // count
    values = _statistics(rising, np.ones(count), shares)
    generator = np.random.Generator(np.random.PCG64(seed))
    resamples = min(_RESAMPLES, max(_FEWEST, _MOST_DRAWN // count))
    drawn = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)
    found = np.array([_statistics(rising, times[block_of], shares) for times in drawn])
    lows, highs = np.quantile(found, ((1 - level) / 2, (1 + level) / 2), axis=0)
    return Estimates(values=values, lows=np.minimum(lows, values), highs=np.maximum(highs, values))


def _statistics(rising: Numbers, weights: Numbers, shares: Sequence[float]) -> Numbers:
    """Weighted mean and quantiles of rising values."""
    reached = np.cumsum(weights)
    places = np.searchsorted(reached, np.array(shares) * reached[-1], side="left")
    quantiles = rising[np.minimum(places, len(rising) - 1)]
    return np.array([np.dot(rising, weights) / reached[-1], *quantiles])
