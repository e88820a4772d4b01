"""How far units can be held on this machine, found by trying."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from pathlib import Path

from gnomon.core.errors import BadInput, near_match
from gnomon.lab.units.sandbox import bubblewrap

_PACKAGES = Path(__file__).resolve().parents[4]  # the folder that holds gnomon
# What a unit's starter must see even if it lies where the sandbox puts an empty folder.
NEEDED = (_PACKAGES, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), Path(sys.executable).resolve())
_PATIENCE_S = 60.0


class Level(IntEnum):
    """How units are held; a greater one denies more."""

    DETECT_ONLY = 0
    LANDLOCK = 1
    SANDBOX = 2

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")

    @classmethod
    def named(cls, word: str) -> Level:
        """The level that a spec's min_enforcement names."""
        for each in cls:
            if str(each) == word:
                return each
        known = [str(each) for each in cls]
        raise BadInput(f"{word!r} is no level of enforcement ({', '.join(known)}){near_match(word, known)}")


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What holds units, part by part."""

    level: Level
    bwrap: str | None  # path of the program, if it works
    bwrap_version: str | None
    landlock_abi: int | None  # if it works
    watch: bool  # attempts are recorded
    missing: tuple[str, ...]  # why each part that is missing is

    def at(self, level: Level) -> Reach:
        """The same machine used at a lower level."""
        if level > self.level:
            raise BadInput(f"this machine reaches {self.level}, not {level}: {'; '.join(self.missing)}")
        if level == self.level:
            return self
        why = (*self.missing, f"held at {level}, as asked")
        less = replace(self, level=level, bwrap=None, bwrap_version=None, missing=why)
        return less if level is Level.LANDLOCK else replace(less, landlock_abi=None)

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What units can do all the same, in words."""
        found = []
        if self.bwrap is None and self.landlock_abi is None:
            found.append("nothing is denied: what was changed is found afterwards, by digests")
        elif self.bwrap is None:
            found += [
                "chmod, chown and touch go through where the user owns the file: mode, owner and times, never contents or names",
                "UDP and other protocols than TCP go through where the network is denied, and TCP on this machine itself does not",
                "daemons that listen on sockets in the file system can be asked to act",
                "/dev/shm is shared with the machine and between units",
                "a process that makes new ones in new sessions faster than they are found can outlive its unit; then it is named",
            ]
        elif self.landlock_abi is None:
            found.append("a unit can write to the rooms of units that run at the same time")
        if not self.watch:
            found.append("attempts leave no record")
        return tuple(found)


@cache
def reachable() -> Reach:
    """What this machine can do for this user, tried once for a process."""
    program = shutil.which("bwrap")
    missing = []
    inside = None
    if program is None:
        missing.append("bubblewrap is not installed (Debian, Ubuntu, Fedora: the package bubblewrap)")
    else:
        inside, why = _try(bubblewrap.command(program, None, NEEDED))
        if inside is None:
            missing.append(f"bubblewrap cannot make a sandbox here: {why}")
    parts, why = (inside, "") if inside is not None else _try([])
    if parts is None:
        parts = {"abi": None, "landlock": why, "watch": why}
    missing += [str(parts[part]) for part in ("landlock", "watch") if parts[part]]
    held = program is not None and inside is not None
    abi = None if parts["landlock"] or parts["abi"] is None else int(parts["abi"])
    return Reach(
        level=Level.SANDBOX if held else Level.LANDLOCK if abi else Level.DETECT_ONLY,
        bwrap=program if held else None,
        bwrap_version=_version(program) if held and program is not None else None,
        landlock_abi=abi,
        watch=not parts["watch"],
        missing=tuple(missing),
    )


def starter(module: str, *arguments: str) -> list[str]:
    """The command that runs `main` of a module of this package in an interpreter that loads nothing else."""
    code = f"import sys; sys.path.insert(0, sys.argv[1]); from gnomon.lab.units.sandbox.{module} import main; main(sys.argv[2:])"
    return [sys.executable, "-I", "-S", "-B", "-c", code, str(_PACKAGES), *arguments]


def _try(before: list[str]) -> tuple[dict[str, str | int | None] | None, str]:
    try:
        done = subprocess.run(
            [*before, *starter("tryout")], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return None, str(fault)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return json.loads(done.stdout), ""


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split()[-1] if done.stdout.split() else "unknown"
