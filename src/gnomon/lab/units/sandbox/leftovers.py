"""Processes and files that a unit leaves behind, ended and removed before the next one starts."""

# Loaded by what starts units, which has no use for pathlib and would wait for it.
# ruff: noqa: PTH101, PTH106, PTH108, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from collections.abc import Iterable

_PATIENCE_S = 5.0  # until a killed process that is not gone is taken for stuck in the kernel


class Usage:
    """What processes used that were waited for."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.max_rss_bytes = 0

    def add(self, usage: object) -> None:
        self.cpu_s += getattr(usage, "ru_utime", 0.0) + getattr(usage, "ru_stime", 0.0)
        unit_bytes = 1024 if os.uname().sysname == "Linux" else 1  # kB on Linux, bytes on macOS [getrusage(2)]
        self.max_rss_bytes = max(self.max_rss_bytes, getattr(usage, "ru_maxrss", 0) * unit_bytes)


def kill_all(*, own_processes: bool, usage: Usage | None = None) -> tuple[list[str], list[str]]:
    """Kill every process below this one; returns the names of those there were, and of those that would not go.

    As the first process of a namespace one call reaches all, and none can fork out of its reach. Elsewhere orphans come to
    this process as their reaper (PR_SET_CHILD_SUBREAPER), so killing its children again and again reaches all in the end.
    """
    usage = usage or Usage()
    names: dict[int, str] = {}
    until = time.monotonic() + _PATIENCE_S
    while _reap(usage):
        for pid, name in _below(own_processes):
            names.setdefault(pid, name)
            if not own_processes:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        if own_processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        if time.monotonic() > until:
            return sorted(names.values()), sorted(name for _, name in _below(own_processes))
        time.sleep(0.0005)
    return sorted(names.values()), []


def _reap(usage: Usage) -> bool:
    """Take the ended children in; false when there is no child left."""
    while True:
        try:
            pid, _, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if not pid:
            return True
        usage.add(used)


def _below(own_processes: bool) -> list[tuple[int, str]]:
    """Number and name of each process that descends from this one and is not a zombie. [proc_pid_stat(5)]"""
    me = os.getpid()
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    try:
        listed = os.listdir("/proc")
    except OSError:
        return []  # macOS: the group of the unit was killed, which is all that can be done
    for entry in listed:
        if not entry.isdigit() or int(entry) == me:
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                name, _, rest = file.read().partition(b"(")[2].rpartition(b")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        parents[int(entry)] = int(parent)
        if state not in (b"Z", b"X"):
            names[int(entry)] = name.decode(errors="replace")
    if own_processes:
        return list(names.items())

    def descends(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
        return pid == me

    return [(pid, name) for pid, name in names.items() if descends(pid)]


def empty(folders: Iterable[str]) -> None:
    """Remove what lies in these folders, and never step over into what is mounted there."""
    for folder in folders:
        with contextlib.suppress(OSError):
            _empty(folder, os.lstat(folder).st_dev)


def _empty(folder: str, device: int) -> None:
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        with contextlib.suppress(OSError):  # what is in use as a place to mount at stays
            about = entry.stat(follow_symlinks=False)
            if about.st_dev != device:
                continue
            if not stat.S_ISDIR(about.st_mode):
                os.unlink(entry.path)
                continue
            with contextlib.suppress(OSError):
                os.chmod(entry.path, 0o700)
            _empty(entry.path, device)
            os.rmdir(entry.path)
