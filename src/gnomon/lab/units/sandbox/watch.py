"""A unit's write-like system calls are shown to the zygote before the kernel carries them out or refuses them.

A denial by a read-only mount or by Landlock is silent, and the protocol asks that attempts be recorded. So a seccomp filter
with user notification stops the calls of calls.py until the listener has looked, and the listener always lets them
go on: what is allowed stays the kernel's decision, and a unit that changes a path in memory after it was looked at deceives
the record alone. Sources: seccomp(2), seccomp_unotify(2), <linux/seccomp.h>, <linux/bpf_common.h>.

Not seen: what io_uring does, and programs of another word length than the machine's (both are denied all the same).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Iterable
from typing import NamedTuple

from gnomon.lab.units.sandbox import kernel
from gnomon.lab.units.sandbox.calls import CALLS, MACHINES, Bits, Call, OneOf, number_of

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
_NEW_LISTENER, _WAIT_KILLABLE_RECV = 1 << 3, 1 << 5
_RET_ALLOW, _RET_USER_NOTIF = 0x7FFF0000, 0x7FC00000

_NOTIFICATION = struct.Struct("=QII iIQ6Q")  # id, pid, flags; number, architecture, instruction, six arguments
_ANSWER = struct.Struct("=Qqii")  # id, value, error, flags
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND: _IOWR('!', 0 and 1, ...)
_SET_FLAGS, _WAKE_SYNCHRONOUSLY = 0x40082104, 1  # since Linux 6.6: the two sides take turns on one core
_CONTINUE = 1
_PATH_MAX = 4096  # <linux/limits.h>

# Classic BPF: load a word of seccomp_data; jump if equal; jump if any bit is set; return. [<linux/bpf_common.h>]
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in seccomp_data

_Step = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


class Notification(NamedTuple):
    """A call that waits to go on."""

    id: int
    pid: int  # of the thread, as the listener's processes are numbered
    number: int
    arguments: tuple[int, ...]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def build_filter(machine: str, guarded: Iterable[int]) -> bytes:
    """The filter as the kernel takes it: most calls go through untouched, reads among them; see Call.when.

    What is always allowed costs nothing: the kernel keeps those numbers in a bitmap and does not run the filter for them.
    """
    processes = tuple(guarded)
    others = (*processes, *(-each for each in processes), -1)  # itself, its group, everybody
    steps: list[_Step] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_EQUAL, 1, 0, MACHINES[machine]),
        (_RETURN, 0, 0, _RET_ALLOW),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for each in CALLS.values():
        number = number_of(each, machine)
        if number is not None:
            block = _when(each, others)
            steps += [(_EQUAL, 0, len(block), number), *block]
    steps.append((_RETURN, 0, 0, _RET_ALLOW))
    return b"".join(struct.pack("=HBBI", code, yes, no, operand & 0xFFFFFFFF) for code, yes, no, operand in steps)


def _when(call: Call, guarded: tuple[int, ...]) -> list[_Step]:
    look: _Step = (_RETURN, 0, 0, _RET_USER_NOTIF)
    skip: _Step = (_RETURN, 0, 0, _RET_ALLOW)
    match call.when:
        case None:
            return [look]
        case Bits(argument, mask):
            return [_load(argument), (_ANY_BIT, 0, 1, mask), look, skip]
        case OneOf(argument, values):
            among = values or guarded
            tests = [(_EQUAL, len(among) - at, 0, value) for at, value in enumerate(among)]
            return [_load(argument), *tests, skip, look]


def _load(argument: int) -> _Step:
    """The low word of an argument: both machines are little-endian, and flags and process numbers fit into it."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)


def install(program: bytes) -> int:
    """Put the filter on the calling process and all it will start; returns the descriptor to listen at.

    With the flag of Linux 5.19, where it is known, only a deadly signal interrupts a call that has been looked at: a timer of
    the unit does not make its open(2) fail.
    """
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    passed = ctypes.byref(_Program(len(program) // 8, program))
    seccomp = _SECCOMP[platform.machine()]
    try:
        return kernel.call(seccomp, _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE_RECV, passed)
    except OSError as fault:
        if fault.errno != errno.EINVAL:
            raise
        return kernel.call(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, passed)


def prepare(listener: int) -> None:
    """Ask for the quicker way of waking, where the kernel has it."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(listener, _SET_FLAGS, _WAKE_SYNCHRONOUSLY)


def receive(listener: int) -> Notification | None:
    """The next call that waits; none if who made it was killed meanwhile."""
    buffer = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
    except OSError as fault:
        if fault.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
            return None
        raise
    identity, pid, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
    return Notification(identity, pid, number, tuple(arguments))


def let_go_on(listener: int, notification: Notification) -> None:
    """Hand the call back to the kernel, which decides it as if nobody had looked."""
    with contextlib.suppress(OSError):  # who made it was killed meanwhile
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(notification.id, 0, 0, _CONTINUE))


def string_at(pid: int, address: int) -> str | None:
    """The path that a stopped call points at; none if it points nowhere."""
    raw = _memory(pid, address, _PATH_MAX)
    return None if raw is None or b"\0" not in raw else os.fsdecode(raw[: raw.index(b"\0")])


def number_at(pid: int, address: int) -> int | None:
    """The 64-bit number that a stopped call points at: the first field of open_how and of clone_args, the flags of both."""
    raw = _memory(pid, address, 8)
    return None if raw is None or len(raw) < 8 else int.from_bytes(raw, "little")


def is_readable(pid: int) -> bool:
    """The memory of a stopped process can be read; one that made itself undumpable denies it. [PR_SET_DUMPABLE(2const)]"""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:
        pass  # it was killed meanwhile
    return True


def _memory(pid: int, address: int, size: int) -> bytes | None:
    try:
        handle = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.pread(handle, size, address)
    except (OSError, OverflowError):
        return None
    finally:
        os.close(handle)


def try_out() -> str:
    """Why this machine cannot be watched; empty if it can. Puts a filter on the calling process: call it in one to spare."""
    machine = platform.machine()
    if machine not in MACHINES:
        return f"no table of system calls for {machine}"
    try:
        os.close(install(build_filter(machine, ())))
    except OSError as fault:
        return f"seccomp user notification: {fault.strerror}"
    return ""
