"""What a report reads of each document, checked at the door: fields that it does not read may be there or not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PlainValidator, PositiveFloat

Number = float | None


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class _Operator(_Shape):
    name: str
    family: str
    dtype: str
    phase: str
    repeat: int
    flop: NonNegativeFloat
    moved_bytes: NonNegativeFloat
    time_s: NonNegativeFloat
    bound: str | None = None  # where the engine says it


class _Peak(_Shape):
    dtype: str
    unit: str
    flop_per_s: PositiveFloat


class _Roofs(_Shape):
    memory_bytes_per_s: PositiveFloat
    peaks: list[_Peak]


class _Part(_Shape):
    name: str
    value: NonNegativeFloat
    kind: str
    parts: list[_Part]
    combine: str


class _Interval(_Shape):
    low: float
    high: float


class _Throughput(_Shape):
    value: Number


class _Memory(_Shape):
    total_bytes: float


class _Provenance(_Shape):
    version: str


class _Estimate(_Shape):
    name: str
    value: NonNegativeFloat


class _Spread(_Shape):
    quantity: str
    estimates: list[_Estimate]
    quantiles: list[NonNegativeFloat] = Field(min_length=2)


class _ReplicaCount(_Shape):
    time_s: float
    ready: int
    starting: int
    leaving: int


class _Scaling(_Shape):
    replica_s: NonNegativeFloat
    course: list[_ReplicaCount] = Field(min_length=1)


class _Service(_Shape):
    completed: int
    spreads: list[_Spread] = Field(min_length=1)
    scaling: _Scaling | None = None


class _Quantity(_Shape):
    quantity: str
    mode: str
    reasons: list[str]
    unit: Literal["s"] = "s"


class _Answered(_Quantity):
    value: NonNegativeFloat
    bound: str | None  # null where it is not known
    parts: list[_Part]
    interval: _Interval | None
    throughput: _Throughput
    memory: _Memory
    mfu: Number
    fits: bool
    provenance: _Provenance
    operators: list[_Operator] | None = None
    roofs: _Roofs | None = None
    service: _Service | None = None


class _Silent(_Quantity):
    reasons: list[str] = Field(min_length=1)
    value: None


def _answered_or_not(data: Any) -> _Quantity:
    """A quantity by whether it has a value: so a fault names its field, not the two forms."""
    is_silent = isinstance(data, dict) and data.get("value", 0) is None
    return (_Silent if is_silent else _Answered).model_validate(data)


class _Row(_Shape):
    model: str
    system: str
    engine: str
    batch: int
    seq: int | None
    context: int | None
    dtype: str
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    attention: str = "fused"
    head: str | None = None
    asked_head: str | None = None
    classes: int | None = None
    image: int | None = None
    sizes: dict[str, int] = {}
    overrides: dict[str, str | list[str]] = {}
    training: dict[str, str | int | float | bool] = {}
    serving: dict[str, Any] = {}
    quantities: list[Annotated[_Quantity, PlainValidator(_answered_or_not)]] = Field(min_length=1)


class _Limit(_Shape):
    metric: str
    statistic: str
    most_s: PositiveFloat


class _Rate(_Shape):
    value: PositiveFloat


class _RateRun(_Shape):
    draw: int
    rate_per_s: PositiveFloat
    statistics_s: dict[str, NonNegativeFloat]
    broken: str


class Capacity(_Shape):
    """gnomon/serve-capacity/1."""

    scenario: str
    limits: list[_Limit] = Field(min_length=1)
    rate: _Rate
    curve: list[_RateRun] = Field(min_length=1)


class Predictions(_Shape):
    """gnomon/predict/1."""

    rows: list[_Row]


class _Measured(_Shape):
    mode: str
    time_s: PositiveFloat


class _Scenario(_Shape):
    scenario: str
    answers: list[_Row]
    measured: list[_Measured]


class Scenarios(_Shape):
    """gnomon/compare/1 of scenarios."""

    scenarios: list[_Scenario]


class _Errors(_Shape):
    rows: int
    asked: int
    coverage: float
    median_ape: Number
    mean_ape: Number
    p90_ape: Number
    bias: Number
    kendall_tau: Number


class _Group(_Errors):
    group: str


class _Refused(_Shape):
    reason: str
    rows: int


class _HeldOut(_Shape):
    group: str
    rows: int
    coverage: float
    median_half_width: float


class _Level(_Shape):
    level: float
    rows: float
    mean: float
    lowest: float
    highest: float


class _Intervals(_Shape):
    level: float
    silicon_weighs_alike: list[_HeldOut]
    rows_weigh_alike: list[_HeldOut]
    levels: list[_Level] = []


class _Inside(_Shape):
    rows: int
    of: int


class _Compared(_Shape):
    subject: str
    device: str
    dtype: str
    line: int
    measured_s: PositiveFloat
    predicted_s: PositiveFloat
    error_percent: float


class Measurements(_Shape):
    """gnomon/compare/1 of a table."""

    table: str
    engine: str
    version: str
    sha256: str
    kind: Literal["models", "kernels"]
    rows_asked: int
    rows_answered: int
    rows_doubted: int
    refused: list[_Refused]
    overall: _Errors
    inside_interval: _Inside
    in_sample: bool
    by: dict[str, list[_Group]]
    doubted: list[_Group]
    worst: list[_Compared]
    intervals: _Intervals
    rows: list[_Compared] = []


class _Objective(_Shape):
    name: str
    goal: Literal["min", "max"]


class _Axis(_Shape):
    field: str


class SweepResult(_Shape):
    """gnomon/sweep-result/1 of a sweep that is complete."""

    name: str
    title: str = ""
    complete: bool
    version: str
    vary: list[_Axis]
    objectives: list[_Objective]
    pareto: list[int]


class _Conditions(_Shape):
    metric: str
    workload: str = ""
    system: str = ""


class _Source(_Shape):
    title: str
    where: str
    year: int | None = None
    cite: str = ""
    relayed_by: str = ""


class _Trial(_Shape):
    experiment: str
    differs: str = ""


class _Resolved(_Shape):
    experiment: str
    metric: str
    arm: str
    run: str = ""
    measured: Number = None
    unit: str
    date: str


class _Discrepancy(_Shape):
    absolute: float
    relative: Number = None


class _Claim(_Shape):
    tool: str
    id: str
    statement: str
    unit: str
    status: Literal["unverified", "reproduced", "refuted", "not_comparable"]
    said: str
    measured: Number
    conditions: _Conditions
    source: _Source
    test: _Trial | None = None
    resolved_by: _Resolved | None = None
    discrepancy: _Discrepancy | None = None
    note: str = ""


class _OfTool(_Shape):
    tool: str
    unverified: int
    reproduced: int
    refuted: int
    not_comparable: int


class Claims(_Shape):
    """gnomon/claims-report/1."""

    claims: int
    by_status: dict[str, int]
    by_tool: list[_OfTool]
    rows: list[_Claim]
