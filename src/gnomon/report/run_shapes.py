"""What a report reads of a run's records and configuration, checked at the door: whoever writes files can write others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class _Record(_Shape):
    kind: str
    time: str
    mono: float


class _Registered(_Record):
    run: str = Field(min_length=1)
    spec_sha256: str


class _RunStarted(_Record):
    enforcement: str
    host: dict[str, Any]
    resumed: bool


class _Planned(_Record):
    units: int


class _Phase(_Record):
    phase: str


class _Attempt(_Record):
    unit: str
    attempt: int


class _UnitStarted(_Attempt):
    label: str
    phase: str


class _Spent(_Attempt):
    gpu_hours: float
    steps: int


class _UnitDone(_Spent):
    metrics: dict[str, float | None]
    missing: dict[str, str]
    nonfinite: dict[str, str]
    facts: list[str]
    violations: list[str]
    result_sha256: str


class _UnitFailed(_Spent):
    failure: str


class _GivenUp(_Record):
    unit: str


class _Violation(_Record):
    what: str
    unit: str = ""


class _Waived(_Record):
    id: str
    threshold: float
    estimate: float
    reason: str


class _Justified(_Record):
    axis: str
    text: str


class _Note(_Record):
    text: str


class _Ended(_Record):
    end: str
    reason: str


class _Sealed(_Record):
    manifest_sha256: str


_RECORDS: dict[str, type[_Record]] = {
    "registered": _Registered,
    "run_started": _RunStarted,
    "planned": _Planned,
    "phase_entered": _Phase,
    "phase_done": _Phase,
    "unit_started": _UnitStarted,
    "unit_done": _UnitDone,
    "unit_failed": _UnitFailed,
    "unit_lost": _Attempt,
    "unit_given_up": _GivenUp,
    "violation": _Violation,
    "criterion_waived": _Waived,
    "overage_justified": _Justified,
    "note": _Note,
    "ended": _Ended,
    "sealed": _Sealed,
}


def check_record(record: Mapping[str, Any]) -> None:
    """ValueError for a record without what the fold over the journal reads of its kind."""
    _RECORDS.get(str(record.get("kind")), _Record).model_validate(record)


class _Git(_Shape):
    commit: str
    branch: str
    is_dirty: bool


class _Environment(_Shape):
    gnomon: str
    host: str
    kernel: str
    system: str
    cpu: str
    cores: int | None
    memory_bytes: int | None
    container: str = ""
    gpus: list[str]
    git: _Git
    variables: dict[str, str] = Field(default_factory=dict)
    withheld: list[str] = Field(default_factory=list)


class _Interpreter(_Shape):
    python: str
    packages: dict[str, str]


class Config(_Shape):
    """config.json: what the run stood on."""

    executor: str
    environment: _Environment
    before: _Interpreter
    changed: list[str]
