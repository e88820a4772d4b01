"""The command that starts a program in a sandbox of bubblewrap: everything read-only but the rooms. [bwrap(1)]

As real root bwrap keeps all capabilities by default, and a unit could remount what is read-only; so it gets a user namespace,
no capability and no right to make further namespaces, whoever calls. Root in there is the same root to the file system, so
that rooms made by the supervisor are the unit's own, as with any other user.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gnomon.lab.units.sandbox.rooms import Rooms

_COVERED = ("/tmp", "/var/tmp", "/run", "/dev")  # /run too: who can speak to a daemon there can have it write for him
_OWN_TMP = "/tmp/gnomon"
_RESOLVER = Path("/etc/resolv.conf")

_HELD = (
    *("--unshare-user", "--cap-drop", "ALL", "--disable-userns"),
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--as-pid-1"),
)


def command(program: str, rooms: Rooms | None, visible: Iterable[Path]) -> list[str]:
    """The words to put before a command; without rooms nothing at all can be written, which is how it is tried out."""
    own = [] if rooms is None else private(rooms, visible)
    words = [program, *_HELD, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for entry in _settings():
        words += ["--ro-bind-try", str(entry), str(entry)]
    covered = [each for each in _COVERED if Path(each).is_dir() and not Path(each).is_symlink()]
    for folder in (*(each for each in covered if each != "/dev"), *own):
        words += ["--tmpfs", folder]
    for device in () if rooms is None else rooms.devices:
        words += ["--dev-bind-try", str(device), str(device)]
    for each in sorted(_read(rooms, visible)):  # a folder before what lies in it
        if any(each.is_relative_to(folder) for folder in _COVERED) and each.exists():
            words += ["--ro-bind", str(each), str(each)]
    for place in () if rooms is None else (rooms.work, *rooms.scratch):
        words += ["--bind", str(place), str(place)]
    for folder in covered:  # what one unit left there would await the next
        if folder not in own:
            words += ["--remount-ro", folder]
    if rooms is None or not rooms.network:
        words.append("--unshare-net")
    return [*words, "--chdir", "/"]


def private(rooms: Rooms, visible: Iterable[Path]) -> list[str]:
    """Folders that are a unit's alone, in memory and empty when it starts; the first is for TMPDIR.

    Landlock grants a folder with all that is mounted below it, so that a /tmp that also shows a repository cannot be
    granted: then only a folder in it is.
    """
    shown = [*_read(rooms, visible), rooms.work, *rooms.scratch]

    def is_free(folder: str) -> bool:
        return Path(folder).is_dir() and not any(each.is_relative_to(folder) for each in shown)

    return [("/tmp" if is_free("/tmp") else _OWN_TMP), *(each for each in ("/var/tmp", "/dev/shm") if is_free(each))]


def _settings() -> list[Path]:
    """What sets the kernel in /proc. It is root's, who needs no capability to write it: core_pattern names a program that
    the kernel then starts outside. Landlock denies it too.
    """
    entries = (each for each in Path("/proc").iterdir() if not each.name.isdigit() and not each.is_symlink())
    return sorted(each for each in entries if each.is_dir() or each.stat().st_mode & 0o222)


def _read(rooms: Rooms | None, visible: Iterable[Path]) -> set[Path]:
    if rooms is None:
        return {*visible}
    resolver = {_RESOLVER.resolve()} if rooms.network else set()
    return {*visible, *rooms.visible, *rooms.protected, rooms.work.parent} | resolver
