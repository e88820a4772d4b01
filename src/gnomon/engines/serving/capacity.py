"""The highest rate at which a service keeps its objectives: a bisection for each of several draws of the traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from gnomon.core.errors import Unsupported
from gnomon.core.slo import Limit
from gnomon.core.tell import Tell, silent
from gnomon.engines.serving.facts import SHARES, RequestTimes

DRAWS = 5  # of the traffic, each with a capacity of its own
PRECISION = 0.01  # relative, of each draw's capacity
# Student's t for a 90 % interval of a mean of DRAWS values. [any table: 4 degrees of freedom, 0.95]
_STUDENT = 2.132
_LEAST_SHARE = 1e-3  # of the throughput under any load: at that rate requests hardly meet
_MOST_SHARE = 100.0  # of it: requests come all but at once
_STEP = 1.5  # from one rate to the next, until they lie on either side

Probe = Callable[[float, int], "Probed"]  # rate per second, seed -> what became of the requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A run at one rate."""

    times: RequestTimes
    completed_per_s: float
    is_overloaded: bool  # the queue grows as long as requests come


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRun:
    """A run of the search."""

    draw: int  # seed of the traffic
    rate_per_s: float
    statistics_s: dict[str, float]  # by the limits' names
    broken: str  # the first limit that it breaks, or "overload"; empty: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The highest rate, requests per second, over the draws."""

    rate_per_s: float  # mean
    low_per_s: float  # of the mean, 90 %
    high_per_s: float
    draws_per_s: tuple[float, ...]
    throughput_per_s: float  # of the service when every request is there at once: no rate above it can last
    binding: str  # what is broken first above it: a limit's name, or "overload"
    at_rate: dict[str, float]  # the limited statistics at the rate, seconds, mean over the draws
    turnovers: float  # how many times as long requests come as one takes, at the rate
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
    return float(np.quantile(series, SHARES[limit.statistic], method="inverted_cdf"))


def broken(probed: Probed, limits: Sequence[Limit]) -> str:
    """The first limit that a run breaks, or "overload"; empty: none."""
    for limit in limits:
        if statistic(probed.times, limit) > limit.most_s:
            return limit.name
    return "overload" if probed.is_overloaded else ""


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
    they differ by is the confidence.
    """
    found, throughputs, counted = [], [], _Counted(probe, limits)
    for number, seed in enumerate(seeds, start=1):
        top = saturated(seed).completed_per_s
        throughputs.append(top)
        ends = _bracket(counted, top, seed)
        if ends is None:
            alone = probe(top * _LEAST_SHARE, seed)
            return NoCapacity(alone={one.name: statistic(alone.times, one) for one in limits})
        low, high = ends
        while high > low * (1 + precision / 2):
            middle = math.sqrt(low * high)
            low, high = (low, middle) if counted.is_broken(middle, seed) else (middle, high)
            tell(f"draw {number} of {len(seeds)}: between {low:.4g} and {high:.4g} requests per second")
        found.append(low)
    mean = fmean(found)
    half = _STUDENT * stdev(found) / math.sqrt(len(found)) if len(found) > 1 else 0.0
    binding = [fault for _, fault in counted.lowest.values()]
    at = [counted.ran(mean, seed).times for seed in seeds]
    return Capacity(
        rate_per_s=mean,
        low_per_s=max(mean - half, 0.0),
        high_per_s=mean + half,
        draws_per_s=tuple(found),
        throughput_per_s=fmean(throughputs),
        binding=max(set(binding), key=binding.count),
        at_rate={one.name: fmean(statistic(times, one) for times in at) for one in limits},
        turnovers=fmean(float(np.ptp(times.arrived) / times.e2e.mean()) for times in at),
        runs=len(counted.curve) + len(throughputs),
        curve=tuple(counted.curve),
    )


class _Counted:
    """A probe that keeps what it saw, and the lowest rate that broke a limit in each draw with that limit."""

    def __init__(self, probe: Probe, limits: Sequence[Limit]) -> None:
        self._probe, self._limits = probe, limits
        self.curve: list[RateRun] = []
        self.lowest: dict[int, tuple[float, str]] = {}

    def ran(self, rate_per_s: float, seed: int) -> Probed:
        found = self._probe(rate_per_s, seed)
        fault = broken(found, self._limits)
        at = {one.name: statistic(found.times, one) for one in self._limits}
        self.curve.append(RateRun(draw=seed, rate_per_s=rate_per_s, statistics_s=at, broken=fault))
        if fault and (seed not in self.lowest or rate_per_s < self.lowest[seed][0]):
            self.lowest[seed] = rate_per_s, fault
        return found

    def is_broken(self, rate_per_s: float, seed: int) -> bool:
        self.ran(rate_per_s, seed)
        return bool(self.curve[-1].broken)


def _bracket(counted: _Counted, top: float, seed: int) -> tuple[float, float] | None:
    """A rate that keeps the limits and one that breaks them, a step apart; None: no rate keeps them."""
    rate = top
    if counted.is_broken(rate, seed):
        while rate > top * _LEAST_SHARE:
            lower = rate / _STEP
            if not counted.is_broken(lower, seed):
                return lower, rate
            rate = lower
        return None
    while not counted.is_broken(rate * _STEP, seed):
        rate *= _STEP
        if rate > top * _MOST_SHARE:
            raise Unsupported(
                "no rate breaks the limits: the traffic has too few requests to fill the service; give it more of them"
            )
    return rate, rate * _STEP
