"""When requests arrive: moments drawn from what was said of the stream."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Floats
from gnomon.core.traffic.arrival_processes import (
    AllAtOnce,
    ArrivalProcess,
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
from gnomon.core.traffic.checks import MOST_REQUESTS

Draw = Callable[[int], Floats]  # so many intervals
_NEAR = 1e-12  # of sums of equal steps: the last one is not lost to rounding
_ROUNDS = 64  # of phases, at first


def arrival_times_s(
    process: ArrivalProcess, requests: int | None, duration_s: float | None, generator: np.random.Generator
) -> Floats:
    """When requests arrive, rising: at most so many, none after the duration. BadInput where neither bounds them.

    A longer stream from the same generator begins with the shorter one, but for `ScaledPoisson`.
    """
    _check_bounded(process, requests, duration_s)
    match process:
        case AllAtOnce():
            return np.zeros(requests or 0)
        case Recorded():
            return _recorded(process, requests, duration_s)
        case ScaledPoisson():
            return _scaled(process, requests, duration_s, generator)
        case Bursts() | RateSteps():
            return _in_phases(process, requests, duration_s, generator)
        case Constant(rate_per_s=rate):
            count = _fewer(requests, duration_s, rate)
            moments: Floats = np.arange(1, count + 1) / rate
            return moments if duration_s is None else moments[moments <= duration_s]
        case Poisson(rate_per_s=rate) | Gamma(rate_per_s=rate) | Weibull(rate_per_s=rate):
            horizon = None if duration_s is None else duration_s * rate
            return _sums(_intervals(process, generator), requests, horizon) / rate


def _check_bounded(process: ArrivalProcess, requests: int | None, duration_s: float | None) -> None:
    is_finite = isinstance(process, Recorded) or (isinstance(process, RateSteps) and not process.repeats)
    if requests is None and isinstance(process, AllAtOnce):
        raise BadInput("how many requests come at once is not said", field="requests")
    if requests is None and duration_s is None and not is_finite:
        raise BadInput("neither the number of requests nor a duration is said", field="requests")


def _intervals(process: Poisson | Gamma | Weibull, generator: np.random.Generator) -> Draw:
    """What draws intervals whose mean is 1."""
    match process:
        case Poisson():
            return generator.standard_exponential
        case Gamma(cv=cv):
            shape = 1 / cv**2
            return lambda count: generator.standard_gamma(shape, count) / shape
        case Weibull():
            k = weibull_shape(process)
            mean = math.gamma(1 + 1 / k)
            return lambda count: generator.weibull(k, count) / mean


def _sums(draw: Draw, most: int | None, horizon: float | None) -> Floats:
    """Sums of intervals of mean 1 from the first on: at most so many, none beyond the horizon."""
    if horizon is None:
        return np.cumsum(draw(most or 0))
    _check_number(horizon)
    drawn: list[Floats] = []
    count, total = 0, 0.0
    while total <= horizon and (most is None or count < most):
        left = horizon - total
        many = int(left + 5 * math.sqrt(left)) + 16
        drawn.append(draw(many if most is None else min(many, most - count)))
        count += len(drawn[-1])
        total += float(drawn[-1].sum())
        _check_number(count)
    sums = np.cumsum(np.concatenate(drawn))
    return sums[: np.searchsorted(sums, horizon, side="right")]


def _scaled(
    process: ScaledPoisson, requests: int | None, duration_s: float | None, generator: np.random.Generator
) -> Floats:
    count = _fewer(requests, duration_s, process.rate_per_s)
    if not count:
        return np.zeros(0)
    whole_s = count / process.rate_per_s if duration_s is None or count == requests else duration_s
    sums = np.cumsum(generator.standard_exponential(count))
    scaled: Floats = sums / sums[-1] * whole_s
    return scaled


def _fewer(requests: int | None, duration_s: float | None, rate_per_s: float) -> int:
    """How many requests at equal intervals there are: as many as asked for, or as fit."""
    fitting = math.inf if duration_s is None else duration_s * rate_per_s * (1 + _NEAR)
    most = math.inf if requests is None else requests
    _check_number(min(fitting, most))
    return int(min(fitting, most))


def _recorded(process: Recorded, requests: int | None, duration_s: float | None) -> Floats:
    moments = np.array(process.arrived_s, float)
    moments /= process.speed if process.rate_per_s is None else process.rate_per_s / mean_rate_per_s(moments)
    if duration_s is not None:
        moments = moments[moments <= duration_s]
    return moments[:requests]


def mean_rate_per_s(moments: Floats) -> float:
    """Intervals over the time from the first to the last; infinite where all come at once."""
    span = float(moments[-1] - moments[0])
    return (len(moments) - 1) / span if span > 0 else math.inf


def _in_phases(
    process: Bursts | RateSteps, requests: int | None, duration_s: float | None, generator: np.random.Generator
) -> Floats:
    """A stream of rate 1 runs on a clock of its own, which goes as fast as the rate of the phase it is in."""
    phase_generator = generator.spawn(1)[0]
    is_even = isinstance(process, RateSteps) and process.is_even
    if isinstance(process, RateSteps) and not process.repeats:
        whole_s = sum(length for length, _ in process.steps)
        duration_s = whole_s if duration_s is None else min(duration_s, whole_s)
    sums: Floats | None = None
    if duration_s is None:
        sums = _even(requests, None) if is_even else _sums(generator.standard_exponential, requests, None)
    lengths_s, rates = _phases(process, duration_s, 0.0 if sums is None else float(sums[-1]), phase_generator)
    starts_s = np.concatenate([[0.0], np.cumsum(lengths_s)])
    if duration_s is not None:
        starts_s = np.minimum(starts_s, duration_s)
    clock = np.concatenate([[0.0], np.cumsum(np.diff(starts_s) * rates)])
    if sums is None:
        horizon = float(clock[-1])
        sums = _even(requests, horizon) if is_even else _sums(generator.standard_exponential, requests, horizon)
    phase = np.minimum(
        np.searchsorted(clock, sums) - 1, np.flatnonzero(rates)[-1]
    )  # one at the end of a phase is in it
    moments: Floats = starts_s[phase] + (sums - clock[phase]) / rates[phase]
    return moments if duration_s is None else np.minimum(moments, duration_s)


def _even(requests: int | None, horizon: float | None) -> Floats:
    return np.arange(1, _fewer(requests, horizon, 1.0) + 1, dtype=float)


def _phases(
    process: Bursts | RateSteps, duration_s: float | None, work: float, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Lengths and rates of phases in turn: for the duration, or until they hold more than so many requests."""
    lengths_s: Floats = np.zeros(0)
    rates: Floats = np.zeros(0)
    while True:
        more_s, more = _more_phases(process, max(_ROUNDS, len(rates) // 2), generator)
        lengths_s, rates = np.concatenate([lengths_s, more_s]), np.concatenate([rates, more])
        if isinstance(process, RateSteps) and not process.repeats:
            return lengths_s, rates
        _check_number(len(rates))
        if lengths_s.sum() >= duration_s if duration_s is not None else (lengths_s * rates).sum() > work:
            return lengths_s, rates


def _more_phases(process: Bursts | RateSteps, rounds: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    if isinstance(process, RateSteps):
        steps = np.array(process.steps, float)
        if process.repeats:
            steps = np.tile(steps, (rounds, 1))
        return steps[:, 0], steps[:, 1]
    of_two = generator.standard_exponential((rounds, 2)) if process.is_random else np.ones((rounds, 2))
    lengths_s = (of_two * [process.on_s, process.off_s]).ravel()
    return lengths_s, np.tile([process.rate_per_s, process.off_rate_per_s], rounds)


def _check_number(count: float) -> None:
    if count > MOST_REQUESTS:
        raise BadInput(f"there would be {count:.3g} requests, more than {MOST_REQUESTS:,}", field="requests")
