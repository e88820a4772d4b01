"""Tables of measurements: the catalogue's by name, the user's by path; filtered, and told apart by their columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from gnomon.catalogue import ROOT
from gnomon.core.errors import BadInput, near_match
from gnomon.core.measurement import Measurement
from gnomon.core.plan import Plan
from gnomon.formats.aliases import canonical_device, canonical_model
from gnomon.formats.kernel_table import KernelTable, kernel_table
from gnomon.formats.model_table import ModelTable, model_table
from gnomon.formats.table import FIRST_ROW_LINE, read_table

Where = Mapping[str, tuple[str, ...] | str]  # column -> the values, or the one value, to keep


def built_in_tables() -> dict[str, Path]:
    """The catalogue's tables by name."""
    folder = Path(str(ROOT / "measurements"))
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}


def table_path(table: str) -> Path:
    """Where the table of that name, or at that path, lies. BadInput for an unknown name."""
    tables = built_in_tables()
    if table in tables:
        return tables[table]
    if "/" not in table and "." not in table:
        near = near_match(table, tables)
        known = ", ".join(tables)
        raise BadInput(f"unknown table {table!r}{near} (built in: {known}; or give a CSV or Parquet file)")
    return Path(table)


def read_measurements(table: str, where: Where | None = None) -> ModelTable | KernelTable:
    """The rows of a table whose columns hold one of the values that `where` asks for. BadInput."""
    path = table_path(table)
    frame = read_table(path)
    frame = frame.drop("line", strict=False).with_row_index("line", offset=FIRST_ROW_LINE)
    for column, values in (where or {}).items():
        frame = _filtered(path, frame, column, (values,) if isinstance(values, str) else values)
    if "op" in frame.columns and "model" not in frame.columns:
        return kernel_table(path, frame)
    return model_table(path, frame)


def _filtered(path: Path, frame: pl.DataFrame, column: str, values: tuple[str, ...]) -> pl.DataFrame:
    """Rows whose cell is one of `values`; devices and models match under any known spelling."""
    if column not in frame.columns:
        raise BadInput(
            f"{path}: no column {column!r} to filter by{near_match(column, frame.columns)} (columns: {', '.join(frame.columns)})"
        )
    canonical = {"device": canonical_device, "model": canonical_model}.get(column, lambda name: name)
    wanted = {canonical(value) or value for value in values}
    present = frame[column].cast(pl.String).unique().drop_nulls().to_list()
    matching = [cell for cell in present if cell in values or (canonical(cell) or cell) in wanted]
    missing = wanted - {canonical(cell) or cell for cell in matching} - set(matching)
    if missing:
        word = sorted(missing)[0]
        raise BadInput(f"{path}: no row has {column} {word!r}{near_match(word, present)}")
    return frame.filter(pl.col(column).cast(pl.String).is_in(matching))


def plan_of(measured: Measurement) -> Plan:
    """The plan that computes what the clock covered."""
    is_decode = measured.mode == "decode"
    return Plan(
        mode=measured.mode,
        batch=measured.batch,
        seq=None if is_decode else measured.seq,
        context=measured.seq if is_decode else None,
        dtype=measured.dtype,
        weight_dtype=measured.weight_dtype,
        kv_dtype=measured.kv_dtype,
        attention=measured.attention or "fused",
        head=measured.head,
        classes=measured.classes,
    )
