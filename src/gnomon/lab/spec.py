"""The shape of a spec's front matter: one class for each part, every field with its meaning."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictInt, WithJsonSchema, model_validator

from gnomon.core.errors import BadInput
from gnomon.core.units import parse
from gnomon.formats.strict import Strict

SCHEMA = "gnomon/experiment/1"
WORD = r"^[A-Za-z_][A-Za-z0-9_]*$"  # what a criterion can name
VERSION = r"^(>=)?\d+(\.\d+)*$"  # of Python
SECTIONS = (
    "Question",
    "Hypothesis",
    "Background",
    "Variables",
    "Metrics",
    "Baselines",
    "Success criteria",
    "Minimum viable experiment",
    "Protocol",
    "Budget",
    "Abort criteria",
    "Confounds",
)


def _in(unit: str) -> Any:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError("a quantity with its unit is expected")
        try:
            found = parse(value, unit)
        except BadInput as fault:
            raise ValueError(str(fault)) from None
        if found < 0:
            raise ValueError(f"{value!r} is negative")
        return found

    return BeforeValidator(read)


def _number(value: Any) -> Any:
    if isinstance(value, (bool, str)) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("a finite number is expected")
    return value


def _version(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(VERSION, value):
        raise ValueError(f'a version in quotes is expected, like "3.11" or ">=3.11", not {value!r:.60}')
    return value


Seconds = Annotated[float, _in("s"), WithJsonSchema({"type": "string", "examples": ["90 s", "30 min", "2 h"]})]
Bytes = Annotated[float, _in("B"), WithJsonSchema({"type": "string", "examples": ["16 GB"]})]
Finite = Annotated[float, BeforeValidator(_number)]
NonNegative = Annotated[float, Field(ge=0), BeforeValidator(_number)]
PythonVersion = Annotated[str, BeforeValidator(_version), WithJsonSchema({"type": "string", "pattern": VERSION})]
Whole = StrictInt
Word = Annotated[str, Field(pattern=WORD)]
Text = Annotated[str, Field(min_length=1)]
Scalar = str | int | float | bool


class _Part(Strict):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Hypothesis(_Part):
    """What is expected, with the number that would show it."""

    statement: Text
    metric: Word  # the primary metric it is about
    direction: Literal["below", "above", "equal"]
    magnitude: Finite  # in the metric's unit
    reference: Text  # what the number is held against: a baseline, a paper, a requirement


class Independent(_Part):
    """Something that is varied."""

    name: Word
    levels: tuple[Scalar, ...] = Field(min_length=1)
    why: str = ""


class Control(_Part):
    """Something that is held."""

    name: Word
    value: Scalar
    why: Text


class Variables(_Part):
    """What is varied and what is held."""

    independent: tuple[Independent, ...] = Field(min_length=1)
    controls: tuple[Control, ...] = ()


class Source(_Part):
    """Where a metric's number is found in what a unit leaves: one way exactly."""

    file: str | None = None  # JSON, in the unit's folder; with `pointer`
    pointer: str | None = None  # RFC 6901, like /rows/0/value
    regex: str | None = None  # in standard output; its group, or the whole match, is the number; the last match counts
    observations: str | None = None  # the last number of that name among the JSON lines on descriptor 3
    mlperf: str | None = None  # the last `:::MLLOG` line of that key
    expr: str | None = None  # from other metrics of the same unit

    @model_validator(mode="after")
    def _one_way(self) -> Source:
        ways = [
            name for name in ("pointer", "regex", "observations", "mlperf", "expr") if getattr(self, name) is not None
        ]
        if len(ways) != 1:
            raise ValueError("one of pointer, regex, observations, mlperf and expr is expected")
        if self.file is not None and self.pointer is None:
            raise ValueError("a file is read by a pointer")
        if self.pointer is not None and self.pointer and not self.pointer.startswith("/"):
            raise ValueError(f"{self.pointer!r} is no JSON pointer; it begins with /")
        if self.regex is not None:
            try:
                if re.compile(self.regex).groups > 1:
                    raise ValueError("the regex has more than one group; mark the others (?:...)")
            except re.error as fault:
                raise ValueError(f"{self.regex!r} is no regular expression: {fault}") from None
        return self


