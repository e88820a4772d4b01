"""Every attack of attacks.py against one repository, by one worker: siege.py HELD prints as JSON what came of each.

HELD is a level of enforcement, or "bubblewrap" for that without Landlock.

A program of its own, so that it can be run as another user than the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from gnomon.lab.units.sandbox import Command, Ended, Level, Limits, Rooms, Worker, reachable

sys.path.insert(0, str(Path(__file__).parent))
from attacks import ATTACKS, SPEC

_LATER_S = 1.0  # after which the process that an attack leaves would have written


def build(repository: Path) -> Path:
    """A repository with a spec under way; returns the folder of the rooms."""
    for name, text in {
        SPEC: "version 1\n",
        "experiments/exp-001-x.lock.json": "{}\n",
        "results/exp-000-old/metrics.json": '{"loss": 1}\n',
        "results/exp-001-x/journal.jsonl": '{"n": 1}\n',
        "RESEARCH_LOG.md": "log\n",
    }.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environment = {**os.environ, "HOME": str(repository), "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=repository, env=environment, check=True, capture_output=True)
    (repository / SPEC).write_text("version 2, registered\n")
    work = repository / "results/exp-001-x/work"
    (work / "other-room").mkdir(parents=True)
    (work / "other-room/result").write_text("42\n")
    return work


def state(repository: Path, spared: Path) -> dict[str, list[object]]:
    """Bytes, mode, owner, time and attributes of everything but the rooms."""
    found: dict[str, list[object]] = {}
    for path in sorted(repository.rglob("*")):
        if path.is_relative_to(spared) and not path.is_relative_to(spared / "other-room"):
            continue
        about = path.lstat()
        attributes = {name: os.getxattr(path, name).hex() for name in os.listxattr(path)}
        contents = path.read_bytes().hex() if path.is_file() else ""
        found[str(path.relative_to(repository))] = [
            contents,
            oct(about.st_mode),
            about.st_uid,
            about.st_ino,
            about.st_mtime_ns,
            attributes,
        ]
    return found


def main() -> None:
    held = sys.argv[1]
    level = Level.SANDBOX if held == "bubblewrap" else Level.named(held)
    reach = reachable().at(level)
    if held == "bubblewrap":
        reach = replace(reach, landlock_abi=None)
    repository = Path(tempfile.mkdtemp(prefix="siege-")).resolve()
    repository.chmod(0o755)
    signals: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: signals.append(number))
    results = {}
    try:
        work = build(repository)
        journal, earlier = repository / "results/exp-001-x/journal.jsonl", repository / "results/exp-000-old"
        rooms = Rooms(
            protected=(
                repository / "experiments",
                earlier,
                journal,
                repository / "RESEARCH_LOG.md",
                repository / ".git",
            ),
            work=work,
            visible=(repository, Path(__file__).parent),
        )
        leaked = os.open(repository / SPEC, os.O_RDWR)
        os.set_inheritable(leaked, True)
        places = {
            "repository": str(repository),
            "spec": str(repository / SPEC),
            "earlier": str(earlier),
            "journal": str(journal),
            "other_room": str(work / "other-room"),
            "supervisor": os.getpid(),
        }
        with Worker(rooms, reach) as worker:
            for name in ATTACKS:
                # At the level that denies less, an attack must find what the one before it found.
                if level is not Level.SANDBOX:
                    (repository / SPEC).chmod(0o644)
                before, signals[:] = state(repository, work), []
                argv = (
                    sys.executable,
                    "-I",
                    "-S",
                    str(Path(__file__).with_name("attacks.py")),
                    name,
                    json.dumps(places),
                )
                hostile = _run(worker, name, argv)
                if name == "leaves_a_process_that_writes_later":
                    time.sleep(_LATER_S)
                after = state(repository, work)
                next_one = _run(worker, f"after-{name}", ("sh", "-c", "echo fine"))
                results[name] = {
                    "came": _observed(work / name),
                    "how": hostile.how,
                    "changed": sorted(
                        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
                    ),
                    "changed_contents": sorted(
                        path
                        for path in before.keys() | after.keys()
                        if before.get(path, [None])[0] != after.get(path, [None])[0]
                    ),
                    "events": [[event.call, event.aim, event.target] for event in hostile.events],
                    "leftovers": list(hostile.leftovers),
                    "late": (work / name / "late").exists(),
                    "signals": len(signals),
                    "next_one": [next_one.how, next_one.exit_code],
                    "stderr": (work / name / "stderr.log").read_text(),
                    "supervisor": os.getpid(),
                }
    finally:
        shutil.rmtree(repository, ignore_errors=True)
    sys.stdout.write(json.dumps({"uid": os.getuid(), "held": held, "attacks": results}))


def _run(worker: Worker, name: str, argv: tuple[str, ...]) -> Ended:
    limits = Limits(wall_s=60.0, grace_s=1.0)
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/", "GIT_CONFIG_NOSYSTEM": "1"}
    worker.start(Command(unit=name, argv=argv, room=worker.rooms.work / name, env=env, limits=limits))
    while not isinstance(message := worker.poll(90.0), Ended):
        assert message is not None, f"{name} does not end"
    return message


def _observed(room: Path) -> list[list[str]]:
    lines = (room / "observations.jsonl").read_text().splitlines()
    return json.loads(lines[-1]) if lines else []


if __name__ == "__main__":
    main()
