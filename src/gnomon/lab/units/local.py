"""Units on this machine, under the enforcement that it reaches."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gnomon.lab.repository import PROTECTED
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.run_folder import RunFolder
from gnomon.lab.units.executor import Ended, Host, Job
from gnomon.lab.units.failure import failure, killed_for_memory
from gnomon.lab.units.sandbox import messages
from gnomon.lab.units.sandbox.levels import Level, Reach, reachable
from gnomon.lab.units.sandbox.rooms import Rooms, accelerators
from gnomon.lab.units.sandbox.selftest import self_test
from gnomon.lab.units.sandbox.worker import Worker

# What a unit's environment holds besides what the spec gives it.
_KEPT = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
)


# What `git diff` and `git describe` try to write and do well without. [git(1), GIT_OPTIONAL_LOCKS]
_OPTIONAL = "/.git/index.lock"


class LocalWorker:
    """A worker of the sandbox as the runner asks for one."""

    def __init__(self, rooms: Rooms, reach: Reach, env: dict[str, str]) -> None:
        self._worker, self._env = Worker(rooms, reach), env
        self._room, self._killed_before = Path(), 0

    def start(self, job: Job) -> None:
        """Begin an attempt."""
        self._room, self._killed_before = job.room, killed_for_memory()
        self._worker.start(
            messages.Command(
                unit=job.unit,
                argv=job.command,
                room=job.room,
                cwd=job.folder,
                env={**self._env, **job.env, "GNOMON_ROOM": str(job.room)},
                limits=messages.Limits(wall_s=job.timeout_s, file_bytes=shutil.disk_usage(job.room).total),
            )
        )

    def poll(self, timeout_s: float) -> Ended | None:
        """What became of it, when it ends within that time."""
        until = time.monotonic() + timeout_s
        while True:
            told = self._worker.poll(max(until - time.monotonic(), 0.0))
            if isinstance(told, messages.Ended):
                return _ended(told, failure(told, self._room / "stderr.log", self._killed_before))
            if told is None:
                return None

    def stop(self, grace_s: float) -> None:
        """A request first, and after the grace by force."""
        self._worker.stop(grace_s)

    def close(self) -> None:
        """Leave nothing running."""
        self._worker.close()

    def prove(self) -> None:
        """Attempt a write and more on what is protected. ToolError where the level does not hold what it says."""
        self_test(self._worker)


def _ended(told: messages.Ended, why: str) -> Ended:
    return Ended(
        unit=told.unit,
        code=told.exit_code,
        failure=why,
        wall_s=told.wall_s,
        cpu_s=told.cpu_s or 0.0,
        maxrss_bytes=told.max_rss_bytes or 0,
        events=tuple(
            {
                "call": event.call,
                "aim": event.aim,
                "target": event.target,
                "process": event.process,
                "times": event.times,
            }
            for event in told.events
            if not event.target.endswith(_OPTIONAL)
        ),
        facts=tuple(_facts(told)),
    )


def _facts(told: messages.Ended) -> Iterator[str]:
    """What the sandbox tells of a unit besides how it ended."""
    if told.leftovers:
        yield f"processes were left when it ended, and were killed: {', '.join(told.leftovers)}"
    if told.undead:
        yield f"processes could not be ended: {', '.join(told.undead)}"
    if told.events_left_out:
        yield f"{told.events_left_out} more different attempts against what is protected are not listed"
    for name, why in told.log_faults.items():
        yield f"{name} could not be kept whole: {why}"


class Local:
    """The executor of this machine."""

    name = "local"

    def host(self, level: str | None) -> Host:
        """This machine, at the highest level that it reaches or at a lower one."""
        return local_host(level)


def local_host(level: str | None = None) -> Host:
    """This machine, at the highest level that it reaches or at a lower one."""
    reach = reachable()
    reach = reach.at(Level.named(level)) if level is not None else reach

    def workers(spec: Spec, root: Path, folder: RunFolder, count: int) -> Sequence[LocalWorker]:
        rooms = [
            Rooms(
                protected=tuple(place for name in PROTECTED if (place := root / name).exists()),
                work=folder.slot(number),
                scratch=tuple(_made(root / name) for name in spec.protocol.scratch),
                visible=(root,),
                devices=accelerators() if spec.compute_profile.device == "gpu" else (),
                network=spec.environment.network,
            )
            for number in range(count)
        ]
        names = (*_KEPT, *spec.environment.variables)
        env = {name: os.environ[name] for name in names if name in os.environ}
        made = [LocalWorker(each, reach, env) for each in rooms]
        made[0].prove()
        return made

    return Host(
        executor="local",
        enforcement={
            "level": str(reach.level),
            "bwrap": reach.bwrap_version,
            "landlock_abi": reach.landlock_abi,
            "watch": reach.watch,
            "reasons": reach.missing,
            "uncovered": reach.uncovered,
        },
        workers=workers,
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