class Metric(_Part):
    """A number that every unit of the protocol yields."""

    name: Word
    unit: str  # as in the paper to come: ms, %, token/s; empty for a plain ratio
    direction: Literal["lower", "higher", "none"]
    from_: Source = Field(alias="from")
    aggregate: Literal["mean", "median", "min", "max", "sum"] = "mean"  # over seeds and cells, in metrics.json
    bounds: tuple[Finite, Finite] | None = None  # what the number can be: one outside is a protocol event
    why: str = ""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Metric:
        if self.bounds and self.bounds[0] > self.bounds[1]:
            raise ValueError(f"bounds: {self.bounds[0]:g} is above {self.bounds[1]:g}")
        return self


class Metrics(_Part):
    """Every number that is measured."""

    primary: tuple[Metric, ...] = Field(min_length=1, max_length=2)
    secondary: tuple[Metric, ...] = ()
    sanity: tuple[Metric, ...] = ()

    @property
    def every(self) -> tuple[Metric, ...]:
        """All of them, primary ones first."""
        return (*self.primary, *self.secondary, *self.sanity)


class Expected(_Part):
    """What a baseline must show, within a tolerance of one kind."""

    value: Finite | None = None  # with tol_rel or tol_abs
    tol_rel: NonNegative | None = None
    tol_abs: NonNegative | None = None
    ci: tuple[Finite, Finite] | None = None  # the interval it must lie in

    @model_validator(mode="after")
    def _one_tolerance(self) -> Expected:
        if sum(item is not None for item in (self.tol_rel, self.tol_abs, self.ci)) != 1:
            raise ValueError("one of tol_rel, tol_abs and ci is expected")
        if (self.value is None) != (self.ci is not None):
            raise ValueError("a value with tol_rel or tol_abs is expected, or ci alone")
        return self

    def holds(self, found: float) -> bool:
        """Whether a number is within the tolerance."""
        if self.ci is not None:
            return self.ci[0] <= found <= self.ci[1]
        value = self.value or 0.0
        allowed = self.tol_abs if self.tol_abs is not None else abs(value) * (self.tol_rel or 0.0)
        return abs(found - value) <= allowed


class Baseline(_Part):
    """A known result that is had again before anything new is measured."""

    name: Word
    arm: Word  # the arm of the protocol that gives it
    source: Literal["reproduction", "prior-experiment", "paper"]
    cite: str = ""  # the experiment or paper
    expected: dict[str, Expected] = Field(min_length=1)  # by metric

    @model_validator(mode="after")
    def _cited(self) -> Baseline:
        if self.source != "reproduction" and not self.cite:
            raise ValueError(f"cite: a baseline from a {self.source} names it")
        return self


class Criterion(_Part):
    """What counts as success: true or false of the numbers."""

    id: Word
    expr: Text
    on: Literal["primary", "secondary", "sanity", "reproducibility"] = "primary"


class Mve(_Part):
    """The minimum viable experiment: few units first, and whether to go on."""

    cells: tuple[Word, ...] | None = None  # by name; None: the first
    seeds: tuple[Whole, ...] = Field(min_length=1)
    pass_if: Text


class Scenario(_Part):
    """An arm that asks Gnomon itself: an engine against measured values, or a prediction."""

    engine: Text
    measurements: str | None = None  # a table: its error statistics are the document that pointers read
    scenario: str | None = None  # a scenario file: its prediction is
    where: dict[str, Scalar] = Field(default_factory=dict)  # rows of the table
    resample: bool = False  # rows drawn again with replacement, by the unit's seed

    @model_validator(mode="after")
    def _one_question(self) -> Scenario:
        if (self.measurements is None) == (self.scenario is None):
            raise ValueError("one of measurements and scenario is expected")
        if self.resample and self.measurements is None:
            raise ValueError("resample: there are rows only where measurements are given")
        return self


