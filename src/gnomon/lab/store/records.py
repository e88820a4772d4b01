"""The records of a journal: what each kind holds that the fold over them reads.

They are checked as a journal is read, since whoever can write a file can write one whose chain of digests fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

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


class _Judged(_Record):
    fired: str = ""  # the criterion that fired, with its place; empty: none did
    held: dict[str, int] = Field(default_factory=dict)  # how often in a row each has held


class _PhaseDone(_Phase, _Judged):
    pass


class _Attempt(_Record):
    unit: str
    attempt: int


class _UnitStarted(_Attempt):
    label: str
    phase: str


class _Ended(_Attempt, _Judged):
    gpu_hours: float
    steps: int
    wall_s: float


class _UnitDone(_Ended):
    phase: str
    metrics: dict[str, float | None]
    missing: dict[str, str]
    nonfinite: dict[str, str]
    facts: list[str]
    violations: list[str]
    result_sha256: str


class _UnitFailed(_Ended):
    failure: str
    is_given_up: bool


class _UnitStopped(_Attempt):
    gpu_hours: float


class _Fired(_Attempt):
    fired: str


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


class _RunEnded(_Record):
    end: str
    reason: str


class _Sealed(_Record):
    manifest_sha256: str


_RECORDS: dict[str, type[_Record]] = {
    "registered": _Registered,
    "run_started": _RunStarted,
    "planned": _Planned,
    "phase_entered": _Phase,
    "phase_done": _PhaseDone,
    "unit_started": _UnitStarted,
    "unit_done": _UnitDone,
    "unit_failed": _UnitFailed,
    "unit_lost": _Attempt,
    "unit_stopped": _UnitStopped,
    "criterion_fired": _Fired,
    "violation": _Violation,
    "criterion_waived": _Waived,
    "overage_justified": _Justified,
    "note": _Note,
    "ended": _RunEnded,
    "sealed": _Sealed,
}


def fault(record: Mapping[str, Any]) -> str:
    """What is wrong with a record of a kind that the fold reads; empty: nothing."""
    kind = str(record.get("kind"))
    try:
        _RECORDS.get(kind, _Record).model_validate(record)
    except ValidationError as found:
        field = ".".join(str(part) for part in found.errors()[0]["loc"])
        return f"{kind!r:.40} is not as Gnomon writes it, at {field}"
    return ""
