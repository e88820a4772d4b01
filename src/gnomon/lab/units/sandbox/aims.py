"""What a watched call aims at: a protected path, the supervisor, or a way out of the sandbox.

Paths are resolved as the unit sees them, link by link, through /proc/<pid>: what counts is the file reached, not the words.
"""

# Loaded by what starts units, which has no use for pathlib and would wait for it.
# ruff: noqa: PTH110, PTH115, PTH123

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from gnomon.lab.units.sandbox import watch
from gnomon.lab.units.sandbox.calls import (
    CALLS,
    MACHINES,
    NEW_NAMESPACES,
    WRITES,
    Call,
    Descriptor,
    Path,
    Process,
    number_of,
)

PROTECTED, SUPERVISOR, SANDBOX = "protected", "supervisor", "sandbox"
HIDDEN = "unknown: the process does not let itself be read"

_HERE = -100  # AT_FDCWD
_LINKS = 40  # the kernel gives up after as many [path_resolution(7)]
_NAMES = {
    machine: {number: name for name, call in CALLS.items() if (number := number_of(call, machine)) is not None}
    for machine in MACHINES
}
_NAMESPACES = {
    0x00020000: "mount",
    0x02000000: "cgroup",
    0x04000000: "UTS",
    0x08000000: "IPC",
    0x10000000: "user",
    0x20000000: "process",
    0x40000000: "network",
}


class Guard(NamedTuple):
    """What must not be aimed at."""

    machine: str
    protected: tuple[str, ...]  # real paths of files and folders
    writable: tuple[str, ...]  # places that a unit may write to: its room, scratch, /tmp
    processes: tuple[int, ...]  # supervisor and zygote
    has_own_processes: bool  # in a namespace of processes the supervisor has no number: another may bear it


class Aim(NamedTuple):
    """A call that aims at what is guarded."""

    call: str
    aim: str  # PROTECTED, SUPERVISOR or SANDBOX
    target: str  # a path, a process or the namespaces asked for
    pid: int
    process: str  # its name


def judge(guard: Guard, seen: watch.Notification) -> Aim | None:
    """What a call that waits aims at; none for what is none of ours."""
    name = _NAMES[guard.machine].get(seen.number, "")
    call = CALLS.get(name)
    if call is None:
        return None
    flags = _flags_in_memory(name, seen)
    if (name == "openat2" and not flags & WRITES) or (name == "clone3" and not flags & NEW_NAMESPACES):
        return None
    aim, target = _aim(guard, name, call, seen, flags)
    return Aim(name, aim, target, seen.pid, _process_name(seen.pid)) if aim else None


def _aim(guard: Guard, name: str, call: Call, seen: watch.Notification, flags: int) -> tuple[str, str]:
    if call.targets and not watch.is_readable(seen.pid) and not isinstance(call.targets[0], Process):
        return SANDBOX, HIDDEN
    met = [target for place in call.targets for target in _met(guard, place, seen)]
    for target in met:
        if call.only_makes and os.path.lexists(target):
            continue
        if not call.leaves and any(
            _within(target, f"/proc/{each}") and _is_guarded(guard, each) for each in guard.processes
        ):
            return SUPERVISOR, target
        if _protects(guard, target, call.takes_what_is_below):
            return (SANDBOX if call.leaves else PROTECTED), target
    if call.leaves:
        return SANDBOX, met[0] if met else _namespaces(flags or seen.arguments[0], name)
    if call.targets and isinstance(call.targets[0], Process):
        pid = _signed(seen.arguments[call.targets[0].argument])
        if pid == -1 or _is_guarded(guard, abs(pid)):
            return SUPERVISOR, f"process {pid}"
    return "", ""


def _met(guard: Guard, place: Path | Descriptor | Process, seen: watch.Notification) -> Iterator[str]:
    match place:
        case Path(argument, folder, follows):
            address = seen.arguments[argument]
            start = _HERE if folder is None else _signed(seen.arguments[folder])
            text = watch.string_at(seen.pid, address) if address else ""
            if text:
                here = "" if text.startswith("/") else _open_at(seen.pid, start)
                named = resolve(text, seen.pid, start=here, follow_last=False)
                yield named
                if follows and _read_link(named):
                    yield resolve(named, seen.pid, follow_last=True)
            elif folder is not None and start != _HERE:  # the descriptor itself is meant: utimensat, AT_EMPTY_PATH
                yield _open_at(seen.pid, start)
        case Descriptor(argument):
            yield _open_at(seen.pid, _signed(seen.arguments[argument]))


def _open_at(pid: int, descriptor: int) -> str:
    """The real path of what a process has open, or is in."""
    return _read_link(f"/proc/{pid}/cwd" if descriptor == _HERE else f"/proc/{pid}/fd/{descriptor}")


def resolve(path: str, pid: int, *, start: str = "", follow_last: bool) -> str:
    """The path with every link followed as this process would: /proc/self is its own. The last part need not exist.

    `start`: the real path of the folder that a relative path begins in.
    """
    left = [part for part in reversed(path.split("/")) if part]
    done = start.rstrip("/")
    links = 0
    while left:
        part = left.pop()
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        if done == "/proc" and part in ("self", "thread-self"):
            part = str(pid)  # the number of a thread has a folder there too
        step = f"{done}/{part}"
        pointed = _read_link(step) if left or follow_last else ""
        if not pointed:
            done = step
            continue
        links += 1
        if links > _LINKS or (not pointed.startswith("/") and step.startswith("/proc/")):
            return step  # a loop; or pipe:[1] and the like
        if pointed.startswith("/"):
            done = ""
        left += [each for each in reversed(pointed.split("/")) if each]
    return done or "/"


def _protects(guard: Guard, path: str, takes_what_is_below: bool) -> bool:
    """The deepest folder that is named decides: a room in what is protected is open, a repository in /tmp is not."""
    closed = max((len(each) for each in guard.protected if _within(path, each)), default=-1)
    opened = max((len(each) for each in guard.writable if _within(path, each)), default=-1)
    if closed > opened:
        return True
    return takes_what_is_below and any(_within(each, path) for each in guard.protected)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_guarded(guard: Guard, pid: int) -> bool:
    if pid not in guard.processes:
        return False
    return pid == os.getpid() or not guard.has_own_processes or not os.path.exists(f"/proc/{pid}")


def _flags_in_memory(name: str, seen: watch.Notification) -> int:
    at = {"openat2": 2, "clone3": 0}.get(name)
    return 0 if at is None else watch.number_at(seen.pid, seen.arguments[at]) or 0


def _namespaces(flags: int, name: str) -> str:
    asked = [word for bit, word in _NAMESPACES.items() if flags & bit] if name in ("unshare", "clone", "clone3") else []
    return f"new namespaces: {', '.join(asked)}" if asked else ""


def _process_name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _signed(argument: int) -> int:
    """An int of 32 bits out of the register that held it."""
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