class Arm(_Part):
    """One way of doing it: a command, or a question to Gnomon. {seed} and {cell variables} are filled in."""

    name: Word
    role: Literal["treatment", "baseline"] = "treatment"
    command: list[str] | str | None = None  # words, or one line that a shell reads
    gnomon: Scenario | None = None
    env: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Arm:
        if (self.command is None) == (self.gnomon is None):
            raise ValueError("one of command and gnomon is expected")
        if self.command is not None and not self.command:
            raise ValueError("command: empty")
        return self


class Protocol(_Part):
    """Every unit of the experiment: each arm on each cell with each seed."""

    arms: tuple[Arm, ...] = Field(min_length=1)
    cells: tuple[
        dict[str, Scalar], ...
    ] = ()  # values of the independent variables, with a `name`; none: one unnamed cell
    seeds: tuple[Whole, ...] = Field(min_length=1)
    order: Literal["listed", "interleaved", "shuffled"] = "listed"
    shuffle_seed: Whole = 0
    unit_estimate: Seconds  # how long a unit is expected to take
    unit_timeout: Seconds  # and when it is stopped
    retries: Whole = Field(default=0, ge=0, le=10)  # of a unit that failed; every try is kept
    workers: Whole = Field(default=1, ge=1, le=64)  # units at a time
    scratch: tuple[str, ...] = ()  # folders that units may write to besides their own


class SanityCheck(_Part):
    """Something that must work before anything is measured."""

    name: Word
    command: list[str] | str


class Input(_Part):
    """A file that the experiment reads."""

    path: Text
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: Whole | None = Field(default=None, ge=0)  # lines after the header, where it is a table


class Environment(_Part):
    """What must be installed, and what may change."""

    python: PythonVersion | None = None  # a version, or the least one: ">=3.11"
    requirements: str | None = None
    image: str | None = None
    allow_new_dependencies: bool = False
    network: bool = False
    variables: tuple[str, ...] = ()  # of the environment, handed on to units and recorded


class Budget(_Part):
    """What the experiment may use; work beyond it needs a justification that is logged."""

    tier: Literal["small", "medium", "large"]
    wall_clock: Seconds
    gpu_hours: NonNegative = 0.0
    max_runs: Whole = Field(ge=1)
    max_seeds_per_config: Whole = Field(ge=1)
    max_usd: NonNegative = 0.0


class ComputeProfile(_Part):
    """What the units need of a machine."""

    device: Literal["cpu", "gpu"] = "cpu"
    gpus: Whole = Field(default=0, ge=0, le=100_000)
    cpus: Whole = Field(default=1, ge=1)
    memory: Bytes | None = None  # of the machine; None: any will do
    disk: Bytes | None = None  # free where results are written
    cloud: Literal["advised", "fallback", "none"] = "none"


class Abort(_Part):
    """When to stop before the end."""

    id: Word
    expr: Text
    check: Literal["live", "unit", "phase"] = "unit"
    kind: Literal["time", "metric", "resource"] = "metric"
    for_consecutive: Whole = Field(default=1, ge=1)
    waivable: bool = True  # whether an unrealistic limit of time may be set aside


class Integrity(_Part):
    """What the host must be able to enforce, and whether the registration is signed."""

    min_enforcement: Literal["detect-only", "landlock", "sandbox"] = "detect-only"
    signing: Literal["none", "ssh"] = "none"


class Spec(_Part):
    """An experiment as it is registered."""

    schema_: Literal["gnomon/experiment/1"] = Field(alias="schema")
    id: str = Field(pattern=r"^exp-\d{3,}-[a-z0-9]+(-[a-z0-9]+)*$")
    title: Text
    hypothesis: Hypothesis
    variables: Variables
    metrics: Metrics
    baselines: tuple[Baseline, ...] = Field(min_length=1)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    mve: Mve | None = None
    protocol: Protocol
    sanity: tuple[SanityCheck, ...] = Field(min_length=1)
    inputs: tuple[Input, ...] = ()
    environment: Environment = Environment()
    budget: Budget
    compute_profile: ComputeProfile = ComputeProfile()
    abort: tuple[Abort, ...] = Field(min_length=1)
    confounds: tuple[Text, ...] = Field(min_length=1)
    integrity: Integrity = Integrity()
