"""The shapes of what a run leaves for other programs: metrics.json and config.json. Their JSON Schemas are made from these.

metrics.json has the keys that readers of experiments know, all of them and no other; what is of ours stands in _protocol.
There, and in config.json, a later Gnomon may add fields within a version, so that a reader passes over what it does not
know. Nothing is validated while a run writes: a shape must not be what ends one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gnomon.lab.runs import collect, configuration
from gnomon.lab.runs.budget import AXES
from gnomon.lab.runs.readiness import LEVELS
from gnomon.lab.specs.plan import PHASES
from gnomon.lab.store.state import ENDS, RUNNING

Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]  # UTC
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # sha256
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Metrics = dict[str, float | None]  # name -> value; None: there is none, and _protocol.missing says why
Level = Annotated[str, Field(json_schema_extra={"enum": [*LEVELS]})]


class Closed(BaseModel):
    """These fields and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Growing(BaseModel):
    """These fields, and what a later version adds."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class UnitMetrics(Growing):
    """One unit, with the value of each variable of its cell under the variable's name."""

    arm: str
    cell: str | None
    """None: the experiment has no cells."""
    seed: int | None
    unit: str
    """Its name in the journal and in the folder `units`."""
    metrics: Metrics
    """Empty where the unit did not end."""


class Usage(Closed):
    """What the run used."""

    gpu_hours: Amount
    wall_clock_seconds: Amount
    """While a runner was at work."""
    total_training_steps: Count
    """As units told them; 0 where they told none."""
    total_runs: Count
    """Units that ended by themselves, well or not, each time."""


class Counts(Growing):
    """Units of the plan by what became of them."""

    planned: Count
    done: Count
    failed: Count
    """Given up."""
    skipped: Count
    """Neither done nor given up."""


class Place(Growing):
    """Where in the plan a number would stand."""

    arm: str
    cell: str | None
    seed: int | None


class Lacking(Place):
    """A number that is not there."""

    phase: Annotated[str, Field(json_schema_extra={"enum": [*PHASES]})]
    metric: str | None
    """None: none of the unit's."""
    reason: str


class Nonfinite(Place):
    """A number that JSON has no word for."""

    metric: str
    nonfinite: str
    """What it was: nan, inf, -inf."""


class Violation(Growing):
    """Something against the protocol. Further fields say what was tried, and on what."""

    what: str
    """protected: reached for what is not a unit's; value: out of bounds or told twice; environment: dependencies changed;
    changed: the spec or sealed results of another experiment are not what they were when the run began."""
    label: str
    """The unit, for people; empty: of no unit."""


class Waived(Growing):
    """A limit of time that was set aside because sound units would not keep it."""

    id: str
    threshold: float
    """Seconds that the criterion allows."""
    estimate: float
    """Seconds that units take."""
    reason: str


class Overage(Growing):
    """Leave to go beyond the budget, with the reason that was given."""

    axis: Annotated[str, Field(json_schema_extra={"enum": [*AXES]})]
    text: str


class Spread(Growing):
    """A metric over the units of an arm."""

    n: Count
    """Units with a value."""
    mean: float | None
    std: float | None
    """Of the sample; None: fewer than two values."""
    ci95: float | None
    """Half of the 95 % interval of the mean, by Student's t; None: likewise."""


class Protocol(Growing):
    """How the run kept to its protocol, and what is no metric of the spec."""

    schema_: Literal["gnomon/metrics/1"] = Field(alias="schema")
    spec_sha256: Digest
    """Of the spec's bytes, as registered."""
    run_id: str
    journal_head: Digest
    """Digest of the journal's last record when this was written."""
    enforcement: Annotated[str, Field(json_schema_extra={"enum": [*LEVELS, ""]})]
    """The level that units were held at; empty: none has begun."""
    enforcement_violations: list[Violation]
    status: Annotated[str, Field(json_schema_extra={"enum": [*RUNNING, *ENDS]})]
    """How the run ended, or the phase that it is in."""
    reason: str | None
    """Why it ended before its time."""
    executor: str
    attempts: Count
    """Units that were begun, each time."""
    units: Counts
    missing: list[Lacking]
    nonfinite: list[Nonfinite]
    waived_criteria: list[Waived]
    overages: list[Overage]
    stats: dict[str, dict[str, Spread]]
    """Arm -> metric -> its spread over cells and seeds."""
    arms: dict[str, Metrics]
    """Arms beside the first baseline and the first treatment."""
    mve: list[UnitMetrics]
    """Units of the minimum viable experiment, which count in no result."""


