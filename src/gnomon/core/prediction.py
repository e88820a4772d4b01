"""A prediction: a value with its unit, interval, parts, assumptions and provenance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gnomon.core.footprint import Footprint
from gnomon.core.mapped import Mapped
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.step_facts import StepFacts

Bound = Literal["compute", "memory", "network", "overhead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A range that holds the measured value with probability `level`, as far as its method promises."""

    low: float
    high: float
    level: float = 0.9
    method: str  # e.g. split-conformal over held-out silicon, with the number of groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of a value; its own parts recombine to it by `combine`."""

    name: str
    value: float
    kind: Literal["compute", "memory", "network", "overhead", "idle", "mixed"]
    parts: tuple[Part, ...] = ()
    combine: Literal["sum", "max", "overlap"] = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a value comes from: enough to make it again."""

    engine: str
    version: str  # of the engine's code
    scenario: str  # digest
    cites: tuple[str, ...]
    calibration: str = ""  # data behind the interval
    calibration_sha256: str = ""  # of the table that those data stood in
    overrides: tuple[str, ...] = ()  # numbers that the user set in place of the catalogue's
    settings: tuple[str, ...] = ()  # the engine's own, each as "name=value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One engine's answer to one scenario."""

    quantity: str  # what is predicted: "time"
    value: float  # in `unit`
    unit: str  # SI
    interval: Interval | None
    parts: tuple[Part, ...]  # add up to the value
    bound: Bound | None  # what takes most of the value; None where that is not known
    memory: Footprint
    fits: bool  # whether that memory is at most the device's
    flop: float  # work of the whole pass
    moved_bytes: float | None  # traffic of the whole pass; None where it is not counted
    assumptions: tuple[str, ...]
    outside: tuple[str, ...]  # why this is extrapolation; empty inside the validated range
    provenance: Provenance
    mapped: Mapped | None = None  # the layers, of an engine that maps them
    step: StepFacts | None = None  # of a training step that an engine puts together
    service: ServiceFacts | None = None  # of a service
