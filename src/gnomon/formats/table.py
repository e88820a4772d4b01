"""Tables of numbers from CSV (plain or gzip) and Parquet: columns checked, every bad cell with file, line, column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from gnomon.core.errors import BadInput, nearest

FIRST_ROW_LINE = 2  # line 1 of a CSV file is its header


def read_table(path: Path) -> pl.DataFrame:
    """All columns as text, a missing cell as null. BadInput when the file is no table."""
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    if path.is_dir():
        raise BadInput(f"{path}: a folder, not a table")
    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            frame = frame.with_columns(pl.all().cast(pl.String))
        else:
            frame = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise BadInput(f"{path}: the file is empty") from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as fault:
        if line := _ragged_line(path):
            raise BadInput(f"{path}:{line}: more cells than the header has columns") from None
        raise BadInput(f"{path}: not a readable table: {str(fault).splitlines()[0]}") from None
    return frame.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)))


def _ragged_line(path: Path) -> int | None:
    """The first line of a plain CSV file with more cells than its header; None where there is none to be found."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            width = len(next(reader, ()))
            return next((reader.line_num for row in reader if len(row) > width), None)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def check_columns(path: Path, frame: pl.DataFrame, required: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Columns that nothing here reads, each with the column that may be meant, or nothing; BadInput for a missing one."""
    for name in required:
        if name not in frame.columns:
            if len(frame.columns) == 1 and ";" in frame.columns[0]:
                raise BadInput(f"{path}:1: the cells are separated by ';', expected commas")
            spare = [column for column in frame.columns if column not in known]
            meant = nearest(name, spare)
            hint = f"; is it {meant!r}?" if meant else ""
            raise BadInput(
                f"{path}: column {name!r} is missing{hint} (columns: {', '.join(name for name in frame.columns if name != 'line')})"
            )
    absent = [name for name in known if name not in frame.columns]
    return {column: nearest(column, absent) for column in frame.columns if column not in known}


def numeric(path: Path, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`frame` with those columns as Float64; BadInput naming file, line and column of the first cell that is no number."""
    present = [name for name in columns if name in frame.columns]
    cast = frame.with_columns(pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in present)
    for name in present:
        bad = cast[name].is_null() & frame[name].is_not_null() | cast[name].is_infinite() | cast[name].is_nan()
        if bad.any():
            row = bad.arg_max() or 0
            raise BadInput(f"{path}:{_line(frame, row)}: column {name!r}: {frame[name][row]!r} is not a number")
    return cast


def positive(path: Path, frame: pl.DataFrame, column: str) -> None:
    """BadInput naming the first line whose number in `column` is zero or less."""
    bad = (frame[column] <= 0).fill_null(False)
    if bad.any():
        row = bad.arg_max() or 0
        raise BadInput(
            f"{path}:{_line(frame, row)}: column {column!r}: {frame[column][row]:g} is not a positive number"
        )


def _line(frame: pl.DataFrame, row: int) -> int:
    """The line of a row in its file: rows of a filtered table carry it along."""
    return int(frame["line"][row]) if "line" in frame.columns else row + FIRST_ROW_LINE
