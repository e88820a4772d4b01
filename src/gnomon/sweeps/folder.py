"""The folder of a sweep: chunks of rows as they are finished, then one table of all.

    sweep.json      what is swept, and whether it is complete; written first and last
    chunks/         rows of a fixed share of the points each, a file written whole or not at all; gone when all are there
    rows.parquet    the rows in the order of their index
    rows.csv        the same

A sweep that was killed is its chunks. One process at a time writes here: it holds a lock that ends with it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from gnomon.core.errors import BadInput
from gnomon.formats.files import write_whole
from gnomon.formats.strict import read_json

SCHEMA = "gnomon/sweep-result/1"
DOCUMENT, CHUNKS, PARQUET, CSV = "sweep.json", "chunks", "rows.parquet", "rows.csv"
_CHUNK = ".arrow"  # quicker to write than Parquet, for files that live as long as the sweep runs
_ROWS_PER_GROUP = 20_000  # of the Parquet file: fixed, so that equal rows give equal bytes


class Folder:
    """Where a sweep's rows are kept; `columns` are theirs, name -> type, `index` first."""

    def __init__(self, path: Path, columns: Mapping[str, type]) -> None:
        self.path = path
        self.columns = dict(columns)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes here until the block ends; the folder is made. BadInput where somebody does, or nobody can."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise BadInput(f"{self.path}: cannot be written: {(fault.strerror or str(fault)).lower()}") from None
        with _lock(self.path):
            yield

    def document(self) -> dict[str, Any] | None:
        """What `sweep.json` says; None where there is none."""
        path = self.path / DOCUMENT
        if not path.exists():
            return None
        found = read_json(path)
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise BadInput(f"{path}: not the document of a sweep ({SCHEMA}); name another folder with --out")
        return found

    def write_document(self, document: Mapping[str, Any]) -> None:
        """Write `sweep.json` whole."""
        write_whole(self.path / DOCUMENT, json.dumps(document, indent=2, allow_nan=False) + "\n")

    def others(self) -> tuple[str, ...]:
        """Names of what is here and is no part of a sweep."""
        own = {DOCUMENT, CHUNKS, PARQUET, CSV}
        return tuple(sorted(e.name for e in self.path.iterdir() if e.name not in own and e.suffix != ".part"))

    def write_chunk(self, number: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep a chunk's rows: after a kill they are there or not, never in part."""
        path = self._chunk(number)
        temporary = path.with_suffix(".part")
        pl.DataFrame(rows, schema=self.columns, orient="row").write_ipc(temporary, compression="lz4")
        temporary.replace(path)

    def read_chunk(self, number: int) -> list[dict[str, Any]]:
        """A chunk's rows."""
        return pl.read_ipc(self._chunk(number)).to_dicts()

    def kept(self, parts: Sequence[range]) -> set[int]:
        """Numbers of the chunks that are here with just the indices of their part; what else is there is taken away."""
        (self.path / CHUNKS).mkdir(exist_ok=True)
        found: set[int] = set()
        for path in sorted((self.path / CHUNKS).iterdir()):
            number = int(path.stem) if path.suffix == _CHUNK and path.stem.isdigit() else -1
            if 0 <= number < len(parts) and _indices(path) == list(parts[number]):
                found.add(number)
            else:
                path.unlink()
        return found

    def scan(self) -> pl.LazyFrame:
        """The rows of all chunks in order, to be asked for columns."""
        return pl.scan_ipc(sorted((self.path / CHUNKS).glob(f"*{_CHUNK}")))

    def table(self) -> pl.LazyFrame:
        """The rows of the finished table, to be asked for columns."""
        return pl.scan_parquet(self.path / PARQUET, glob=False)

    def combine(self, columns: Sequence[str]) -> None:
        """The table of all chunks, of those columns, as Parquet and CSV, each written whole. Memory is that of some chunks."""
        rows = self.scan().select(columns)
        for name in (PARQUET, CSV):
            temporary = self.path / f".{name}.part"
            if name == PARQUET:
                rows.sink_parquet(temporary, row_group_size=_ROWS_PER_GROUP, maintain_order=True)
            else:
                rows.sink_csv(temporary, maintain_order=True)
            temporary.replace(self.path / name)

    def drop_chunks(self) -> None:
        """Take the chunks away: their rows are in the table."""
        shutil.rmtree(self.path / CHUNKS, ignore_errors=True)

    def _chunk(self, number: int) -> Path:
        return self.path / CHUNKS / f"{number:08d}{_CHUNK}"


def _indices(path: Path) -> list[int] | None:
    """The column `index` of a chunk; None where the file is damaged."""
    try:
        return pl.read_ipc(path, columns=["index"])["index"].to_list()
    except (pl.exceptions.PolarsError, OSError):
        return None


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
