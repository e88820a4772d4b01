"""Landlock: a process gives up writing anywhere but in named places, for itself and all it will start.

Needs no right of root and no namespaces. Sources: landlock(7), <linux/landlock.h>, Documentation/userspace-api/landlock.rst
of Linux 6.18. Reading and executing are left as they are; what is handled is every right to change the tree.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from gnomon.lab.units.sandbox import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on x86_64 and aarch64

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))  # REMOVE_DIR, REMOVE_FILE, MAKE_CHAR ... MAKE_SYM
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_TCP = 1 << 0 | 1 << 1  # BIND_TCP, CONNECT_TCP
_SCOPES = 1 << 0 | 1 << 1  # ABSTRACT_UNIX_SOCKET, SIGNAL

# Below this version a file can be cut to nothing by truncate(2): not the bytes-are-safe that the level promises.
LEAST_ABI = 3
SCOPES_ABI = 6
TCP_ABI = 4


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int | None:
    """The version of Landlock that this kernel offers; none where it has none or it was not turned on at boot."""
    try:
        return kernel.call(CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return None


def write_rights(version: int) -> int:
    """Every right to change files and names that this version knows, as a bit mask."""
    rights = _WRITE_FILE | _REMOVE_AND_MAKE
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def restrict(version: int, writable: Iterable[str], *, deny_tcp: bool) -> None:
    """Leave the calling process the named files and folders to write to, nothing else; the rest of the tree is read.

    From version 6 on it can neither signal nor reach by abstract socket who is outside. It can trace no process that is
    less restricted, in any version: so not the program that called this before it started the unit.
    """
    rights = write_rights(version)
    ruleset = _Ruleset(
        handled_access_fs=rights,
        handled_access_net=_TCP if deny_tcp and version >= TCP_ABI else 0,
        scoped=_SCOPES if version >= SCOPES_ABI else 0,
    )
    # A kernel refuses a structure longer than it knows unless the rest is zero, so the whole one can always be passed.
    handle = kernel.call(CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    try:
        for path in writable:
            _allow(handle, path, rights)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.call(RESTRICT_SELF, handle, 0)
    finally:
        os.close(handle)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # a device that this machine lacks
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _WRITE_FILE | _TRUNCATE | _IOCTL_DEV  # the others are of folders, and refused on a file
        rule = _PathBeneath(allowed_access=rights, parent_fd=place)
        kernel.call(ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)


def try_out() -> str:
    """Why Landlock cannot hold units here; empty if it can. Restricts the calling process: call it in one to spare."""
    version = abi()
    if version is None:
        return "Landlock is not in this kernel (Linux 5.13, CONFIG_SECURITY_LANDLOCK, lsm=landlock)"
    if version < LEAST_ABI:
        return f"Landlock of version {version} lets files be truncated: {LEAST_ABI} is needed (Linux 6.2)"
    try:
        restrict(version, (), deny_tcp=False)
    except OSError as fault:
        return f"Landlock: {fault.strerror}"
    try:
        os.close(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
    except PermissionError:
        return ""
    return "Landlock does not deny what it was told to deny"
