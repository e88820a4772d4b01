"""Kinds of streams: what a user says of when requests arrive.

Of all but `AllAtOnce` and `Recorded`, the first request comes after the first interval, not at the beginning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.traffic.checks import check_not_negative, check_positive

LEAST_CV = 0.001  # of the intervals of a Weibull or a gamma stream; below it they are as good as equal
MOST_CV = 100.0  # beyond it nearly all intervals are nothing, and no run is long enough to show the rate
_WEIBULL_SHAPES = (0.1, 2000.0)  # whose cv are 430 and 0.0006


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Each moment is as likely as any other: exponential intervals, drawn exactly, none cut."""

    rate_per_s: float

    def __post_init__(self) -> None:
        check_positive(self.rate_per_s, "rate_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledPoisson:
    """Rate times duration requests to the last one, at moments each as likely as any other; the last comes at the end.

    What inference-perf calls `constant` [load_timer.py, 2025 and 2026]: exponential intervals, scaled so that they add up to
    the duration.
    """

    rate_per_s: float

    def __post_init__(self) -> None:
        check_positive(self.rate_per_s, "rate_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Gamma intervals: burstier than Poisson where cv is above 1, more even below it.

    vLLM's and SGLang's `burstiness` is the shape of this, 1 / cv^2.
    """

    rate_per_s: float
    cv: float  # of the intervals: standard deviation over mean

    def __post_init__(self) -> None:
        check_positive(self.rate_per_s, "rate_per_s")
        _check_cv(self.cv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weibull:
    """Weibull intervals, said by their cv or by their shape."""

    rate_per_s: float
    cv: float | None = None  # of the intervals: standard deviation over mean
    shape: float | None = None  # 1: Poisson; below: burstier

    def __post_init__(self) -> None:
        check_positive(self.rate_per_s, "rate_per_s")
        if (self.cv is None) == (self.shape is None):
            raise BadInput("either cv or shape is needed, not both", field="cv")
        if self.cv is not None:
            _check_cv(self.cv)
        if self.shape is not None:
            check_positive(self.shape, "shape", most=_WEIBULL_SHAPES[1])
            if self.shape < _WEIBULL_SHAPES[0]:
                raise BadInput(f"{self.shape} is less than {_WEIBULL_SHAPES[0]}", field="shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Equal intervals."""

    rate_per_s: float

    def __post_init__(self) -> None:
        check_positive(self.rate_per_s, "rate_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllAtOnce:
    """Everything at the beginning; with `most_open` of the traffic a closed loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Poisson at one rate, then at another, and so on by turns, beginning with the first."""

    rate_per_s: float  # in a burst
    on_s: float  # how long a burst is
    off_s: float  # until the next
    off_rate_per_s: float = 0.0  # between bursts
    is_random: bool = False  # both lengths are means, of exponential ones; else they are always the same

    def __post_init__(self) -> None:
        for name in ("rate_per_s", "on_s", "off_s"):
            check_positive(getattr(self, name), name)
        check_not_negative(self.off_rate_per_s, "off_rate_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSteps:
    """One rate for a while, then the next; over after the last."""

    steps: tuple[tuple[float, float], ...]  # duration in seconds, requests a second
    is_even: bool = False  # equal intervals within a step; else Poisson
    repeats: bool = False  # begins again after the last

    def __post_init__(self) -> None:
        if not self.steps:
            raise BadInput("no step", field="steps")
        for place, step in enumerate(self.steps):
            if not isinstance(step, tuple) or len(step) != 2:
                raise BadInput(f"{step!r} is not a duration and a rate", field=f"steps.{place}")
            check_positive(step[0], f"steps.{place}.duration_s")
            check_not_negative(step[1], f"steps.{place}.rate_per_s")
        if not any(rate for _, rate in self.steps):
            raise BadInput("no step has any request", field="steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Moments of a trace, at its own pace or another."""

    arrived_s: tuple[float, ...]
    speed: float = 1.0  # 2: the same requests in half the time
    rate_per_s: float | None = None  # instead of a speed: so many a second on average, from the first to the last

    def __post_init__(self) -> None:
        if not self.arrived_s:
            raise BadInput("no moment", field="arrived_s")
        check_pace(self.speed, self.rate_per_s)
        _check_rising(self.arrived_s)
        if self.rate_per_s is not None and self.arrived_s[0] == self.arrived_s[-1]:
            raise BadInput("all moments are the same: they have no rate to be changed", field="rate_per_s")


ArrivalProcess = Poisson | ScaledPoisson | Gamma | Weibull | Constant | AllAtOnce | Bursts | RateSteps | Recorded


def _check_rising(arrived_s: tuple[float, ...]) -> None:
    found = np.array(arrived_s)
    if found.dtype.kind in "if" and found[0] >= 0 and np.all(np.diff(found) >= 0) and np.isfinite(found[-1]):
        return  # a million of them at once; only where one is wrong each is looked at
    for place, moment in enumerate(arrived_s):
        check_not_negative(moment, f"arrived_s.{place}")
    for place, (earlier, later) in enumerate(pairwise(arrived_s), start=1):
        if later < earlier:
            raise BadInput(f"{later} s is before the one above it: sort them", field=f"arrived_s.{place}")


def check_pace(speed: float, rate_per_s: float | None) -> None:
    """BadInput unless a trace is to run at some speed or some rate, not both."""
    check_positive(speed, "speed")
    if rate_per_s is not None:
        check_positive(rate_per_s, "rate_per_s")
        if speed != 1:
            raise BadInput("either a speed or a rate is meant, not both", field="speed")


def weibull_shape(process: Weibull) -> float:
    """The shape that the stream has, or that gives it its cv: of Weibull intervals cv^2 = G(1 + 2/k) / G(1 + 1/k)^2 - 1."""
    if process.shape is not None:
        return process.shape
    low, high = _WEIBULL_SHAPES
    for _ in range(200):  # halves the logarithm of their ratio: as near as a float comes
        middle = math.sqrt(low * high)
        if _weibull_cv(middle) > (process.cv or 0.0):
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def _weibull_cv(shape: float) -> float:
    return math.sqrt(math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)))


def _check_cv(cv: float) -> None:
    check_positive(cv, "cv", most=MOST_CV)
    if cv < LEAST_CV:
        raise BadInput(f"{cv} is less than {LEAST_CV}; equal intervals are those of a constant rate", field="cv")
