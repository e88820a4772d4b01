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
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class Hypothesis(_Part):
    """What is expected, with the number that would show it."""

    statement: Text
    """In a sentence; what decides are the criteria."""
    metric: Word
    """The primary metric it is about."""
    direction: Literal["below", "above", "equal"]
    """On which side of the magnitude it is expected."""
    magnitude: Finite
    """In the metric's unit, or a ratio to the reference."""
    reference: Text
    """What the number is held against: a baseline, a paper, a requirement."""


class Independent(_Part):
    """Something that is varied."""

    name: Word
    """As cells and commands call it; not `name`, `seed`, `cell` or `python`."""
    levels: tuple[Scalar, ...] = Field(min_length=1)
    """Every value that it takes; each stands in a cell, unless they are the names of arms."""
    why: str = ""
    """Why it is varied, and why over these levels."""


class Control(_Part):
    """Something that is held."""

    name: Word
    """What is held."""
    value: Scalar
    """At what."""
    why: Text
    """Why at that."""


class Variables(_Part):
    """What is varied and what is held."""

    independent: tuple[Independent, ...] = Field(min_length=1)
    """What is varied."""
    controls: tuple[Control, ...] = ()
    """What is held. For readers: nothing sets it."""


class Source(_Part):
    """Where a metric's number is found in what a unit leaves: one of `pointer`, `regex`, `observations`, `mlperf` and `expr`."""

    file: str | None = None
    """A JSON file in the unit's folder, for `pointer` to read; without it, what the unit printed."""
    pointer: str | None = None
    """RFC 6901, like `/rows/0/value`: where the number is in that JSON; `''` is all of it."""
    regex: str | None = None
    """In standard output. Its group, or without one the whole match, is the number; the last match counts."""
    observations: str | None = None
    """The last value of that name among the JSON lines on descriptor 3."""
    mlperf: str | None = None
    """The value of the last `:::MLLOG` line of that key in standard output."""
    expr: str | None = None
    """A number made of other metrics of the same unit."""

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
    """As criteria call it; one metric of a name, and none that a run tells of itself, like `elapsed`."""
    unit: str
    """Of the number as it is read: `ms`, `%`, `token/s`; `''` for a plain ratio."""
    direction: Literal["lower", "higher", "none"]
    """Which is better."""
    from_: Source = Field(alias="from")
    """Where the number is found."""
    aggregate: Literal["mean", "median", "min", "max", "sum"] = "mean"
    """How `metrics.json` and baselines take it together over seeds and cells."""
    bounds: tuple[Finite, Finite] | None = None
    """Lowest and highest value that it can have: one outside is recorded as a violation, and is no number."""
    why: str = ""
    """Why it is measured."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Metric:
        if self.bounds and self.bounds[0] > self.bounds[1]:
            raise ValueError(f"bounds: {self.bounds[0]:g} is above {self.bounds[1]:g}")
        return self


class Metrics(_Part):
    """Every number that is measured."""

    primary: tuple[Metric, ...] = Field(min_length=1, max_length=2)
    """What the hypothesis is about."""
    secondary: tuple[Metric, ...] = ()
    """What else is of interest."""
    sanity: tuple[Metric, ...] = ()
    """What shows that a unit did its work."""

    @property
    def every(self) -> tuple[Metric, ...]:
        """All of them, primary ones first."""
        return (*self.primary, *self.secondary, *self.sanity)


class Expected(_Part):
    """What a baseline must show: a `value` with one of `tol_rel` and `tol_abs`, or `ci` alone."""

    value: Finite | None = None
    """The known number; with `tol_rel` or `tol_abs`."""
    tol_rel: NonNegative | None = None
    """How far off it may be, as a share of the value."""
    tol_abs: NonNegative | None = None
    """How far off it may be, in the metric's unit."""
    ci: tuple[Finite, Finite] | None = None
    """Lowest and highest number that will do; without `value`."""

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
    """As a run names it where it is not had."""
    arm: Word
    """The arm with the role baseline that gives it."""
    source: Literal["reproduction", "prior-experiment", "paper"]
    """Where it is known from."""
    cite: str = ""
    """The experiment or paper; must be there unless the source is `reproduction`."""
    expected: dict[str, Expected] = Field(min_length=1)
    """By metric: what its aggregate over all cells and seeds of the arm must be, within one tolerance."""

    @model_validator(mode="after")
    def _cited(self) -> Baseline:
        if self.source != "reproduction" and not self.cite:
            raise ValueError(f"cite: a baseline from a {self.source} names it")
        return self


