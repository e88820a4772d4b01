"""Which system calls can change a file, a mount or another process, and where each names what it aims at.

The numbers are those of arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (aarch64) of Linux
6.18; None where a machine never had the call. The order of arguments is that of the manual page of each in section 2.
"""

from __future__ import annotations

import os
from typing import NamedTuple

# What `CLONE_NEW...` asks for: mount, cgroup, UTS, IPC, user, process and network namespaces. [<linux/sched.h>]
NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FS_IOC_SETFLAGS, _FS_IOC_FSSETXATTR = 0x40086602, 0x401C5820  # <linux/fs.h>: what chattr(1) calls
_OPEN_TREE_CLONE = 1  # <linux/mount.h>


class Path(NamedTuple):
    """A path: the argument that points at it, and that of the folder's descriptor which it starts from, if any."""

    argument: int
    folder: int | None = None
    follows: bool = True  # a link at the end is followed, so that what it points at is aimed at too


class Descriptor(NamedTuple):
    """An open file, by the argument that holds its number."""

    argument: int


class Process(NamedTuple):
    """Another process, by the argument that holds its number."""

    argument: int


class Bits(NamedTuple):
    """Of interest only where an argument has one of these bits."""

    argument: int
    mask: int


class OneOf(NamedTuple):
    """Of interest only where an argument is one of these numbers; none given: one of the guarded processes."""

    argument: int
    values: tuple[int, ...] = ()


class Call(NamedTuple):
    """A system call that is watched."""

    x86_64: int | None
    aarch64: int | None
    targets: tuple[Path | Descriptor | Process, ...] = ()
    when: Bits | OneOf | None = None  # judged in the kernel, without waking anybody; none: always looked at
    takes_what_is_below: bool = False  # a folder above a protected file is as good as the file: rename, chmod, unlink
    leaves: bool = False  # an attempt to leave the sandbox whatever it names: mounts, namespaces, another root
    only_makes: bool = False  # changes nothing where the name is taken: `mkdir -p` asks for every folder above


_NEW = Path(0, follows=False)
_NEW_AT = Path(1, folder=0, follows=False)

