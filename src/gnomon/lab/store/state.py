"""What became of a run so far: a fold over its journal. Nothing else is authoritative.

Every record kind that changes what a run has come to has one branch in `State.take`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gnomon.lab.specs.plan import PHASES
from gnomon.lab.store.journal import START, Record

# How a run can end; "sealed" says that the results are closed, whatever became of them.
ENDS = (
    "completed",
    "aborted",
    "budget_stopped",
    "sanity_failed",
    "baseline_failed",
    "mve_failed",
    "error",
)
RUNNING = ("registered", *PHASES)  # how far it is while it goes on


@dataclass(slots=True, kw_only=True)
class UnitState:
    """What became of one unit."""

    attempts: int = 0  # started
    failures: int = 0
    done: int | None = None  # the attempt that counts; None: none yet
    metrics: dict[str, Any] = field(default_factory=dict)  # name -> number, or None
    missing: dict[str, str] = field(default_factory=dict)  # metric -> why it has no value
    nonfinite: dict[str, str] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    result_sha256: str = ""
    under_way: int | None = None  # the attempt that was started and has not ended
    failure: str = ""  # what became of the last attempt that failed


@dataclass(slots=True, kw_only=True)
class State:
    """A run as its journal tells it."""

    run: str = ""
    spec_sha256: str = ""
    enforcement: str = ""
    phase: str = "registered"
    phases_done: list[str] = field(default_factory=list)
    end: str | None = None  # one of ENDS; None: it goes on
    reason: str = ""  # why it ended before its time
    is_sealed: bool = False
    planned: int = 0
    units: dict[str, UnitState] = field(default_factory=dict)
    done: int = 0
    failed: int = 0  # units given up
    attempts: int = 0
    ended: int = 0  # attempts that ended by themselves, well or not
    at_work: int = 0  # attempts that were started and have not ended
    durations_s: list[float] = field(default_factory=list)  # of units that are done, sanity checks apart
    fired: str = ""  # the criterion that ends the run, with its place
    held: dict[str, int] = field(default_factory=dict)  # how often in a row a criterion has held, by its name
    violations: list[Record] = field(default_factory=list)  # none of attempts that were lost: they are begun anew
    waived: list[Record] = field(default_factory=list)
    overages: list[Record] = field(default_factory=list)
    notes: list[Record] = field(default_factory=list)
    wall_s: float = 0.0  # while a runner was at work
    gpu_hours: float = 0.0
    steps: int = 0
    started: str = ""
    last: str = ""  # time of the last record
    head: str = START  # digest of the last record
    interruptions: int = 0
    _runner_since: float | None = None  # monotonic time of the last record of the runner at work
    given_up: set[str] = field(default_factory=set)

    def take(self, record: Record) -> None:
        """Fold one record in."""
        self._clock(record)
        unit = self.units.setdefault(record["unit"], UnitState()) if "unit" in record else UnitState()
        match record["kind"]:
            case "registered":
                self.run, self.spec_sha256 = record["run"], record["spec_sha256"]
                self.started = record["time"]
            case "run_started":
                self.enforcement = record["enforcement"]
                self.interruptions += record["resumed"]
            case "planned":
                self.planned = record["units"]
            case "phase_entered":
                self.phase = record["phase"]
            case "phase_done":
                self.phases_done.append(record["phase"])
                self._judge(record)
            case "unit_started":
                unit.attempts += 1
                unit.under_way = record["attempt"]
                self.attempts, self.at_work = self.attempts + 1, self.at_work + 1
            case "unit_done":
                unit.done, unit.under_way = record["attempt"], None
                unit.metrics, unit.missing = record["metrics"], record["missing"]
                unit.nonfinite, unit.facts = record["nonfinite"], record["facts"]
                self.violations += [
                    {"unit": record["unit"], "attempt": record["attempt"], "what": "value", "text": text}
                    for text in record["violations"]
                ]
                unit.result_sha256 = record["result_sha256"]
                self.done += 1
                if record["phase"] != "sanity":
                    self.durations_s.append(record["wall_s"])
                self._spend(record)
            case "unit_failed":
                unit.failures, unit.under_way, unit.failure = unit.failures + 1, None, record["failure"]
                unit.facts = record.get("facts", [])
                if record["is_given_up"]:
                    self.given_up.add(record["unit"])
                    self.failed += 1
                self._spend(record)
            case "criterion_fired":
                self.fired = self.fired or record["fired"]
            case "unit_stopped":
                unit.under_way = None
                self.at_work -= 1
                self.gpu_hours += record["gpu_hours"]
            case "unit_lost":  # its runner died; what it used is not known
                unit.under_way = None
                self.at_work -= 1
                lost = (record["unit"], record["attempt"])
                self.violations = [one for one in self.violations if (one.get("unit"), one.get("attempt")) != lost]
            case "violation":
                self.violations.append(record)
            case "criterion_waived":
                self.waived.append(record)
            case "overage_justified":
                self.overages.append(record)
            case "note":
                self.notes.append(record)
            case "ended":
                self.end, self.reason = record["end"], record["reason"]
            case "sealed":
                self.is_sealed = True

    def is_done(self, unit: str) -> bool:
        """Whether a unit counts."""
        return unit in self.units and self.units[unit].done is not None

    def attempts_of(self, unit: str) -> int:
        """How often a unit was begun."""
        return self.units[unit].attempts if unit in self.units else 0

    def wall_until_s(self, mono: float) -> float:
        """Time while a runner was at work, up to a moment of its monotonic clock."""
        return self.wall_s + (max(mono - self._runner_since, 0.0) if self._runner_since is not None else 0.0)

    def _clock(self, record: Record) -> None:
        """Time while a runner was at work: monotonic, from its start to its last record; a person's come in between."""
        if record["kind"] == "run_started":
            self._runner_since = record["mono"]
        elif self._runner_since is not None and record["kind"] not in ("note", "overage_justified"):
            self.wall_s = self.wall_until_s(record["mono"])
            self._runner_since = record["mono"]
        self.last, self.head = record["time"], record["hash"]

    def _spend(self, record: Record) -> None:
        self.ended, self.at_work = self.ended + 1, self.at_work - 1
        self.gpu_hours += record["gpu_hours"]
        self.steps += record["steps"]
        self._judge(record)

    def _judge(self, record: Record) -> None:
        """What criteria said at the end of a unit or a phase; the first that fires is the reason."""
        self.fired = self.fired or record.get("fired", "")
        self.held = record.get("held", {})
