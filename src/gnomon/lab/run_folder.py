"""The files of a run: where each stands, and how one comes to its place whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.lab.digests import of_data, of_file
from gnomon.lab.journal import sync_folder
from gnomon.lab.plain_file import clear
from gnomon.lab.room import settle

RESERVE_BYTES = 1_000_000  # kept free, so that the end of a run can be written on a full disk


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder; see `lab` for what is in it."""

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
        for folder in (self.path, self.work, self.units, self.path / "logs", self.path / "env"):
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

    def room(self, unit: str, attempt: int) -> Path:
        """Where an attempt works."""
        return self.work / f"{unit}-{attempt}"

    def attempt(self, unit: str, attempt: int) -> Path:
        """Where it stands afterwards."""
        return self.units / unit / f"attempt-{attempt}"

    def open_room(self, unit: str, attempt: int) -> Path:
        """An empty room."""
        room = self.room(unit, attempt)
        if room.exists():
            shutil.rmtree(room)
        room.mkdir(mode=0o777)
        room.chmod(0o777)  # a unit may run as another user than the runner
        return room

    def rooms(self) -> Iterator[tuple[str, int]]:
        """Unit and attempt of every room that is still where its attempt worked."""
        for room in sorted(self.work.iterdir()) if self.work.is_dir() else ():
            unit, _, attempt = room.name.rpartition("-")
            if unit and attempt.isdecimal():
                yield unit, int(attempt)

    def close_rooms(self) -> None:
        """Move every room to its place: their attempts ended, and the runner came no further."""
        for unit, attempt in self.rooms():
            settle(self.room(unit, attempt))
            self.close_room(unit, attempt)

    def close_room(self, unit: str, attempt: int) -> None:
        """Move a room to its place."""
        place = self.attempt(unit, attempt)
        place.parent.mkdir(exist_ok=True)
        self.room(unit, attempt).rename(place)
        sync_folder(place.parent)
        sync_folder(self.units)

    def abandon(self, unit: str, attempt: int) -> None:
        """Keep what a lost attempt left, beside those that ended."""
        room, place = self.room(unit, attempt), self.units / unit / f"attempt-{attempt}.lost"
        if room.exists():
            settle(room)
            place.parent.mkdir(exist_ok=True)
            room.rename(place)


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