CALLS: dict[str, Call] = {
    # contents
    "open": Call(2, None, (Path(0),), Bits(1, WRITES)),
    "openat": Call(257, 56, (Path(1, folder=0),), Bits(2, WRITES)),
    "openat2": Call(437, 437, (Path(1, folder=0),)),  # its flags lie in memory: looked at when it is judged
    "creat": Call(85, None, (Path(0),)),
    "open_by_handle_at": Call(304, 265, (Descriptor(0),), Bits(2, WRITES), leaves=True),
    "truncate": Call(76, 45, (Path(0),)),
    "ftruncate": Call(77, 46, (Descriptor(0),)),
    # names
    "rename": Call(82, None, (_NEW, Path(1, follows=False)), takes_what_is_below=True),
    "renameat": Call(264, 38, (_NEW_AT, Path(3, folder=2, follows=False)), takes_what_is_below=True),
    "renameat2": Call(316, 276, (_NEW_AT, Path(3, folder=2, follows=False)), takes_what_is_below=True),
    "unlink": Call(87, None, (_NEW,), takes_what_is_below=True),
    "rmdir": Call(84, None, (_NEW,), takes_what_is_below=True),
    "unlinkat": Call(263, 35, (_NEW_AT,), takes_what_is_below=True),
    "link": Call(86, None, (Path(0), Path(1, follows=False))),
    "linkat": Call(265, 37, (Path(1, folder=0), Path(3, folder=2, follows=False))),
    "symlink": Call(88, None, (Path(1, follows=False),)),
    "symlinkat": Call(266, 36, (Path(2, folder=1, follows=False),)),
    "mknod": Call(133, None, (_NEW,)),
    "mknodat": Call(259, 33, (_NEW_AT,)),
    "mkdir": Call(83, None, (_NEW,), only_makes=True),
    "mkdirat": Call(258, 34, (_NEW_AT,), only_makes=True),
    # mode, owner, times, attributes
    "chmod": Call(90, None, (Path(0),), takes_what_is_below=True),
    "fchmod": Call(91, 52, (Descriptor(0),), takes_what_is_below=True),
    "fchmodat": Call(268, 53, (Path(1, folder=0),), takes_what_is_below=True),
    "fchmodat2": Call(452, 452, (Path(1, folder=0),), takes_what_is_below=True),
    "chown": Call(92, None, (Path(0),), takes_what_is_below=True),
    "fchown": Call(93, 55, (Descriptor(0),), takes_what_is_below=True),
    "lchown": Call(94, None, (_NEW,), takes_what_is_below=True),
    "fchownat": Call(260, 54, (Path(1, folder=0),), takes_what_is_below=True),
    "utime": Call(132, None, (Path(0),)),
    "utimes": Call(235, None, (Path(0),)),
    "futimesat": Call(261, None, (Path(1, folder=0),)),
    "utimensat": Call(280, 88, (Path(1, folder=0),)),
    "setxattr": Call(188, 5, (Path(0),)),
    "lsetxattr": Call(189, 6, (_NEW,)),
    "fsetxattr": Call(190, 7, (Descriptor(0),)),
    "removexattr": Call(197, 14, (Path(0),)),
    "lremovexattr": Call(198, 15, (_NEW,)),
    "fremovexattr": Call(199, 16, (Descriptor(0),)),
    "setxattrat": Call(463, 463, (Path(1, folder=0),)),
    "removexattrat": Call(466, 466, (Path(1, folder=0),)),
    "file_setattr": Call(469, 469, (Path(1, folder=0),)),
    "ioctl": Call(16, 29, (Descriptor(0),), OneOf(1, (_FS_IOC_SETFLAGS, _FS_IOC_FSSETXATTR))),
    # mounts, namespaces, roots
    "mount": Call(165, 40, (Path(1),), leaves=True),
    "umount2": Call(166, 39, (Path(0),), leaves=True),
    "open_tree": Call(428, 428, (Path(1, folder=0),), Bits(2, _OPEN_TREE_CLONE), leaves=True),
    "move_mount": Call(429, 429, (Path(3, folder=2),), leaves=True),
    "fsopen": Call(430, 430, leaves=True),
    "mount_setattr": Call(442, 442, (Path(1, folder=0),), leaves=True),
    "pivot_root": Call(155, 41, (Path(0),), leaves=True),
    "chroot": Call(161, 51, (Path(0),), leaves=True),
    "unshare": Call(272, 97, (), Bits(0, NEW_NAMESPACES), leaves=True),
    "setns": Call(308, 268, (), leaves=True),
    "clone": Call(56, 220, (), Bits(0, NEW_NAMESPACES), leaves=True),
    "clone3": Call(435, 435, leaves=True),  # as openat2
    # other processes
    "ptrace": Call(101, 117, (Process(1),), OneOf(1)),
    "process_vm_writev": Call(311, 271, (Process(0),), OneOf(0)),
    "pidfd_open": Call(434, 434, (Process(0),), OneOf(0)),
    "kill": Call(62, 129, (Process(0),), OneOf(0)),
    "tkill": Call(200, 130, (Process(0),), OneOf(0)),
    "tgkill": Call(234, 131, (Process(0),), OneOf(0)),
    "rt_sigqueueinfo": Call(129, 138, (Process(0),), OneOf(0)),
    "rt_tgsigqueueinfo": Call(297, 240, (Process(0),), OneOf(0)),
}


def number_of(call: Call, machine: str) -> int | None:
    """The number of a call on this kind of machine, as platform.machine() names it."""
    return call.x86_64 if machine == "x86_64" else call.aarch64


MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_... of <linux/audit.h>
