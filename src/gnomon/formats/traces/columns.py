"""Columns of traces in CSV: numbers that requests can have, every bad cell with file, line and column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Flags, Floats, Ints
from gnomon.core.traffic.checks import MOST_TOKENS
from gnomon.formats.table import FIRST_ROW_LINE, check_columns, numeric, read_table

LINE = "line"  # a column that is added: of each row in its file


def read_columns(path: Path, required: Sequence[str]) -> pl.DataFrame:
    """The table with those columns, as text, and the line of each row. BadInput where one is missing, or all rows."""
    frame = read_table(path)
    frame = frame.rename({name: name.strip() for name in frame.columns})
    if any("\n" in name or "\r" in name for name in frame.columns):
        raise BadInput("a column's name goes on in the next line: is a quotation mark not closed?", where=f"{path}:1")
    check_columns(path, frame, required, required)
    names = frame.columns
    frame = frame.with_row_index(LINE, offset=FIRST_ROW_LINE)
    frame = frame.filter(pl.any_horizontal(pl.col(names).is_not_null()))  # lines with nothing on them are passed over
    if frame.is_empty():
        raise BadInput("no requests", where=str(path))
    return frame


def floats(path: Path, frame: pl.DataFrame, column: str) -> Floats:
    """A column of numbers, none missing."""
    filled(path, frame, column)
    return numeric(path, frame, [column])[column].to_numpy().astype(np.float64)


def wholes(path: Path, frame: pl.DataFrame, column: str, *, least: int, most: int = MOST_TOKENS) -> Ints:
    """A column of whole numbers in that range, none missing."""
    values = floats(path, frame, column)
    refuse(path, frame, column, values != np.floor(values), "{} is no whole number")
    refuse(path, frame, column, values < least, f"{{}} is less than {least}")
    refuse(path, frame, column, values > most, f"{{}} is more than {most:,}")
    return values.astype(np.int64)


def tokens(path: Path, frame: pl.DataFrame, column: str) -> Ints:
    """A column of lengths, each at least one token."""
    values = wholes(path, frame, column, least=-MOST_TOKENS)
    refuse(path, frame, column, values < 1, "{} is less than 1: leave such lines out")
    return values


def moments_s(path: Path, frame: pl.DataFrame, column: str) -> Floats:
    """A column of times in seconds, none before the beginning, none before the one above it."""
    values = floats(path, frame, column)
    refuse(path, frame, column, values < 0, "{} s is before the beginning")
    check_rising(path, frame, column, values)
    return values


def check_rising(path: Path, frame: pl.DataFrame, column: str, values: Floats) -> None:
    """BadInput for the first time that is before the one above it."""
    is_earlier = np.diff(values, prepend=values[:1]) < 0
    refuse(path, frame, column, is_earlier, "{} is before the request above it: sort them by time")


def filled(path: Path, frame: pl.DataFrame, column: str) -> None:
    """BadInput for the first cell of a column with nothing in it."""
    refuse(path, frame, column, frame[column].is_null().to_numpy(), "nothing there")


def refuse(path: Path, frame: pl.DataFrame, column: str, is_wrong: Flags, what: str) -> None:
    """BadInput for the first wrong cell: `what`, with the cell as it is written."""
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        cell = str(frame[column][row]).strip()
        raise BadInput(what.format(f"{cell:.40}"), field=column, where=f"{path}:{frame[LINE][row]}")


def plain_arrivals(arrived_s: Floats, prompts: Ints, answers: Ints) -> Arrivals:
    """Requests that have nothing in common, numbered as they stand."""
    return Arrivals(
        ids=np.arange(len(arrived_s), dtype=np.int64),
        arrived_s=arrived_s,
        prefill_tokens=prompts,
        decode_tokens=answers,
    )
