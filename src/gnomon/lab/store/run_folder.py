"""The files of a run: where each stands, and how one comes to its place whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.lab.digests import of_data, of_file
from gnomon.lab.store.journal import sync_folder
from gnomon.lab.store.plain_file import clear
from gnomon.lab.store.room import allow, settle

RESERVE_BYTES = 1_000_000  # kept free, so that the end of a run can be written on a full disk


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder; docs/reference/experiment.md tells every file in it."""

    path: Path

    @property
    def journal(self) -> Path:
        """The authority on what happened."""
        return self.path / "journal.jsonl"

    @property
    def work(self) -> Path:
        """Rooms of attempts under way: the only place that units write to."""
        return self.path / "work"

    @property
    def units(self) -> Path:
        """What attempts left."""
        return self.path / "units"

    @property
    def stop_request(self) -> Path:
        """Its presence asks the runner to finish what is under way and stop."""
        return self.path / "stop"

    @property
    def reserve(self) -> Path:
        """A file to be given up when the disk is full."""
        return self.path / ".reserve"

    def make(self) -> None:
        """The folders; OSError where they cannot be made."""
        for folder in (self.path, self.work, self.units, self.path / "env"):
            folder.mkdir(parents=True, exist_ok=True)
        for part in (*self.path.glob(".*.part"), *(self.path / "env").glob(".*.part")):  # of a runner that was killed
            part.unlink()

    def hold_reserve(self) -> None:
        """Take the reserved room on the disk, where there is any left."""
        with suppress(OSError):
            if not self.reserve.exists():
                self.reserve.write_bytes(b"\0" * RESERVE_BYTES)

    def free_reserve(self) -> None:
        """Give it up."""
        self.reserve.unlink(missing_ok=True)

    @property
    def is_full(self) -> bool:
        """Whether less is free on the disk than is reserved."""
        return shutil.disk_usage(self.path).free < RESERVE_BYTES

    def slot(self, worker: int) -> Path:
        """The folder of a worker's rooms, one at a time: what is another's is in another folder."""
        return self.work / str(worker)

    def attempt(self, unit: str, attempt: int) -> Path:
        """Where an attempt's room stands afterwards."""
        return self.units / unit / f"attempt-{attempt}"

    def open_room(self, unit: str, attempt: int, worker: int = 0) -> Path:
        """An empty room."""
        slot = self.slot(worker)
        slot.mkdir(exist_ok=True)
        allow(slot, stat.S_IRWXU)
        room = slot / f"{unit}-{attempt}"
        room.mkdir(mode=0o777)
        room.chmod(0o777)  # a unit may run as another user than the runner
        return room

    def rooms(self) -> Iterator[Path]:
        """Every room that is still where its attempt worked."""
        for slot in sorted(self.work.iterdir()) if self.work.is_dir() else ():
            if slot.is_dir() and not slot.is_symlink():
                allow(slot, stat.S_IRWXU)
                yield from (room for room in sorted(slot.iterdir()) if _of_room(room) is not None)

    def close_rooms(self, is_begun: Callable[[str, int], bool] = lambda unit, attempt: True) -> None:
        """Move every room to its place: their attempts ended, and the runner came no further.

        is_begun: whether there is a record of an attempt; what is left of others is kept apart.
        """
        for room in list(self.rooms()):
            found = _of_room(room)
            if found is not None and not is_begun(*found):
                self.abandon(*found)
                continue
            settle(room)
            self.close_room(room)

    def close_work(self) -> None:
        """Move every room to its place, and leave no folder that is empty."""
        self.close_rooms()
        for folder in (*self.work.glob("*"), self.work):
            if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
                folder.rmdir()

    def close_room(self, room: Path) -> None:
        """Move a room to its place."""
        found = _of_room(room)
        assert found is not None
        place = self.attempt(*found)
        place.parent.mkdir(exist_ok=True)
        room.rename(place)
        sync_folder(place.parent)
        sync_folder(self.units)

    def abandon(self, unit: str, attempt: int) -> None:
        """Keep what a lost attempt left, in its room or at its place, beside those that ended."""
        lost = self.units / unit / f"attempt-{attempt}.lost"
        left = [room for room in self.rooms() if _of_room(room) == (unit, attempt)]
        for folder in (*left, self.attempt(unit, attempt)):
            if folder.is_dir():
                settle(folder)
                lost.parent.mkdir(exist_ok=True)
                clear(lost)
                folder.rename(lost)


def _of_room(room: Path) -> tuple[str, int] | None:
    """Unit and attempt of a room by its name; None: it is none."""
    unit, _, attempt = room.name.rpartition("-")
    return (unit, int(attempt)) if unit and attempt.isascii() and attempt.isdecimal() else None


def digest_of_tree(folder: Path) -> str:
    """One digest of every file below a folder: its names, and its bytes or where it links to."""
    return of_data([[name, digest] for name, digest in tree(folder)])


def tree(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder in order, with the digest of its bytes; a link is what it says, not what it leads to."""
    for path in sorted(folder.rglob("*"), key=os.fsencode):
        name = in_one_line(path.relative_to(folder))
        if path.is_symlink():
            yield name, f"link {in_one_line(path.readlink())}"
        elif path.is_file():
            yield name, of_file(path)


def in_one_line(path: Path) -> str:
    """A path as text on one line, whatever bytes it is of: a backslash, an end of line and what is no UTF-8 are escaped."""
    raw = os.fsencode(path).replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return raw.decode("utf-8", "backslashreplace")


def write_synced(path: Path, text: str) -> None:
    """Write a file whole: beside its place, to the disk, renamed. OSError where it cannot be."""
    part = path.with_name(f".{path.name}.part")
    clear(part)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def json_text(value: Any) -> str:
    """JSON for people: indented, no token that is no JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
