"""The highest rate at which a service keeps its objectives: a root for each of several draws of the traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.slo import SHARES, Limit
from gnomon.core.tell import Tell, silent
from gnomon.engines.serving.facts import RequestTimes
from gnomon.stats.quantiles import quantiles

DRAWS = 5  # of the traffic, each with a capacity of its own
PRECISION = 0.01  # relative, of each draw's capacity
_LEAST_SHARE = 1e-3  # of the throughput under any load: at that rate requests hardly meet
_MOST_SHARE = 100.0  # of it: requests come all but at once
_STEP = 1.1  # from one rate to the next; squared each time, until they lie on either side
_LEAST_RATIO = 1e-6  # of a statistic to its limit, where the one is all but nothing
_OVERLOADED = 1.5  # taken as such a ratio
_INSIDE = 0.15  # of a bracket: the next rate is no nearer to its ends
OVERLOAD, TURNED_AWAY = "overload", "turned away"

Probe = Callable[[float, int], "Probed"]  # rate per second, seed -> what became of the requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A run at one rate."""

    times: RequestTimes
    completed_per_s: float
    is_overloaded: bool  # the queue grows as long as requests come
    turns_away: bool = False  # somebody is not served


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRun:
    """A run of the search."""

    draw: int  # seed of the traffic
    rate_per_s: float
    statistics_s: dict[str, float]  # by the limits' names
    broken: str  # the first limit that it breaks, "turned away" or "overload"; empty: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The highest rate, requests per second, over the draws."""

    rate_per_s: float  # mean
    low_per_s: float  # of the mean, 90 %
    high_per_s: float
    draws_per_s: tuple[float, ...]
    throughput_per_s: float  # when every request is there at once, until the last is through
    binding: str  # what is broken first above it: a limit's name, "turned away" or "overload"
    at_rate: dict[
        str, float
    ]  # the limited statistics, seconds: mean over the draws, of each at the rate that it keeps them
    turnovers: float  # likewise: how many times as long requests come as one takes
    runs: int
    curve: tuple[RateRun, ...]  # those of them at a rate, in the order in which they were tried


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCapacity:
    """No rate keeps the objectives: what they are where requests hardly meet."""

    alone: dict[str, float]


def statistic(times: RequestTimes, limit: Limit) -> float:
    """The limited statistic of a run, seconds."""
    series = getattr(times, limit.metric)
    series = series[~np.isnan(series)]
    if not len(series):
        return 0.0
    if limit.statistic == "mean":
        return float(series.mean())
    return float(quantiles(series, [SHARES[limit.statistic]])[0])


def broken(probed: Probed, limits: Sequence[Limit]) -> str:
    """The first limit that a run breaks, or "turned away" where not all are served, or "overload"; empty: none."""
    if probed.turns_away:
        return TURNED_AWAY
    for limit in limits:
        if statistic(probed.times, limit) > limit.most_s:
            return limit.name
    return OVERLOAD if probed.is_overloaded else ""


