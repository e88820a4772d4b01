"""The same traffic at another rate and with other draws: what a search for a capacity varies."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import AllAtOnce, ArrivalProcess, Bursts, RateSteps, Recorded
from gnomon.core.traffic.played import AnyTraffic, PlayedTrace


def at_rate(traffic: AnyTraffic, rate_per_s: float, seed: int) -> AnyTraffic:
    """The traffic with so many requests a second on average. BadInput where it has no rate.

    Of a stream in phases every phase is as much faster as the whole; lengths and what is shared stay what they are, and
    with the same seed the same draws.
    """
    if isinstance(traffic, PlayedTrace):
        replay = traffic.replay
        if replay.arrivals is None:
            return replace(traffic, replay=replace(replay, speed=1.0, rate_per_s=rate_per_s, seed=seed))
        return replace(traffic, replay=replace(replay, arrivals=_at_rate(replay.arrivals, rate_per_s), seed=seed))
    return replace(traffic, arrivals=_at_rate(traffic.arrivals, rate_per_s), seed=seed)


def _at_rate(process: ArrivalProcess, rate_per_s: float) -> ArrivalProcess:
    match process:
        case AllAtOnce():
            raise BadInput("requests that come all at once have no rate: say qps", field="traffic.arrivals")
        case Recorded():
            return replace(process, speed=1.0, rate_per_s=rate_per_s)
        case Bursts():
            share = process.on_s / (process.on_s + process.off_s)
            mean = process.rate_per_s * share + process.off_rate_per_s * (1 - share)
            factor = rate_per_s / mean
            return replace(
                process, rate_per_s=process.rate_per_s * factor, off_rate_per_s=process.off_rate_per_s * factor
            )
        case RateSteps():
            mean = sum(length * rate for length, rate in process.steps) / sum(length for length, _ in process.steps)
            return replace(process, steps=tuple((length, rate * rate_per_s / mean) for length, rate in process.steps))
        case _:
            return replace(process, rate_per_s=rate_per_s)
