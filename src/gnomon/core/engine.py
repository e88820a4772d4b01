"""What an engine is asked, and what gives operator times to those that compose them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.prediction import Bound, Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.workload import OpTable


@runtime_checkable
class Engine(Protocol):
    """A model of time. Same scenario in, same prediction out, byte for byte."""

    name: str
    cites: tuple[str, ...]

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons, in words, why this engine cannot answer; empty when it can. Asked before any work."""
        ...

    def predict(self, scenario: Scenario) -> Prediction:
        """The answer; raises Unsupported with the reasons of `missing` when there are any."""
        ...

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order; equal to one `predict` after another, only faster."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """An engine that takes settings of its own."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        ...

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> Engine:
        """The engine with these settings, the others at their defaults. BadInput for one that cannot be."""
        ...


@runtime_checkable
class Composes(Protocol):
    """An engine that puts its answers together from other sources' times."""

    def composed(self, timers: Callable[[str], OpTimer], exchanges: Callable[[str], ExchangeTimer]) -> Engine:
        """The engine with these sources, by their names; a source raises BadInput for a name that it does not know."""
        ...


@runtime_checkable
class OpTimer(Protocol):
    """A source of operator times."""

    def times_s(self, ops: OpTable, device: Device) -> NDArray[np.float64]:
        """Seconds of one copy of each operator `(ops,)`; nan where the device cannot run it."""
        ...


@runtime_checkable
class OpBounds(Protocol):
    """A source of what binds each operator; an OpTimer may be one too."""

    def bounds(self, ops: OpTable, device: Device) -> Sequence[Bound]:
        """What takes most of the time of one copy of each operator `(ops,)`."""
        ...


@runtime_checkable
class OpIntervals(Protocol):
    """A source of intervals around operator times; an OpTimer may be one too."""

    @property
    def calibrated_on(self) -> str:
        """SHA-256 of the table of measurements behind the intervals."""
        ...

    def intervals_s(
        self, ops: OpTable, device: Device, times_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Low and high ends `(ops,)` of the 90 % intervals around those times, or None without a calibration."""
        ...