def capacity(
    probe: Probe,
    saturated: Callable[[int], Probed],
    limits: Sequence[Limit],
    *,
    seeds: Sequence[int],
    precision: float = PRECISION,
    tell: Tell = silent,
) -> Capacity | NoCapacity:
    """The highest rate that keeps the limits. `saturated`: all requests of a draw at once.

    Each draw has the same requests at every rate, only closer together, so that its own capacity is a sharp number; what
    they differ by is the confidence. BadInput for less than two draws, of which nothing would be known.
    """
    if len(seeds) < 2:
        raise BadInput("of one draw of the traffic no interval is known: give two at least", field="seeds")
    kept: list[_Tried] = []
    throughputs, counted = [], _Counted(probe, limits)
    start: float | None = None  # the last draw's capacity: the next one's is near
    for number, seed in enumerate(seeds, start=1):
        top = saturated(seed).completed_per_s
        throughputs.append(top)
        ends = _bracket(counted, top if start is None else start, seed)
        if ends is None:
            alone = probe(top * _LEAST_SHARE, seed)
            return NoCapacity(alone={one.name: statistic(alone.times, one) for one in limits})
        low, high = ends
        while high.rate_per_s > low.rate_per_s * (1 + precision / 2):
            middle = counted.tried(_between(low, high), seed)
            low, high = (low, middle) if middle.excess > 0 else (middle, high)
            tell(f"draw {number} of {len(seeds)}: {low.rate_per_s:.4g} to {high.rate_per_s:.4g} requests per second")
        kept.append(low)
        start = low.rate_per_s
    found = [one.rate_per_s for one in kept]
    mean = fmean(found)
    half = _student(len(found)) * stdev(found) / math.sqrt(len(found))
    binding = [one.broken for one in counted.lowest.values()]
    return Capacity(
        rate_per_s=mean,
        low_per_s=max(mean - half, 0.0),
        high_per_s=mean + half,
        draws_per_s=tuple(found),
        throughput_per_s=fmean(throughputs),
        binding=max(set(binding), key=binding.count),
        at_rate={one.name: fmean(statistic(draw.times, one) for draw in kept) for one in limits},
        turnovers=fmean(float(np.ptp(draw.times.arrived) / draw.times.e2e.mean()) for draw in kept),
        runs=len(counted.curve) + len(throughputs),
        curve=tuple(counted.curve),
    )


def _student(count: int) -> float:
    """By what to multiply the error of a mean of so many values for its 90 % interval. [Student 1908]"""
    from scipy.stats import t  # a quarter of a second, of a search that takes seconds

    return float(t.ppf(0.95, count - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A rate, and by how much its run exceeds the limits: the logarithm of the worst ratio, above 0 where one is broken."""

    rate_per_s: float
    excess: float
    broken: str
    times: RequestTimes


class _Counted:
    """A probe that keeps what it saw, and in each draw the lowest rate that broke a limit."""

    def __init__(self, probe: Probe, limits: Sequence[Limit]) -> None:
        self._probe, self._limits = probe, limits
        self.curve: list[RateRun] = []
        self.lowest: dict[int, _Tried] = {}

    def tried(self, rate_per_s: float, seed: int) -> _Tried:
        made = self._probe(rate_per_s, seed)
        at = {one.name: statistic(made.times, one) for one in self._limits}
        run = RateRun(draw=seed, rate_per_s=rate_per_s, statistics_s=at, broken=broken(made, self._limits))
        self.curve.append(run)
        ratios = [run.statistics_s[one.name] / one.most_s for one in self._limits]
        worst = math.log(max(*ratios, _LEAST_RATIO, _OVERLOADED if run.broken in (OVERLOAD, TURNED_AWAY) else 0.0))
        found = _Tried(rate_per_s=rate_per_s, excess=worst, broken=run.broken, times=made.times)
        if run.broken and (seed not in self.lowest or rate_per_s < self.lowest[seed].rate_per_s):
            self.lowest[seed] = found
        return found


def _between(low: _Tried, high: _Tried) -> float:
    """Where a line through both meets the limit, on logarithmic scales and well inside: the excess bends near overload."""
    share = low.excess / (low.excess - high.excess)
    share = min(max(share, _INSIDE), 1 - _INSIDE)
    return low.rate_per_s * math.exp(share * math.log(high.rate_per_s / low.rate_per_s))


def _bracket(counted: _Counted, start: float, seed: int) -> tuple[_Tried, _Tried] | None:
    """A rate that keeps the limits and one that breaks them, not far apart; None: no rate keeps them."""
    here = counted.tried(start, seed)
    step = _STEP
    if here.excess > 0:
        while here.rate_per_s > start * _LEAST_SHARE:
            lower = counted.tried(here.rate_per_s / step, seed)
            if lower.excess <= 0:
                return lower, here
            here, step = lower, step * step
        return None
    while here.rate_per_s < start * _MOST_SHARE:
        higher = counted.tried(here.rate_per_s * step, seed)
        if higher.excess > 0:
            return here, higher
        here, step = higher, step * step
    raise Unsupported(
        "no rate breaks the limits: the traffic has too few requests to fill the service; give it more of them"
    )
