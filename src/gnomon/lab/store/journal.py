"""The journal of a run: one JSON line for each event, each bound to the one before by its digest, on disk before it counts.

A record is {seq, prev, time, mono, kind, ...}, and `hash` over all of that. What a crash leaves of a last line is cut off
when the journal is opened; any other line that does not fit is tampering. The chain proves order and wholeness of what is
there, not that it was not written anew as a whole: that takes an anchor outside of this machine.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from gnomon.lab.digests import canonical, of_bytes
from gnomon.lab.errors import Tampered
from gnomon.lab.store import records

START = "0" * 64  # the digest before the first record
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How far a journal is sound, and what is wrong behind that."""

    count: int  # of sound records
    head: str  # digest of the last of them
    size_bytes: int  # of all of them
    torn_bytes: int = 0  # of a last line that a crash cut short
    fault: str = ""  # what is wrong with the first record that does not fit; empty: nothing


def scan(path: Path, take: Callable[[Record], object]) -> Scan:
    """Hand every sound record to `take`, in order, one in memory at a time. FileNotFoundError where there is no journal."""
    count, size, head = 0, 0, START
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return Scan(count=count, head=head, size_bytes=size, torn_bytes=len(line))
            record, fault = _read(line, count, head)
            if fault:
                is_last = size + len(line) == path.stat().st_size
                if is_last and not record:  # a whole last line of which not all came to the disk
                    return Scan(count=count, head=head, size_bytes=size, torn_bytes=len(line))
                return Scan(count=count, head=head, size_bytes=size, fault=f"record {count}: {fault}")
            take(record)
            count, head, size = count + 1, record["hash"], size + len(line)
    return Scan(count=count, head=head, size_bytes=size)


def _read(line: bytes, seq: int, head: str) -> tuple[Record, str]:
    """The record in a line, empty where there is none, and what is wrong with it."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}, "no JSON"
    if not isinstance(record, dict):
        return {}, "no record"
    if record.get("seq") != seq:
        return record, f"number {record.get('seq')} where {seq} is due"
    if record.get("prev") != head:
        return record, "it does not follow the record before"
    told = f'"hash":"{record.get("hash")}",'.encode()  # the rest of the line is what was hashed, byte by byte
    if line.count(told) != 1 or of_bytes(line[:-1].replace(told, b"")) != record.get("hash"):
        return record, "its digest does not fit"
    return record, records.fault(record)


def _hash(body: Record) -> str:
    return of_bytes(canonical(body).encode())


def _line(record: Record) -> bytes:
    return canonical(record).encode() + b"\n"


class Journal:
    """A journal open for writing; one writer at a time, which the run's lease sees to."""

    def __init__(self, path: Path, take: Callable[[Record], object]) -> None:
        """Open it, making it where there is none; `take` is handed every record that is there, and each that is added.

        Tampered where a record does not fit.
        """
        self.path, self._take = path, take
        is_new = not path.exists()
        found = Scan(count=0, head=START, size_bytes=0) if is_new else scan(path, take)
        if found.fault:
            raise Tampered(f"{path}: {found.fault}; `gnomon exp verify --salvage` copies what is sound before it")
        self.count, self.head, self.torn_bytes = found.count, found.head, found.torn_bytes
        self._file: BinaryIO = path.open("w+b" if is_new else "r+b", buffering=0)
        self._file.truncate(found.size_bytes)
        self._file.seek(found.size_bytes)
        if is_new:
            sync_folder(path.parent)

    def append(self, kind: str, *, time: str, mono: float, **fields: Any) -> Record:
        """Add a record and bring it to the disk; time: wall clock, ISO 8601; mono: seconds of the monotonic clock.

        OSError where the disk is full: the journal is then as it was.
        """
        record: Record = {"seq": self.count, "prev": self.head, "time": time, "mono": mono, "kind": kind, **fields}
        record["hash"] = _hash(record)
        line = _line(record)
        place = self._file.tell()
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(place)
            self._file.seek(place)
            raise
        self.count, self.head = self.count + 1, record["hash"]
        record = json.loads(line)  # as whoever reads the journal will have it
        self._take(record)
        return record

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sync_folder(path: Path) -> None:
    """Bring names in a folder to the disk: renames and new files."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
