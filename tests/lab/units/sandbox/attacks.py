"""What a hostile unit tries. Runs inside, with nothing but the standard library: attacks.py NAME PLACES.

Each attack makes its attempts one by one and writes what came of each, the name of an error or "done", to descriptor 3. What
counts is not this but what the supervisor finds: see siege.py.
"""

# The calls are meant as they stand: each line is one system call that is tried.
# ruff: noqa: PTH100, PTH101, PTH104, PTH108, PTH211

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

Act = Callable[[], object]
Attempts = Iterator[tuple[str, Act]]


class Attack(NamedTuple):
    """One attack, and what the record must say of it."""

    attempts: Callable[[SimpleNamespace], Attempts]
    aim: str  # of an event that must be there; empty: nothing was reached that could be recorded
    target: str  # and the end of its target
    contents: bool  # Landlock alone denies it


ATTACKS: dict[str, Attack] = {}
SPEC = "experiments/exp-001-x.md"

_libc = ctypes.CDLL(None, use_errno=True)
_MS_REMOUNT, _MS_BIND, _MNT_DETACH = 32, 4096, 2
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x00020000
_PTRACE_ATTACH = 16


def attack(
    aim: str, target: str = SPEC, *, contents: bool = True
) -> Callable[[Callable[[SimpleNamespace], Attempts]], None]:
    def note(attempts: Callable[[SimpleNamespace], Attempts]) -> None:
        ATTACKS[attempts.__name__] = Attack(attempts, aim, target, contents)

    return note


def checked(answer: int) -> None:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def overwrite(path: str | Path, flags: int = 0) -> None:
    handle = os.open(path, os.O_WRONLY | flags, 0o644)
    os.write(handle, b"forged")
    os.close(handle)


def shell(*words: str, cwd: Path | None = None) -> None:
    """A command that fails stands for the denial that it met."""
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise OSError(0, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")


# -- contents ----------------------------------------------------------------------------------------------------------


@attack("protected")
def writes(at: SimpleNamespace) -> Attempts:
    yield "open and write", lambda: overwrite(at.spec)
    yield "shell", lambda: shell("sh", "-c", f"echo forged > {at.spec}")
    yield "tee", lambda: shell("sh", "-c", f"echo forged | tee {at.spec}")


@attack("protected")
def appends(at: SimpleNamespace) -> Attempts:
    yield "open to append", lambda: overwrite(at.spec, os.O_APPEND)


@attack("protected")
def truncates(at: SimpleNamespace) -> Attempts:
    yield "truncate", lambda: os.truncate(at.spec, 0)
    yield "open with O_TRUNC", lambda: os.open(at.spec, os.O_RDONLY | os.O_TRUNC)


@attack("protected")
def writes_through_a_mapping(at: SimpleNamespace) -> Attempts:
    def write() -> None:
        handle = os.open(at.spec, os.O_RDWR)
        mmap.mmap(handle, 4)[:4] = b"forg"

    yield "shared mapping", write


@attack("protected")
def opens_by_openat2(at: SimpleNamespace) -> Attempts:
    how = (ctypes.c_uint64 * 3)(os.O_WRONLY, 0, 0)
    yield "openat2", lambda: checked(_libc.syscall(437, -100, os.fsencode(at.spec), ctypes.byref(how), 24))


# -- names -------------------------------------------------------------------------------------------------------------


@attack("protected")
def renames_over_it(at: SimpleNamespace) -> Attempts:
    Path("forged").write_text("forged")
    yield "rename over", lambda: os.rename("forged", at.spec)
    yield "mv -f", lambda: shell("mv", "-f", "forged", at.spec)
    yield "install", lambda: shell("install", "-m", "644", "forged", at.spec)


@attack("protected")
def renames_it_away(at: SimpleNamespace) -> Attempts:
    yield "rename beside", lambda: os.rename(at.spec, at.spec + ".old")
    yield "rename into the room", lambda: os.rename(at.spec, "taken")


@attack("protected")
def unlinks_it(at: SimpleNamespace) -> Attempts:
    yield "unlink", lambda: os.unlink(at.spec)
    yield "rm -f", lambda: shell("rm", "-f", at.spec)


@attack("protected")
def hard_links_it_then_writes(at: SimpleNamespace) -> Attempts:
    def write() -> None:
        os.link(at.spec, "linked")
        overwrite("linked")

    yield "link and write", write
    yield "link into /tmp", lambda: os.link(at.spec, os.environ["TMPDIR"] + "/linked")


@attack("protected")
def swaps_it_for_a_link(at: SimpleNamespace) -> Attempts:
    def swap() -> None:
        os.unlink(at.spec)
        os.symlink("/etc/passwd", at.spec)

    def through() -> None:
        os.symlink(at.spec, "pointer")
        overwrite("pointer")

    yield "unlink, then symlink", swap
    yield "symlink over", lambda: os.symlink("/etc/passwd", at.spec)
    yield "write through a link in the room", through


@attack("protected", "experiments")
def replaces_the_folder_around_it(at: SimpleNamespace) -> Attempts:
    folder = Path(at.spec).parent
    yield "rename the folder", lambda: folder.rename(folder.with_name("was"))
    yield "rename another over it", lambda: (Path("other").mkdir(), os.rename("other", folder))
    yield "remove the folder", lambda: shutil.rmtree(folder)


@attack("protected", "experiments/exp-002-new.md")
def adds_a_spec(at: SimpleNamespace) -> Attempts:
    yield "create", lambda: overwrite(Path(at.spec).with_name("exp-002-new.md"), os.O_CREAT)


# -- mode, owner, times, attributes ------------------------------------------------------------------------------------


@attack("protected", contents=False)
def changes_its_mode(at: SimpleNamespace) -> Attempts:
    yield "chmod", lambda: os.chmod(at.spec, 0o777)
    yield "fchmod", lambda: os.fchmod(os.open(at.spec, os.O_RDONLY), 0o777)
    yield "chmod of the folder", lambda: shell("chmod", "777", str(Path(at.spec).parent))


@attack("protected", contents=False)
def changes_its_owner(at: SimpleNamespace) -> Attempts:
    yield "chown", lambda: os.chown(at.spec, os.getuid(), os.getgid())
    yield "chown to another", lambda: os.chown(at.spec, 12345, 12345)


@attack("protected", contents=False)
def changes_its_times(at: SimpleNamespace) -> Attempts:
    yield "utime", lambda: os.utime(at.spec, (1, 1))
    yield "touch", lambda: shell("touch", at.spec)
    yield "futimens", lambda: os.utime(os.open(at.spec, os.O_RDONLY), (1, 1))


@attack("protected", contents=False)
def sets_an_attribute(at: SimpleNamespace) -> Attempts:
    yield "setxattr", lambda: os.setxattr(at.spec, "user.forged", b"1")
    yield "chattr", lambda: shell("chattr", "+d", at.spec)


# -- mounts and namespaces ---------------------------------------------------------------------------------------------


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    checked(_libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), None))


