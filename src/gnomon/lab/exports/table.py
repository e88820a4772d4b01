"""Observations in the long form, a row for each number of each unit: the sealed CSV, or the same rows as typed Parquet."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from gnomon.formats.files import check_writable, write_whole
from gnomon.lab.exports.place import Exported, refuse_kept
from gnomon.lab.exports.sealed import SealedRun

_TYPES = {"seed": pl.Int64, "attempt": pl.Int64, "value": pl.Float64}  # of columns that hold no words


def write_csv(run: SealedRun, place: str) -> Exported:
    """Write the table byte for byte as it was sealed."""
    raw = (run.folder.path / "observations.csv").read_bytes()
    return _written(run, place, "csv", raw, raw)


def write_parquet(run: SealedRun, place: str) -> Exported:
    """Write the table with typed columns; what is empty in the CSV is null here, but for the unit of a plain ratio."""
    raw = (run.folder.path / "observations.csv").read_bytes()
    found = io.BytesIO()
    _table(raw).write_parquet(found)
    return _written(run, place, "parquet", raw, found.getvalue())


def _table(raw: bytes) -> pl.DataFrame:
    names = raw.decode().splitlines()[0].split(",")
    table = pl.read_csv(raw, schema={name: _TYPES.get(name, pl.String) for name in names})
    return table.with_columns(pl.col("metric_unit").fill_null(""))


def _written(run: SealedRun, place: str, name: str, raw: bytes, content: bytes) -> Exported:
    target = Path(place)
    refuse_kept(run.path, target, (item.path for item in run.spec.inputs))
    check_writable(target)
    write_whole(target, content)
    rows = _table(raw).height
    return Exported(format=name, place=place, what=f"{rows} observations", counts={"rows": rows})
