"""Sandboxes for tests, and the reasons for which there may be none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gnomon.lab.units.sandbox import Command, Ended, Level, Limits, Reach, Rooms, Worker, reachable

_SOURCES = Path(__file__).parents[4] / "src"
# By way of env: setpriv itself still finds programs with the rights of root.
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env")


def reach_or_skip(held: str) -> Reach:
    """What holds units at a level of this name ("bubblewrap": without Landlock); the test is skipped where it cannot be."""
    reach = reachable()
    level = Level.SANDBOX if held == "bubblewrap" else Level.named(held)
    if level > reach.level:
        pytest.skip(f"this machine reaches {reach.level}: {'; '.join(reach.missing)}")
    if held == "sandbox" and reach.landlock_abi is None:
        pytest.skip("; ".join(reach.missing))
    reach = reach.at(level)
    return replace(reach, landlock_abi=None) if held == "bubblewrap" else reach


@cache
def _python_of_nobody() -> str | None:
    """An interpreter that another user can run: that of the tests may lie in a folder of root's."""
    check = "import ctypes, sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, sys._base_executable, shutil.which("python3", path=os.defpath)):
        if python and subprocess.run([*_NOBODY, python, "-c", check], capture_output=True, cwd="/").returncode == 0:
            return python
    return None


@cache
def besieged(held: str, who: str) -> dict[str, Any]:
    """What came of every attack; see siege.py. Made once, however many tests ask."""
    reach_or_skip(held)
    python = [sys.executable]
    if who == "root" and os.geteuid() != 0:
        pytest.skip("these tests are not run by root")
    if who == "user" and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("no setpriv to become an ordinary user with")
        found = _python_of_nobody()
        if found is None:
            pytest.skip("no Python 3.11 that user 65534 can run")
        python = [*_NOBODY, found]
    done = subprocess.run(
        [*python, "-B", str(Path(__file__).with_name("siege.py")), held],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_SOURCES)},
    )
    if who == "user" and done.returncode and "Permission denied" in done.stderr:
        pytest.skip(f"user 65534 cannot read this checkout: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


class Place:
    """A repository with rooms, and a worker whose units are run to their end."""

    def __init__(self, folder: Path, reach: Reach, **rooms: Any) -> None:
        self.repository = folder.resolve() / "repository"
        self.spec = self.repository / "experiments" / "spec.md"
        self.spec.parent.mkdir(parents=True)
        self.spec.write_text("registered\n")
        self.work = self.repository / "results" / "exp-001" / "work"
        self.rooms = Rooms(protected=(self.spec.parent,), work=self.work, visible=(self.repository,), **rooms)
        self.worker = Worker(self.rooms, reach)
        self._numbers = iter(range(1000))

    def start(self, *argv: str, **limits: Any) -> str:
        """Start a unit in a room of its own; returns its name."""
        unit = f"unit-{next(self._numbers)}"
        env = {"PATH": os.environ["PATH"]}
        limits = {"wall_s": 60.0, "grace_s": 1.0} | limits
        self.worker.start(Command(unit=unit, argv=argv, room=self.work / unit, env=env, limits=Limits(**limits)))
        return unit

    def end(self) -> Ended:
        while not isinstance(message := self.worker.poll(90.0), Ended):
            assert message is not None, "the unit does not end"
        return message

    def run(self, *argv: str, **limits: Any) -> Ended:
        self.start(*argv, **limits)
        return self.end()

    def shell(self, script: str, **limits: Any) -> Ended:
        return self.run("sh", "-c", script, **limits)

    def python(self, code: str, **limits: Any) -> Ended:
        return self.run(sys.executable, "-I", "-S", "-c", code, **limits)

    def read(self, ended: Ended, name: str = "stdout.log") -> str:
        return (self.work / ended.unit / name).read_text()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Make a place where units are held as named, or skip the test."""
    made: list[Place] = []

    def make(held: str, **rooms: Any) -> Place:
        made.append(Place(tmp_path / "another" if made else tmp_path, reach_or_skip(held), **rooms))
        return made[-1]

    yield make
    for each in made:
        each.worker.close()
