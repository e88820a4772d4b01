"""The command that starts a program in a sandbox of bubblewrap: everything read-only but the rooms. [bwrap(1)]

As real root bwrap keeps all capabilities by default, and a unit could remount what is read-only; so it gets a user namespace,
no capability and no right to make further namespaces, whoever calls. Root in there is the same root to the file system, so
that rooms made by the supervisor are the unit's own, as with any other user.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gnomon.lab.sandbox.rooms import Rooms

PRIVATE = ("/tmp", "/var/tmp")
_COVERED = (*PRIVATE, "/run", "/dev")  # /run too: who can speak to a daemon there can have it write for him
_RESOLVER = Path("/etc/resolv.conf")

_HELD = (
    *("--unshare-user", "--cap-drop", "ALL", "--disable-userns"),
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--as-pid-1"),
)


def command(program: str, rooms: Rooms | None, visible: Iterable[Path]) -> list[str]:
    """The words to put before a command; without rooms nothing at all can be written, which is how it is tried out."""
    words = [program, *_HELD, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for covered in (*PRIVATE, "/run"):
        if Path(covered).is_dir() and not Path(covered).is_symlink():
            words += ["--tmpfs", covered]
    seen = {*visible}
    if rooms is not None:
        seen |= {*rooms.visible, *rooms.protected, rooms.work.parent}
        if rooms.network:
            seen.add(_RESOLVER.resolve())
        for device in rooms.devices:
            words += ["--dev-bind-try", str(device), str(device)]
    for each in sorted(seen):  # a folder before what lies in it
        if any(each.is_relative_to(place) for place in _COVERED) and each.exists():
            words += ["--ro-bind", str(each), str(each)]
    if rooms is not None:
        for writable in (rooms.work, *rooms.scratch):
            words += ["--bind", str(writable), str(writable)]
    if rooms is None or not rooms.network:
        words.append("--unshare-net")
    return [*words, "--chdir", "/"]
