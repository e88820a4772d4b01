"""A sealed run as exports read it: checked first, then the spec that ran, its units with the commands that ran, and what became of each.

The spec is the run's own copy: a version that was registered since says nothing about these numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gnomon.lab.errors import Tampered
from gnomon.lab.results.verification import Verified, verify
from gnomon.lab.specs.plan import Unit, units
from gnomon.lab.specs.registration import Lock, locks_of, ran
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.journal import Record, scan
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.store.state import State


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try of a unit."""

    number: int
    started: str  # time, UTC
    ended: str = ""  # empty: its runner did not see it end
    wall_s: float | None = None  # None: likewise
    failure: str = ""  # empty: it ended well, or its end was not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRun:
    """A run whose every sealed byte is as it was."""

    path: Path  # the registered spec
    folder: RunFolder
    spec: Spec  # as it ran
    lock: Lock  # of the version that ran
    planned: tuple[Unit, ...]  # with the commands that ran
    state: State
    config: dict[str, Any]
    verified: Verified
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)  # by unit, none of one that was not begun

    def of(self, unit: Unit) -> Attempt | None:
        """The try that tells what became of a unit: the one that counts, or the last. None: there was none."""
        tries, found = self.attempts.get(unit.id, []), self.state.units.get(unit.id)
        if found is not None and found.done is not None:
            return next(one for one in tries if one.number == found.done)
        return tries[-1] if tries else None

    def is_done(self, unit: Unit) -> bool:
        """Whether a try of the unit counts."""
        return self.state.is_done(unit.id)

    def left_by(self, unit: Unit, attempt: Attempt) -> Path:
        """The folder of what a try left; a lost one has a name of its own."""
        place = self.folder.attempt(unit.id, attempt.number)
        return place if place.exists() else place.with_name(f"{place.name}.lost")


def sealed_run(path: Path, folder: Path) -> SealedRun:
    """Read a sealed run of a registered spec. Tampered where it is not what was sealed, BadInput where it is not sealed."""
    verified = verify(path, folder)
    if not verified.is_whole:
        first = verified.findings[0]
        raise Tampered(
            f"{folder}: not as it was sealed: {first.name}: {first.text}; `gnomon exp verify {path}` tells all"
        )
    state, attempts = State(), dict[str, list[Attempt]]()

    def take(record: Record) -> None:
        state.take(record)
        _take(attempts, record)

    scan(folder / "journal.jsonl", take)
    spec = ran(path, folder, state.spec_sha256)
    config = json.loads((folder / "config.json").read_bytes())
    commands = {one["unit"]: one for one in config["units"]}
    due = units(spec, state.spec_sha256)
    if [unit.id for unit in due] != list(commands):
        raise Tampered(f"{folder}: config.json has other units than the spec that ran")
    planned = tuple(
        replace(unit, command=tuple(commands[unit.id]["command"]), env=dict(commands[unit.id]["env"])) for unit in due
    )
    return SealedRun(
        path=path,
        folder=RunFolder(folder),
        spec=spec,
        lock=next(lock for lock in locks_of(path) if lock.spec_sha256 == state.spec_sha256),
        planned=planned,
        state=state,
        config=config,
        verified=verified,
        attempts=attempts,
    )


def _take(attempts: dict[str, list[Attempt]], record: Record) -> None:
    """Fold one record into the tries."""
    match record["kind"]:
        case "unit_started":
            found = Attempt(number=record["attempt"], started=record["time"])
            attempts.setdefault(record["unit"], []).append(found)
        case "unit_done" | "unit_failed":
            one = next(one for one in attempts[record["unit"]] if one.number == record["attempt"])
            one.ended, one.wall_s = record["time"], record["wall_s"]
            one.failure = record.get("failure", "")
