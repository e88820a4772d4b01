"""What a supervisor says to a worker, and hears from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one unit may use; None: no limit of ours."""

    wall_s: float | None = None  # then it is stopped as by Worker.stop
    grace_s: float = 30.0  # from TERM to KILL
    cpu_s: int | None = None  # of each process: RLIMIT_CPU
    memory_bytes: int | None = None  # of addresses of each process: RLIMIT_AS
    file_bytes: int | None = None  # of each file it writes: RLIMIT_FSIZE
    log_head_bytes: int = 8 << 20  # of stdout and of stderr, kept from the start
    log_tail_bytes: int = 8 << 20  # and from the end
    observations_bytes: int = 1 << 30  # written to descriptor 3; a unit that writes more is stopped


@dataclass(frozen=True, kw_only=True)
class Command:
    """One unit to run."""

    unit: str  # its name, as it comes back in Ended
    argv: tuple[str, ...]
    # The only folder it may write to, made if it is not there. It comes to hold stdout.log, stderr.log and
    # observations.jsonl, none of which may be there before; the unit can remove them, as all that lies in its room.
    room: Path
    cwd: Path | None = None  # none: the room
    # The whole environment, but for GNOMON_FD, TMPDIR, GIT_OPTIONAL_LOCKS=0 and PYTHONDONTWRITEBYTECODE=1
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True, kw_only=True)
class Running:
    """A unit that was started."""

    unit: str
    pid: (
        int | None
    )  # as the worker numbers processes: in its own namespace where it has one; None: it could not be started


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that a unit tried at what it must not touch. Whether it was denied is the kernel's affair: see Reach."""

    unit: str
    call: str  # the system call
    aim: str  # "protected" (a path), "supervisor" (a process) or "sandbox" (mounts, namespaces, another root)
    target: str
    pid: int
    process: str  # its name
    times: int = 1  # how often so far; live it is told once, the count stands in Ended


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a unit came to its end; every process that it started is gone unless `undead` says otherwise."""

    unit: str
    how: str  # "exited", "signalled", "timeout", "stopped", "observations" (too many), "not started", "lost" (with the worker)
    exit_code: int | None  # None unless it exited by itself, in whatever way that was asked for
    signal: int | None  # that ended it; None if none did
    reason: str  # in words, where `how` needs them; else empty
    wall_s: float
    cpu_s: float | None  # user and system, of all its processes that were waited for, leftovers included; None: lost
    max_rss_bytes: int | None  # of its largest process, but no less than the starter's 11 MB or so; None: lost
    leftovers: tuple[str, ...]  # names of processes that were left when it ended, and were killed
    undead: tuple[str, ...]  # those that did not go: stuck in the kernel, as on a driver
    left_out_bytes: Mapping[str, int]  # of "stdout" and "stderr", between head and tail
    log_faults: Mapping[str, str]  # of the same: why their bytes could not be kept
    events: tuple[Event, ...]
    events_left_out: int  # different attempts beyond those kept


Message = Running | Event | Ended