class Criterion(_Part):
    """What counts as success: true or false of the numbers."""

    id: Word
    """As the verdict calls it."""
    expr: Text
    """True or false of the series."""
    on: Literal["primary", "secondary", "sanity", "reproducibility"] = "primary"
    """Which metrics it is about, one of which it must name; one at least is on `primary`. `reproducibility` is a label, for which nothing is asked."""


class Mve(_Part):
    """The minimum viable experiment: few units first, and whether to go on."""

    cells: tuple[Word, ...] | None = None
    """By name; without: the first cell."""
    seeds: tuple[Whole, ...] = Field(min_length=1)
    """Of these units alone; they never count in the full protocol, and may differ from its seeds."""
    pass_if: Text
    """Whether to go on: an expression on these units and on the baseline's."""


class Scenario(_Part):
    """An arm that asks Gnomon itself: either an engine against measured values, or a prediction."""

    engine: Text
    """Which engine answers, as `gnomon list engines` names it."""
    measurements: str | None = None
    """A table, built in (`published`) or a file: the error statistics that `gnomon compare` gives are what pointers read."""
    scenario: str | None = None
    """A scenario file: the prediction that `gnomon predict` gives is what pointers read."""
    where: dict[str, Scalar] = Field(default_factory=dict)
    """Which rows of the table: column and value."""
    resample: bool = False
    """Draw as many rows again with replacement, by the unit's seed."""

    @model_validator(mode="after")
    def _one_question(self) -> Scenario:
        if (self.measurements is None) == (self.scenario is None):
            raise ValueError("one of measurements and scenario is expected")
        if self.resample and self.measurements is None:
            raise ValueError("resample: there are rows only where measurements are given")
        return self


class Arm(_Part):
    """One way of doing it: either `command` or `gnomon`."""

    name: Word
    """As criteria call it."""
    role: Literal["treatment", "baseline"] = "treatment"
    """Baselines run first and must come out as expected; there is one arm of each role at least."""
    command: list[str] | str | None = None
    """Words, or text for `/bin/sh`. `{seed}`, `{cell}`, `{python}` and the cell's variables are filled in; `{{` and `}}` are braces."""
    gnomon: Scenario | None = None
    """A question to Gnomon in place of a command."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables of the environment; their values are filled in as the command is."""

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
    """What is compared."""
    cells: tuple[dict[str, Scalar], ...] = ()
    """Each a mapping with a `name` and a level of every independent variable; none: one cell without a name."""
    seeds: tuple[Whole, ...] = Field(min_length=1)
    """Every arm runs on every cell with each of them; none twice. How many at least is the tier's."""
    order: Literal["listed", "interleaved", "shuffled"] = "listed"
    """Within a phase: arm by arm, arms in turns, or shuffled."""
    shuffle_seed: Whole = 0
    """What `shuffled` shuffles by."""
    unit_estimate: Seconds
    """How long a unit is expected to take."""
    unit_timeout: Seconds
    """When it is stopped, and failed; not below the estimate."""
    retries: Whole = Field(default=0, ge=0, le=10)
    """How often a unit that failed is tried again; every attempt is kept."""
    workers: Whole = Field(default=1, ge=1, le=64)
    """Units at a time."""
    scratch: tuple[str, ...] = ()
    """Folders of the repository that units may write to besides their own; not `experiments`, `results`, `claims` or `.git`."""


class SanityCheck(_Part):
    """Something that must work before anything is measured."""

    name: Word
    """As `metrics.json` calls it."""
    command: list[str] | str
    """Words, or text for `/bin/sh`; `{python}` is filled in. It passes with exit code 0."""


class Input(_Part):
    """A file that the experiment reads."""

    path: Text
    """From the folder above `experiments/`, and below it."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of its bytes, before every run."""
    rows: Whole | None = Field(default=None, ge=0)
    """Lines after the header, where it is a table; without: not counted."""


class Environment(_Part):
    """What must be installed, and what may change."""

    python: PythonVersion | None = None
    """A version in quotes, or the least one: `"3.11"`, `">=3.11"`; without: any will do."""
    requirements: str | None = None
    """A requirements file: what it pins by `==` must be installed so; its other lines ask for nothing."""
    image: str | None = None
    """A container image. Refused by preflight: units run on the machine itself."""
    allow_new_dependencies: bool = False
    """Whether what is installed may change while it runs; else that is a violation, and ends in code 12."""
    network: bool = False
    """Whether units reach the network, where the enforcement can keep them from it."""
    variables: tuple[str, ...] = ()
    """Names in the runner's environment that units get and `config.json` records; values of names that look like secrets are not recorded."""