@attack("sandbox", "")
def remounts_to_write(at: SimpleNamespace) -> Attempts:
    for place in ("/", at.repository):
        yield (
            f"remount {place}",
            lambda place=place: (mount("none", place, None, _MS_REMOUNT | _MS_BIND), overwrite(at.spec)),
        )
    yield "mount -o remount,rw", lambda: shell("mount", "-o", "remount,rw,bind", at.repository)


@attack("sandbox", SPEC)
def mounts_over_it(at: SimpleNamespace) -> Attempts:
    Path("forged").write_text("forged")
    yield "bind", lambda: mount(os.path.abspath("forged"), at.spec, None, _MS_BIND)
    yield "tmpfs on the folder", lambda: mount("tmpfs", str(Path(at.spec).parent), "tmpfs", 0)


@attack("sandbox", "")
def unmounts(at: SimpleNamespace) -> Attempts:
    for place in (at.repository, "/tmp", "/"):
        yield f"umount {place}", lambda place=place: checked(_libc.umount2(place.encode(), _MNT_DETACH))


@attack("sandbox", "new namespaces: mount, user")
def mounts_in_a_namespace_of_its_own(at: SimpleNamespace) -> Attempts:
    def unshare() -> None:
        checked(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
        mount("none", at.repository, None, _MS_REMOUNT | _MS_BIND)
        overwrite(at.spec)

    yield "unshare", unshare
    yield (
        "unshare -r",
        lambda: shell("unshare", "-rm", "sh", "-c", f"mount -o remount,rw,bind / && echo forged > {at.spec}"),
    )
    yield "bwrap in bwrap", lambda: shell("bwrap", "--dev-bind", "/", "/", "sh", "-c", f"echo forged > {at.spec}")


@attack("sandbox", "")
def changes_the_root(at: SimpleNamespace) -> Attempts:
    yield "chroot, then write", lambda: (os.chroot(at.repository), overwrite(f"/{SPEC}"))
    yield "pivot_root", lambda: checked(_libc.syscall(155 if platform.machine() == "x86_64" else 41, b".", b"."))


# -- git ---------------------------------------------------------------------------------------------------------------


@attack("protected", ".git/index.lock")
def reverts_by_git_checkout(at: SimpleNamespace) -> Attempts:
    yield "checkout", lambda: shell("git", "checkout", "--", SPEC, cwd=at.repository)
    yield "restore", lambda: shell("git", "restore", SPEC, cwd=at.repository)
    yield "reset", lambda: shell("git", "reset", "--hard", cwd=at.repository)


@attack("protected", ".git/index.lock")
def reverts_by_git_stash(at: SimpleNamespace) -> Attempts:
    yield "stash", lambda: shell("git", "-c", "user.name=a", "-c", "user.email=a@b", "stash", cwd=at.repository)


@attack("protected")
def reverts_by_git_with_a_copy_of_its_folder(at: SimpleNamespace) -> Attempts:
    shutil.copytree(f"{at.repository}/.git", "own.git")
    own = ("git", f"--git-dir={os.path.abspath('own.git')}", f"--work-tree={at.repository}")
    yield "checkout", lambda: shell(*own, "checkout", "-f", "--", SPEC, cwd=at.repository)


# -- results and the journal -------------------------------------------------------------------------------------------


@attack("protected", "metrics.json")
def writes_an_earlier_result(at: SimpleNamespace) -> Attempts:
    yield "write", lambda: overwrite(at.earlier + "/metrics.json")
    yield "add a file", lambda: overwrite(at.earlier + "/more.json", os.O_CREAT)


@attack("protected", "metrics.json")
def deletes_an_earlier_result(at: SimpleNamespace) -> Attempts:
    yield "rmtree", lambda: shutil.rmtree(at.earlier)
    yield "rm -rf", lambda: shell("rm", "-rf", at.earlier)
    yield "rename", lambda: os.rename(at.earlier, at.earlier + "-old")


@attack("protected", "journal.jsonl")
def writes_the_journal(at: SimpleNamespace) -> Attempts:
    yield "append", lambda: overwrite(at.journal, os.O_APPEND)
    yield "unlink", lambda: os.unlink(at.journal)


@attack("protected", "RESEARCH_LOG.md")
def writes_the_research_log(at: SimpleNamespace) -> Attempts:
    yield "append", lambda: overwrite(at.repository + "/RESEARCH_LOG.md", os.O_APPEND)


@attack("protected", "other-room/result")
def writes_in_the_room_of_another(at: SimpleNamespace) -> Attempts:
    yield "write", lambda: overwrite(at.other_room + "/result")


# -- processes ---------------------------------------------------------------------------------------------------------


@attack("supervisor", "process {supervisor}")
def signals_the_supervisor(at: SimpleNamespace) -> Attempts:
    yield "USR1", lambda: os.kill(at.supervisor, signal.SIGUSR1)
    yield "USR1 to its group", lambda: os.kill(-at.supervisor, signal.SIGUSR1)
    yield "kill(1)", lambda: shell("sh", "-c", f"kill -USR1 {at.supervisor}")


@attack("supervisor", "/mem")
def traces_who_started_it(at: SimpleNamespace) -> Attempts:
    zygote = os.getppid()
    yield "ptrace", lambda: checked(_libc.ptrace(_PTRACE_ATTACH, zygote, None, None))
    yield "/proc/<pid>/mem", lambda: overwrite(f"/proc/{zygote}/mem")
    yield (
        "process_vm_writev",
        lambda: checked(
            _libc.process_vm_writev(zygote, (ctypes.c_uint64 * 2)(0, 1), 1, (ctypes.c_uint64 * 2)(4096, 1), 1, 0)
        ),
    )


@attack("supervisor", "")
def kills_who_started_it(at: SimpleNamespace) -> Attempts:
    zygote = os.getppid()
    for name in ("SIGTERM", "SIGINT", "SIGSTOP", "SIGKILL"):
        yield name, lambda name=name: os.kill(zygote, getattr(signal, name))


@attack("protected")
def writes_to_an_inherited_descriptor(at: SimpleNamespace) -> Attempts:
    reading = os.open(at.spec, os.O_RDONLY)
    yield "opened to read", lambda: os.write(reading, b"forged")
    yield "/dev/fd", lambda: overwrite(f"/dev/fd/{reading}")
    yield "/proc/self/fd", lambda: overwrite(f"/proc/self/fd/{reading}")
    os.close(reading)
    for number in range(4, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield f"descriptor {number}", lambda number=number: os.write(number, b"forged")


@attack("protected")
def writes_through_proc(at: SimpleNamespace) -> Attempts:
    yield "/proc/self/root", lambda: overwrite(f"/proc/self/root{at.spec}")
    yield "/proc/<zygote>/root", lambda: overwrite(f"/proc/{os.getppid()}/root{at.spec}")
    os.chdir(Path(at.spec).parent)
    yield "/proc/self/cwd", lambda: overwrite(f"/proc/self/cwd/{Path(at.spec).name}")


@attack("sandbox", "does not let itself be read")
def hides_what_it_does(at: SimpleNamespace) -> Attempts:
    checked(_libc.prctl(4, 0, 0, 0, 0))  # PR_SET_DUMPABLE
    yield "write", lambda: overwrite(at.spec)


@attack("", "")
def leaves_a_process_that_writes_later(at: SimpleNamespace) -> Attempts:
    def leave() -> None:
        if os.fork():
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in range(4):
            os.close(number)
        time.sleep(0.5)
        Path("late").write_text("I am still here")
        try:
            overwrite(at.spec)
        finally:
            os._exit(0)

    yield "daemon", leave


def main() -> None:
    name, places = sys.argv[1:]
    at = SimpleNamespace(**json.loads(places))
    came = []
    for what, act in ATTACKS[name].attempts(at):
        try:
            act()
            came.append([what, "done"])
        except OSError as fault:
            came.append([what, errno.errorcode[fault.errno] if fault.errno else fault.strerror])
    os.write(3, json.dumps(came).encode() + b"\n")


if __name__ == "__main__":
    main()
