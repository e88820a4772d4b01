"""What a unit left in its room, made fit to be read, digested and sealed."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

DEEPEST = 64  # folders in each other that are kept
_PATH_BYTES = 3500  # of a name below the room: the kernel takes 4095 in all [limits.h, PATH_MAX]


def settle(room: Path) -> str:
    """Give the owner the right to read every file and to enter every folder, and take out what is nested beyond use.

    Returns what was wrong with it, in words; empty: nothing. OSError where files are another's.
    """
    allow(room.parent, stat.S_IRWXU)
    if room.is_symlink() or not room.is_dir():
        room.unlink(missing_ok=True)
        room.mkdir()
        return "its folder was taken away"
    taken = 0
    for folder, depth in _folders(room):
        if depth <= DEEPEST and len(os.fsencode(folder)) - len(os.fsencode(room)) <= _PATH_BYTES:
            continue
        _remove(folder, room)
        taken += 1
    if not taken:
        return ""
    return f"folders deeper than {DEEPEST} levels or {_PATH_BYTES} bytes of name were taken out ({taken} places)"


def clear_beside(room: Path) -> None:
    """Take out what a unit made beside its room, where the next one of its worker would find it."""
    allow(room.parent, stat.S_IRWXU)
    for entry in os.scandir(room.parent):
        path = room.parent / entry.name
        if entry.name == room.name:
            continue
        if entry.is_dir(follow_symlinks=False):
            _remove(path, room.parent)
        else:
            path.unlink()


def bring_to_disk(room: Path) -> None:
    """Every byte of a settled room is on the disk before this returns. OSError where it is full."""
    for folder, _ in _folders(room):
        for entry in os.scandir(folder):
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size:
                _sync(folder / entry.name)
        _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folders(room: Path) -> Iterator[tuple[Path, int]]:
    """Every folder with its depth, readable by then, itself before those in it; one that is gone after its turn is left."""
    left = [(room, 0)]
    while left:
        folder, depth = left.pop()
        allow(folder, stat.S_IRWXU)
        yield folder, depth
        if not folder.exists():
            continue
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                left.append((folder / entry.name, depth + 1))
            elif entry.is_file(follow_symlinks=False):
                allow(folder / entry.name, stat.S_IRUSR)


def _remove(folder: Path, room: Path) -> None:
    """Remove a folder however deep it goes: folders in it are brought up beside it before they are emptied themselves."""
    doomed = [folder]
    name, count = f".{secrets.token_hex(8)}", 0
    while doomed:
        place = doomed.pop()
        allow(place, stat.S_IRWXU)
        for entry in os.scandir(place):
            if not entry.is_dir(follow_symlinks=False):
                (place / entry.name).unlink()
                continue
            allow(place / entry.name, stat.S_IRWXU)  # a folder that is moved is written to
            up = room / f"{name}-{count}"
            (place / entry.name).rename(up)
            doomed.append(up)
            count += 1
        place.rmdir()


def allow(path: Path, rights: int) -> None:
    """Give the owner these rights where they are lacking, and nobody another's identity (setuid, setgid)."""
    mode = stat.S_IMODE(path.stat().st_mode)
    wanted = (mode | rights) & ~(stat.S_ISUID | stat.S_ISGID)
    if mode != wanted:
        path.chmod(wanted)
