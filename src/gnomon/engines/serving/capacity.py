"""The highest rate at which a service keeps its objectives: a bisection for each of several draws of the traffic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from gnomon.core.slo import Limit
from gnomon.core.tell import Tell, silent
from gnomon.engines.serving.facts import SHARES, RequestTimes

DRAWS = 5  # of the traffic, each with a capacity of its own
PRECISION = 0.01  # relative, of each draw's capacity
# Student's t for a 90 % interval of a mean of DRAWS values. [any table: 4 degrees of freedom, 0.95]
_STUDENT = 2.132
_LEAST_SHARE = 1e-3  # of the throughput under any load: at that rate requests hardly meet
_MOST_PROBES = 40

Probe = Callable[[float, int], "Probed"]  # rate per second, seed -> what became of the requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A run at one rate."""

    times: RequestTimes
    completed_per_s: float
    is_overloaded: bool  # the queue grows as long as requests come


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
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCapacity:
    """No rate keeps the objectives: what they are where requests hardly meet."""

    alone: dict[str, float]
    broken: str


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
    found, binding, runs, throughputs = [], [], 0, []
    for number, seed in enumerate(seeds, start=1):
        top = saturated(seed).completed_per_s
        throughputs.append(top)
        low, high, why, probes = 0.0, top, "overload", 1
        # From below: the highest power of two of the throughput that keeps the limits.
        rate = top
        while rate > top * _LEAST_SHARE:
            probes += 1
            fault = broken(probe(rate, seed), limits)
            if not fault:
                low = rate
                break
            high, why, rate = rate, fault, rate / 2
        if not low:
            alone = probe(rate, seed)
            return NoCapacity(alone={one.name: statistic(alone.times, one) for one in limits}, broken=why)
        while high > low * (1 + precision / 2) and probes < _MOST_PROBES:
            middle = math.sqrt(low * high)
            probes += 1
            fault = broken(probe(middle, seed), limits)
            if fault:
                high, why = middle, fault
            else:
                low = middle
            tell(f"draw {number} of {len(seeds)}: between {low:.4g} and {high:.4g} requests per second")
        found.append(low)
        binding.append(why)
        runs += probes
    mean = fmean(found)
    half = _STUDENT * stdev(found) / math.sqrt(len(found)) if len(found) > 1 else 0.0
    at = [probe(mean, seed).times for seed in seeds]
    return Capacity(
        rate_per_s=mean,
        low_per_s=max(mean - half, 0.0),
        high_per_s=mean + half,
        draws_per_s=tuple(found),
        throughput_per_s=fmean(throughputs),
        binding=max(set(binding), key=binding.count),
        at_rate={one.name: fmean(statistic(times, one) for times in at) for one in limits},
        runs=runs + len(seeds),
    )
