"""Before a run, its own units are told to attack: a level that does not hold what it says is found then, not afterwards.

The victim is a canary beside the rooms, made for this; the protected paths themselves are only opened for writing, which
changes nothing where it succeeds.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from gnomon.core.errors import ToolError
from gnomon.lab.units.sandbox import levels
from gnomon.lab.units.sandbox.levels import Level
from gnomon.lab.units.sandbox.messages import Command, Ended
from gnomon.lab.units.sandbox.worker import Worker

_CONTENT = b"untouched\n"
_PATIENCE_S = 60.0
# Attempts at contents, existence and names, that every level above detect-only denies, and at the mode, that a sandbox does.
CONTENTS, MODE = ("write", "rename", "unlink", "create", "open"), ("chmod",)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One thing that was tried from inside."""

    what: str  # "write", "chmod", "rename", "unlink", "create"; "open" for a protected path itself
    target: Path
    denied: bool
    error: str  # as the unit saw it: EROFS, EACCES ...; empty where it went through
    recorded: bool  # an event of this target was seen


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """What came of the attempts."""

    attempts: tuple[Attempt, ...]
    room_is_writable: bool  # the other half: a unit can work

    def denied(self, *kinds: str) -> bool:
        """Every attempt of these kinds was."""
        return all(each.denied for each in self.attempts if each.what in kinds)


def self_test(worker: Worker) -> SelfTest:
    """Try it, and refuse (ToolError) where what came of it is less than the worker's level promises."""
    victim = worker.rooms.canary
    targets = [each for each in worker.rooms.protected if each.exists()]
    victim.unlink(missing_ok=True)
    victim.write_bytes(_CONTENT)
    victim.chmod(0o444)
    room = worker.rooms.work / ".self-test"
    try:
        _clear(room)
        scratch = [str(each) for each in worker.rooms.scratch]
        argv = (*levels.starter("attack"), json.dumps([str(victim), *map(str, targets)]), json.dumps(scratch))
        worker.start(Command(unit="self-test", argv=argv, room=room, cwd=Path("/"), env={"PATH": os.defpath}))
        ended = _end(worker)
        said = (room / "observations.jsonl").read_text().splitlines()
        intact = victim.is_file() and victim.read_bytes() == _CONTENT
        report = json.loads(said[0]) if said else {"attempts": [], "unwritable": []}
        errors: list[tuple[str, str, str]] = [tuple(each) for each in report["attempts"]]
        attempts = tuple(
            Attempt(
                what=what,
                target=Path(target),
                denied=bool(error),
                error=error,
                recorded=any(event.target.startswith(target) for event in ended.events),
            )
            for what, target, error in errors
        )
        found = SelfTest(attempts=attempts, room_is_writable=bool(said))
        if report["unwritable"]:
            raise ToolError(
                f"units cannot write to the scratch folder {report['unwritable'][0]}: give it to user {os.geteuid()} (chown); "
                "root has no more rights in there than its owner's"
            )
    finally:
        _clear(room)
        victim.with_name(f"{victim.name}.new").unlink(missing_ok=True)
        victim.with_name(f"{victim.name}.moved").unlink(missing_ok=True)
        victim.unlink(missing_ok=True)
    _judge(worker, found, intact, ended)
    return found


def _judge(worker: Worker, found: SelfTest, intact: bool, ended: Ended) -> None:
    level = worker.reach.level
    if not found.room_is_writable or ended.exit_code:
        raise ToolError(
            f"the self-test of level {level} could not work in its room {worker.rooms.work}: {ended.reason or ended.how}"
        )
    if any(each.error == "ENOENT" for each in found.attempts[:1]):
        raise ToolError(f"units do not see {found.attempts[0].target}: name the repository among the visible folders")
    must = {Level.DETECT_ONLY: (), Level.LANDLOCK: CONTENTS, Level.SANDBOX: (*CONTENTS, *MODE)}[level]
    through = sorted({each.what for each in found.attempts if each.what in must and not each.denied})
    if through or (must and not intact):
        raise ToolError(
            f"level {level} does not hold here: from inside a unit these went through: {', '.join(through) or 'a change of bytes'}. "
            "No run is started; a lower level must be asked for by name"
        )


def _end(worker: Worker) -> Ended:
    while True:
        message = worker.poll(_PATIENCE_S)
        if isinstance(message, Ended):
            return message
        if message is None:
            worker.stop(0.0)


def _clear(room: Path) -> None:
    if room.is_dir():
        for each in room.iterdir():
            each.unlink()
        room.rmdir()
