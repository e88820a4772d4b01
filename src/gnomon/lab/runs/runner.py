"""The protocol, executed: sanity, baseline, minimum viable experiment, all of it, and an end that is written whatever it is.

The journal is the only memory: a runner that is killed at any moment is followed by another that folds the journal and
goes on. A unit counts once its record is there, which is written when all that it left is on the disk; an attempt without
one is lost, and its unit begun anew.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnomon.lab.errors import NotRegistered
from gnomon.lab.repository import root_of
from gnomon.lab.runs import budget, gates
from gnomon.lab.runs.abort import Criteria, waivers
from gnomon.lab.specs.expression import Value
from gnomon.lab.specs.plan import PHASES, Phase, Unit, of_phase, units
from gnomon.lab.specs.registration import Registered, utc
from gnomon.lab.specs.spec import Abort
from gnomon.lab.store.journal import Journal
from gnomon.lab.store.plain_file import opened
from gnomon.lab.store.room import bring_to_disk, clear_beside, settle
from gnomon.lab.store.run_folder import RunFolder, digest_of_tree
from gnomon.lab.store.series import series
from gnomon.lab.store.state import State
from gnomon.lab.units.executor import Ended, Job, Worker
from gnomon.lab.units.observe import Observed, observed, parsed

GRACE_S = 30.0  # between the request to a unit that it end, and force
_LOOK_S = 0.2  # between looks at live criteria
_MOST_AT_ONCE = 1 << 20  # bytes of observations read at a look
STDOUT, LINES = "stdout.log", "observations.jsonl"  # of a unit, in its room


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class _End(Exception):
    """The run ends before its time."""

    def __init__(self, end: str, reason: str) -> None:
        super().__init__(reason)
        self.end, self.reason = end, reason


class Interrupted(Exception):
    """The run was asked to stop, and can be resumed."""


class NoSpace(Interrupted):
    """The disk is full."""


@dataclass(slots=True)
class _Attempt:
    """A unit at work."""

    unit: Unit
    number: int
    room: Path
    since: float
    criteria: Criteria  # live ones
    lines_read: int = 0
    latest: dict[str, Value] = field(default_factory=dict)  # of the observations so far, by metric
    step: int = 0
    is_stopped: bool = False  # by a criterion


@dataclass(slots=True, kw_only=True)
class Runner:
    """One run, from wherever its journal stands to its end."""

    folder: RunFolder
    registered: Registered
    workers: Sequence[Worker]
    enforcement: Mapping[str, Any]
    run: str  # its name
    tell: Callable[[State], None] = lambda state: None  # called after every record
    wall: Callable[[], datetime] = now
    mono: Callable[[], float] = time.monotonic
    state: State = field(default_factory=State)
    until_mono: float = math.inf  # no unit begins after this moment of the monotonic clock
    interrupts: int = 0  # asked for from outside: 1 lets the units at work end, 2 ends them
    planned: tuple[Unit, ...] = ()
    _journal: Journal = field(init=False, repr=False)
    _criteria: Criteria = field(default_factory=Criteria)

    def go(self) -> State:
        """Run to the end, which is recorded and not yet sealed. Interrupted where it was asked to stop."""
        self.planned = units(self.registered.spec, self.registered.lock.spec_sha256)
        with Journal(self.folder.journal, self.state.take) as journal:
            self._journal = journal
            if self.state.end is not None:
                return self.state
            self._begin()
            try:
                self._heed()
                for phase in PHASES:
                    self._phase(phase)
                self._record("ended", end="completed", reason="")
            except _End as end:
                self._record("ended", end=end.end, reason=end.reason)
            except OSError as fault:
                self.folder.free_reserve()
                if fault.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise NoSpace from None
                self._record(
                    "ended", end="error", reason=f"{fault.strerror or fault}: {fault.filename or ''}".rstrip(": ")
                )
        return self.state

    def _record(self, kind: str, **fields: Any) -> None:
        self._journal.append(kind, time=utc(self.wall()), mono=self.mono(), **fields)
        self.tell(self.state)

    def _begin(self) -> None:
        """What every start records, and what the one before left behind."""
        is_new = self._journal.count == 0
        if not is_new and self.state.spec_sha256 != self.registered.lock.spec_sha256:
            raise NotRegistered(
                f"{self.folder.path}: this run began with another version of the spec than version "
                f"{self.registered.lock.version}: put that text back to end it, or move its folder away to begin anew"
            )
        if is_new:
            lock = self.registered.lock
            self._record("registered", run=self.run, spec_sha256=lock.spec_sha256, version=lock.version)
        self._record(
            "run_started", resumed=not is_new, enforcement=self.enforcement["level"], host=dict(self.enforcement)
        )
        if self._journal.torn_bytes:
            self._record("journal_cut", torn_bytes=self._journal.torn_bytes)
        if not self.state.planned:
            self._record("planned", units=len(self.planned))
        for name, unit in self.state.units.items():  # attempts that their runner did not see end
            if unit.under_way is not None:
                self.folder.abandon(name, unit.under_way)
                self._record("unit_lost", unit=name, attempt=unit.under_way)
        self.folder.close_rooms(lambda unit, attempt: self.state.attempts_of(unit) >= attempt)

    def _heed(self) -> None:
        """End the run where a criterion has fired, before a crash or now."""
        if self.state.fired:
            raise _End("aborted", self.state.fired)

    def _phase(self, phase: Phase) -> None:
        if phase in self.state.phases_done:
            return
        spec, listed = self.registered.spec, list(of_phase(self.planned, phase))
        if self.state.phase != phase:
            self._enter(phase, len(listed))
        self._criteria = (
            Criteria.of(spec.abort, [record["id"] for record in self.state.waived], self.state.held)
            if phase != "sanity"
            else Criteria()
        )
        self._units(deque(unit for unit in listed if self._is_due(unit)))
        self._gate(phase)
        fired = self._criteria.fired("phase", self._live() | series(spec, self.planned, self.state))
        self._record("phase_done", phase=phase, fired=_because(fired, f"after {phase}"), held=self._criteria.held)
        self._heed()

    def _enter(self, phase: Phase, count: int) -> None:
        """Begin a phase of so many units, where the budget allows it; limits of time that would end sound units are set
        aside first.
        """
        spec, gone = self.registered.spec, {record["id"] for record in self.state.waived}
        if why := budget.refuses_phase(spec, self.state, justified=self._justified()):
            raise _End("budget_stopped", why)
        if phase != "sanity":
            for one in waivers(
                [one for one in spec.abort if one.id not in gone],
                unit_estimate_s=spec.protocol.unit_estimate,
                units=count,
                workers=len(self.workers),
                durations_s=self.state.durations_s,
            ):
                self._record(
                    "criterion_waived", id=one.id, threshold=one.limit_s, estimate=one.estimate_s, reason=one.reason
                )
        self._record("phase_entered", phase=phase)

    def _is_due(self, unit: Unit) -> bool:
        return not self.state.is_done(unit.id) and unit.id not in self.state.given_up

    def _gate(self, phase: Phase) -> None:
        spec = self.registered.spec
        match phase:
            case "sanity":
                why = gates.sanity(self.planned, self.state)
            case "baseline":
                why = gates.baseline(spec, self.planned, self.state)
            case "mve":
                why = gates.mve(spec, self.planned, self.state)
            case _:
                why = ""
        if why:
            raise _End(f"{phase}_failed", why)

    def _units(self, queue: deque[Unit]) -> None:
        """Every unit of the queue, each as often as it may be tried."""
        busy: dict[int, _Attempt] = {}
        refused = ""
        while queue or busy:
            is_stopping = bool(refused or self.state.fired) or self._is_asked_to_stop()
            for place in range(len(self.workers)):
                if place in busy or is_stopping or not queue:
                    continue
                refused = budget.refuses_unit(self.registered.spec, self.state, justified=self._justified())
                if refused:
                    break
                busy[place] = self._start(place, queue.popleft())
            if not busy:
                break
            for place in list(busy):
                attempt, worker = busy[place], self.workers[place]
                ended = worker.poll(_LOOK_S / len(busy))
                if ended is None:
                    self._watch(attempt, worker)
                    continue
                del busy[place]
                if self._ended(attempt, ended):
                    queue.appendleft(attempt.unit)
        self._heed()
        if refused:
            raise _End("budget_stopped", refused)
        if self._is_asked_to_stop():
            raise Interrupted

    def _is_asked_to_stop(self) -> bool:
        return bool(self.interrupts) or self.is_out_of_time or self.folder.stop_request.exists()

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time that this runner was given is over."""
        return self.mono() > self.until_mono

    def _justified(self) -> set[str]:
        return {record["axis"] for record in self.state.overages}

    def _start(self, place: int, unit: Unit) -> _Attempt:
        before = self.state.units.get(unit.id)
        number = before.attempts + 1 if before is not None else 1
        self._record("unit_started", unit=unit.id, attempt=number, phase=unit.phase, label=unit.label)
        room = self.folder.open_room(unit.id, number, place)
        self.workers[place].start(
            Job(
                unit=unit.id,
                command=unit.command,
                env=unit.env,
                folder=root_of(self.registered.path),
                room=room,
                timeout_s=self.registered.spec.protocol.unit_timeout,
            )
        )
        return _Attempt(unit=unit, number=number, room=room, since=self.mono(), criteria=self._criteria.live())

    def _watch(self, attempt: _Attempt, worker: Worker) -> None:
        """Live criteria on a unit at work, and requests to end it."""
        if self.interrupts > 1:
            worker.stop(GRACE_S)
        if attempt.is_stopped:
            return
        if fired := self._judged(attempt) or attempt.criteria.fired("live", self._seen(attempt)):
            attempt.is_stopped = True
            self._record(
                "criterion_fired",
                unit=attempt.unit.id,
                attempt=attempt.number,
                fired=_because(fired, f"at {attempt.unit.label}"),
            )
            worker.stop(GRACE_S)

    def _seen(self, attempt: _Attempt) -> dict[str, Value]:
        """What live criteria see of a unit at work."""
        times = {"elapsed": self.mono() - attempt.since, "step": float(attempt.step)}
        return self._live() | attempt.latest | times

    def _judged(self, attempt: _Attempt) -> Abort | None:
        """Hold live criteria against each new line on the unit's descriptor, in order; the first that fires."""
        named = {one.from_.observations or one.name: one.name for one in self.registered.spec.metrics.every}
        for line in self._new_lines(attempt):
            record = parsed(line)
            if record is None:
                continue
            if isinstance(record.get("step"), int):
                attempt.step = record["step"]
            name, value = named.get(record["name"]), record["value"]
            if name is None:
                continue
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            attempt.latest[name] = float(value) if is_number else None
            if fired := attempt.criteria.fired("live", self._seen(attempt), about=name):
                return fired
        return None

    def _new_lines(self, attempt: _Attempt) -> Iterator[bytes]:
        """Whole lines that the unit wrote since the last look."""
        file = opened(attempt.room / LINES)
        if file is None:
            return
        with file:
            file.seek(attempt.lines_read)
            while whole := (new := file.read(_MOST_AT_ONCE))[: new.rfind(b"\n") + 1]:
                attempt.lines_read += len(whole)
                file.seek(attempt.lines_read)
                yield from whole.splitlines()

    def _live(self) -> dict[str, Value]:
        return {
            "wall_clock": self.state.wall_until_s(self.mono()),
            "gpu_hours": self.state.gpu_hours,
            "runs": float(budget.runs(self.state)),
            "failed": float(self.state.failed),
        }

    def _ended(self, attempt: _Attempt, ended: Ended) -> bool:
        """Record what became of an attempt, then move its room to its place; whether its unit is to be tried again."""
        unit, of = attempt.unit, {"unit": attempt.unit.id, "attempt": attempt.number}
        clear_beside(attempt.room)
        beyond = settle(attempt.room)
        for event in ended.events:
            self._record("violation", **of, what="protected", **event)
        spent = {
            "wall_s": ended.wall_s,
            "cpu_s": ended.cpu_s,
            "maxrss_bytes": ended.maxrss_bytes,
            "gpu_hours": self.registered.spec.compute_profile.gpus * ended.wall_s / 3600,
        }
        is_tried_again = False
        if attempt.is_stopped or self.interrupts > 1:
            self._record("unit_stopped", **of, **spent)
        elif failure := ended.failure or beyond:
            if ended.failure and self.folder.is_full:  # no fault of the unit's, or not for certain
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            is_tried_again = self.state.units[unit.id].failures < self.registered.spec.protocol.retries
            told = self._told(attempt, spent, {"failed": float(self.state.failed + (not is_tried_again))})
            self._record(
                "unit_failed",
                **of,
                failure=failure,
                is_given_up=not is_tried_again,
                steps=0,
                facts=ended.facts,
                **spent,
                **told,
            )
        else:
            self._done(attempt, ended.facts, spent)
        self.folder.close_room(attempt.room)
        return is_tried_again

    def _done(self, attempt: _Attempt, facts: Sequence[str], spent: dict[str, Any]) -> None:
        unit, room = attempt.unit, attempt.room
        metrics = () if unit.phase == "sanity" else self.registered.spec.metrics.every
        found: Observed = observed(metrics, room, room / STDOUT, room / LINES)
        told = self._told(attempt, spent, {**found.values, "step": float(found.steps)})
        bring_to_disk(room)
        self._record(
            "unit_done",
            unit=unit.id,
            attempt=attempt.number,
            phase=unit.phase,
            metrics=found.values,
            missing=found.missing,
            nonfinite=found.nonfinite,
            facts=[*facts, *found.facts],
            violations=found.violations,
            steps=found.steps,
            result_sha256=digest_of_tree(room),
            **spent,
            **told,
        )

    def _told(self, attempt: _Attempt, spent: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
        """What the criteria say of an attempt that ended, for its record: a runner that comes after must know it too."""
        late = self._judged(attempt)  # what was written after the last look
        seen = {
            **self._live(),
            "gpu_hours": self.state.gpu_hours + spent["gpu_hours"],
            "elapsed": spent["wall_s"],
            "maxrss": float(spent["maxrss_bytes"]),
            **values,
        }
        fired = late or self._criteria.fired("unit", seen)
        return {"fired": _because(fired, f"after {attempt.unit.label}"), "held": self._criteria.held}


def _because(fired: Abort | None, place: str) -> str:
    """The reason that an abort is; empty: there is none."""
    return f"{fired.id}: {fired.expr}, {place}" if fired is not None else ""