class Budget(_Part):
    """What the experiment may use; work beyond it needs a justification that is logged."""

    tier: Literal["small", "medium", "large"]
    """`small`: an hour and 3 seeds at least; `medium`: a day, 3; `large`: two weeks, 5. By the units' estimate."""
    wall_clock: Seconds
    """While a runner is at work. Once it is over no phase begins; the phase in course completes."""
    gpu_hours: NonNegative = 0.0
    """`compute_profile.gpus` times the wall-clock time of each unit. A unit that does not fit is not begun."""
    max_runs: Whole = Field(ge=1)
    """Every unit, sanity checks and retries included; the next is not begun."""
    max_seeds_per_config: Whole = Field(ge=1)
    """More seeds in `protocol` are refused."""
    max_usd: NonNegative = 0.0
    """Written into `config.json`. Nothing enforces it: units on this machine cost nothing."""


class ComputeProfile(_Part):
    """What the units need of a machine."""

    device: Literal["cpu", "gpu"] = "cpu"
    """What units run on; `gpu` hands them the accelerators, and asks for `gpus`."""
    gpus: Whole = Field(default=0, ge=0, le=100_000)
    """How many must be there, and how many a unit counts for in GPU-hours."""
    cpus: Whole = Field(default=1, ge=1)
    """Cores that the runner may use, at least."""
    memory: Bytes | None = None
    """Of the machine, at least; without: any will do."""
    disk: Bytes | None = None
    """Free where results are written, at least; without: any will do."""
    cloud: Literal["advised", "fallback", "none"] = "none"
    """A note of where it should run. Nothing starts a machine; `advised` asks for `budget.max_usd`."""


class Abort(_Part):
    """When to stop before the end."""

    id: Word
    """As the reason of the end calls it."""
    expr: Text
    """True or false of single numbers, at `phase` also of series."""
    check: Literal["live", "unit", "phase"] = "unit"
    """`unit`: after each; `live`: while it runs, at its observations and as time passes; `phase`: after each."""
    kind: Literal["time", "metric", "resource"] = "metric"
    """`time` is `elapsed > LIMIT` or `wall_clock > LIMIT`, and can be waived; the others are labels."""
    for_consecutive: Whole = Field(default=1, ge=1)
    """How often in a row it must hold."""
    waivable: bool = True
    """Whether a limit of time below 1.5 times what units take is set aside before its first use."""


class Integrity(_Part):
    """What the host must be able to enforce, and whether the registration is signed."""

    min_enforcement: Literal["detect-only", "landlock", "sandbox"] = "detect-only"
    """The least level that preflight lets a run begin with; `gnomon exp doctor` says which is reached."""
    signing: Literal["none", "ssh"] = "none"
    """Whether registration signs the spec by the ssh key that git signs with."""


class Spec(_Part):
    """An experiment as it is registered."""

    schema_: Literal["gnomon/experiment/1"] = Field(alias="schema")
    """The version of this form."""
    id: str = Field(pattern=r"^exp-\d{3,}-[a-z0-9]+(-[a-z0-9]+)*$")
    """As the file is called, without `.md`."""
    title: Text
    """One line."""
    hypothesis: Hypothesis
    """What is expected, with the number that would show it."""
    variables: Variables
    """What is varied and what is held."""
    metrics: Metrics
    """Every number that is measured."""
    baselines: tuple[Baseline, ...] = Field(min_length=1)
    """Known results that are had again before anything new is measured; every baseline arm is in one."""
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    """What counts as success, each true or false of the numbers."""
    mve: Mve | None = None
    """The minimum viable experiment: few units first, and whether to go on; without: straight to all of them."""
    protocol: Protocol
    """Every unit of the experiment: each arm on each cell with each seed."""
    sanity: tuple[SanityCheck, ...] = Field(min_length=1)
    """What must work before anything is measured."""
    inputs: tuple[Input, ...] = ()
    """Files that the experiment reads, checked before every run."""
    environment: Environment = Environment()
    """What must be installed, and what may change."""
    budget: Budget
    """What the experiment may use."""
    compute_profile: ComputeProfile = ComputeProfile()
    """What preflight asks of the machine."""
    abort: tuple[Abort, ...] = Field(min_length=1)
    """When to stop before the end."""
    confounds: tuple[Text, ...] = Field(min_length=1)
    """What else could make the difference. For readers."""
    integrity: Integrity = Integrity()
    """What the host must be able to enforce, and whether the registration is signed."""