class MetricsDocument(Closed):
    """metrics.json."""

    experiment: str
    timestamp: Time
    """Of writing."""
    baseline: Metrics
    """Of the first baseline arm: each metric, taken together over cells and seeds."""
    treatment: Metrics
    """Of the first treatment arm, likewise."""
    per_seed: list[UnitMetrics]
    """Every unit of the baseline and of the full protocol, in the order of the plan."""
    sanity_checks: dict[str, bool]
    """Name -> whether it passed."""
    resource_usage: Usage
    abort_triggered: bool
    """Whether an abort criterion ended the run."""
    abort_reason: str | None
    notes: str
    """Facts that are no metric, a line each."""
    protocol: Protocol = Field(alias="_protocol")


class Command(Growing):
    """A unit as it was run."""

    unit: str
    phase: Annotated[str, Field(json_schema_extra={"enum": [*PHASES]})]
    label: str
    command: list[str]
    env: dict[str, str]
    """What it got beside the environment of the runner that is kept."""


class Enforcement(Growing):
    """What held the units; the executor adds how."""

    level: Level
    reasons: list[str]
    """Why it is not a higher one."""


class Git(Growing):
    """The repository when the run ended."""

    commit: str
    """Empty: no repository."""
    branch: str
    is_dirty: bool
    """Whether files differed from the commit: env/git.diff says in what."""


class Package(Growing):
    """What was installed."""

    version: str
    record_sha256: Digest | None
    """Of its RECORD, the installer's list of files and their hashes; None: it has none."""


class Environment(Growing):
    """What the run stood on."""

    gnomon: str
    host: str
    kernel: str
    system: str
    cpu: str
    cores: int | None
    memory_bytes: int | None
    container: str
    """What hints at one; empty: nothing does."""
    gpus: list[Any]
    """What is known of each."""
    git: Git
    variables: dict[str, str]
    """Of the environment, those that the spec names."""
    withheld: list[str]
    """Names that the spec has and that look like secrets."""
    packages: dict[str, Package] = Field(default_factory=dict)
    """By name; early documents have none."""


class Fingerprint(Growing):
    """Interpreter and packages."""

    python: str
    executable: str
    packages: dict[str, str]
    """Name -> version."""
    digest: Digest
    """Of all the rest."""


class Axis(Growing):
    """One axis of the budget."""

    axis: Annotated[str, Field(json_schema_extra={"enum": [*AXES]})]
    used: Amount
    allowed: Amount
    is_over: bool


class ConfigDocument(Growing):
    """config.json."""

    schema_: Literal["gnomon/config/1"] = Field(alias="schema")
    experiment: str
    run_id: str
    spec: dict[str, Any]
    """The front matter as read: every default filled in, times in seconds."""
    units: list[Command]
    """Every unit of the plan in its order."""
    started: Time
    finished: Time
    executor: str
    enforcement: Enforcement
    environment: Environment
    before: Fingerprint
    """When the run began."""
    after: Fingerprint
    changed: list[str]
    """What differs between the two, in words."""
    budget: list[Axis]
    overages: list[str]
    """Reasons to go beyond it."""


# Kind of document -> its shape, and the title of its schema.
DOCUMENTS: dict[str, tuple[type[BaseModel], str]] = {
    "metrics": (MetricsDocument, collect.SCHEMA),
    "config": (ConfigDocument, configuration.SCHEMA),
}
