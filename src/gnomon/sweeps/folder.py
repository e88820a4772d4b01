"""The folder of a sweep: chunks of rows as they are finished, then one table of all.

    sweep.json      what is swept, and whether it is complete; written first and last
    chunks/         rows of a fixed share of the points each, a file written whole or not at all; gone when all are there
    rows.parquet    the rows in the order of their index
    rows.csv        the same

A sweep that was killed is its chunks. One process at a time writes here: it holds a lock that ends with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from gnomon.core.errors import BadInput
from gnomon.core.schema import SWEEP_RESULT
from gnomon.formats.files import write_whole
from gnomon.formats.strict import read_json

DOCUMENT, CHUNKS, PARQUET, CSV = "sweep.json", "chunks", "rows.parquet", "rows.csv"
# Of a chunk's file, and of one that is being written. Arrow is quicker to write than Parquet, and it lives but for the run.
_CHUNK = re.compile(r"(?P<number>[0-9]{8})-(?P<sha>[0-9a-f]{16})[.](?P<ending>arrow|part)")
_ROWS_PER_GROUP = 20_000  # of the Parquet file: fixed, so that equal rows give equal bytes


class Folder:
    """Where a sweep's rows are kept; `columns` are theirs, name -> type, `index` first. BadInput where a file fails."""

    def __init__(self, path: Path, columns: Mapping[str, type]) -> None:
        self.path = path
        self.columns = dict(columns)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes here until the block ends; the folder is made. BadInput where somebody does, or nobody can."""
        with _written(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with _lock(self.path):
            yield

    def document(self) -> dict[str, Any] | None:
        """What `sweep.json` says; None where the folder is empty. BadInput where it holds anything else."""
        path = self.path / DOCUMENT
        if not path.exists():
            for entry in self.path.iterdir():
                if entry.name != f".{DOCUMENT}.part":  # of a sweep that was killed as it began
                    raise BadInput(f"{self.path}: holds {entry.name!r} and no sweep; name another folder with --out")
            return None
        found = read_json(path)
        if not isinstance(found, dict) or found.get("schema") != SWEEP_RESULT:
            raise BadInput(f"{path}: not the document of a sweep ({SWEEP_RESULT}); name another folder with --out")
        return found

    def write_document(self, document: Mapping[str, Any]) -> None:
        """Write `sweep.json` whole."""
        write_whole(self.path / DOCUMENT, json.dumps(document, indent=2, allow_nan=False) + "\n")

    def write_chunk(self, number: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep a chunk's rows: after a kill they are there or not, never in part; a digest of them is in the name."""
        written = BytesIO()
        pl.DataFrame(rows, schema=self.columns, orient="row").write_ipc(written, compression="lz4")
        path = self.path / CHUNKS / f"{number:08d}-{_sha(written.getvalue())}.arrow"
        temporary = path.with_suffix(".part")
        with _written(path):
            temporary.write_bytes(written.getvalue())
            temporary.replace(path)

    def read_chunk(self, number: int) -> list[dict[str, Any]]:
        """A chunk's rows."""
        (path,) = (self.path / CHUNKS).glob(f"{number:08d}-*.arrow")
        return pl.read_ipc(path).to_dicts()

    def kept(self) -> set[int]:
        """Numbers of the chunks that are here as they were written; damaged ones are taken away."""
        with _written(self.path / CHUNKS):
            (self.path / CHUNKS).mkdir(exist_ok=True)
        found: set[int] = set()
        for path in sorted((self.path / CHUNKS).iterdir()):
            name = _CHUNK.fullmatch(path.name)
            if name is None:
                raise BadInput(f"{path}: no part of this sweep; move it, or name another folder with --out")
            if name["ending"] == "arrow" and name["sha"] == _sha(path.read_bytes()):
                found.add(int(name["number"]))
            else:
                path.unlink()
        return found

    def scan(self) -> pl.LazyFrame:
        """The rows of all chunks in order, to be asked for columns."""
        return pl.scan_ipc(sorted((self.path / CHUNKS).glob("*.arrow")))

    def table(self) -> pl.LazyFrame:
        """The rows of the finished table, to be asked for columns. BadInput where it is damaged; CSV is made anew."""
        path = self.path / PARQUET
        try:
            rows = pl.scan_parquet(path, glob=False)
            rows.select(pl.len()).collect()
        except (OSError, pl.exceptions.PolarsError):
            raise BadInput(f"{path}: missing or damaged; name another folder with --out and sweep again") from None
        if not (self.path / CSV).exists():
            self._write(rows, CSV)
        return rows

    def combine(self, columns: Sequence[str]) -> None:
        """The table of all chunks, of those columns, as Parquet and CSV, each written whole. Memory is that of some chunks."""
        rows = self.scan().select(columns)
        for name in (PARQUET, CSV):
            self._write(rows, name)

    def _write(self, rows: pl.LazyFrame, name: str) -> None:
        temporary = self.path / f".{name}.part"
        with _written(self.path / name):
            if name == PARQUET:
                rows.sink_parquet(temporary, row_group_size=_ROWS_PER_GROUP, maintain_order=True)
            else:
                rows.sink_csv(temporary, maintain_order=True)
            temporary.replace(self.path / name)

    def drop_chunks(self) -> None:
        """Take the chunks away: their rows are in the table."""
        shutil.rmtree(self.path / CHUNKS, ignore_errors=True)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """BadInput naming `path` where the block cannot write: no room, no permission, not a folder."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as fault:
        said = getattr(fault, "strerror", None) or str(fault).splitlines()[0]
        raise BadInput(f"{path}: cannot be written: {said.lower()}") from None


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock a folder for the length of a block; where the system has no such locks, go on without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BadInput(f"{path}: another sweep is writing here; wait for it, or name another folder") from None
    finally:
        os.close(descriptor)
