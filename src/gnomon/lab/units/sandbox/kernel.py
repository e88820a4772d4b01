"""System calls that Python has no function for, by ctypes: prctl(2), capset(2) and what the other files call by number."""

from __future__ import annotations

import ctypes
import os
import platform

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>, as the five below
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

_CAPSET = {"x86_64": 126, "aarch64": 91}  # <asm/unistd.h>
_CAPABILITY_VERSION_3 = 0x20080522  # <linux/capability.h>
_CAPABILITIES = 64  # two words of 32: more than any kernel knows

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(number: int, *arguments: object) -> int:
    """What a system call returns; raises OSError where it fails. Integers are passed as 64 bits."""
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = _libc.syscall(ctypes.c_long(number), *passed)
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer


def prctl(option: int, *arguments: int) -> int:
    """What prctl(2) returns; raises OSError where it fails."""
    passed = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    answer: int = _libc.prctl(option, *passed)
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer


def drop_capabilities() -> None:
    """Give up every capability for good, so that root is left with what it owns. [capabilities(7)]

    Without this a unit of a supervisor that is root could remount, write to disks past the file system or set the
    immutable flag. The bounding set is emptied first: after it no program started later gets any back.
    """
    for capability in range(_CAPABILITIES):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one this kernel knows, or none are held to begin with
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    call(_CAPSET[platform.machine()], ctypes.byref(header), ctypes.byref(nothing))
