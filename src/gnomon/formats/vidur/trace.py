"""trace.csv: when requests arrive, and how long they are."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from gnomon.core.errors import BadInput, near_match
from gnomon.core.service import Arrivals, Floats
from gnomon.formats.strict import read_text

COLUMNS = ("request_id", "arrived_at", "num_prefill_tokens", "num_decode_tokens")
_WHOLE = (0, 2, 3)  # of these
_MOST = 2**53  # beyond it a float skips whole numbers


def read_trace(path: Path, sequence_tokens: int) -> Arrivals:
    """The requests of a file, none longer than so many tokens. BadInput: the file, the line, the column."""
    text = read_text(path)
    header, _, rows = text.partition("\n")
    names = [name.strip() for name in next(csv.reader([header]), [])]
    for column in COLUMNS:
        if column not in names:
            near = near_match(column, names)
            raise BadInput(f"no column {column!r}{near}; there is {', '.join(names) or 'none'}", where=str(path))
    places = [names.index(column) for column in COLUMNS]
    if not rows.strip():
        raise BadInput("no requests", where=str(path))
    try:
        found = np.loadtxt(io.StringIO(rows), delimiter=",", usecols=places, ndmin=2, comments=None, quotechar='"')
    except ValueError:
        raise _not_a_number(path, rows, places) from None
    _check(path, found, sequence_tokens)
    ids, arrived_s, prefill, decode = found.T
    return Arrivals(
        ids=ids.astype(np.int64),
        arrived_s=np.ascontiguousarray(arrived_s),
        prefill_tokens=prefill.astype(np.int64),
        decode_tokens=decode.astype(np.int64),
    )


def _not_a_number(path: Path, rows: str, places: list[int]) -> BadInput:
    """Where it is: in which line and column."""
    for line, row in enumerate(csv.reader(io.StringIO(rows)), start=2):
        for place, column in zip(places, COLUMNS, strict=True):
            word = row[place].strip() if place < len(row) else ""
            try:
                float(word)
            except ValueError:
                if row:
                    what = f"{word!r:.40} is no number" if word else "nothing there"
                    return BadInput(what, field=column, where=f"{path}:{line}")
    return BadInput("no table of numbers", where=str(path))


def _check(path: Path, found: Floats, sequence_tokens: int) -> None:
    def refuse(wrong: np.ndarray, column: int, text: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            value = f"{found[row, column]:.17g}"
            raise BadInput(text.format(value), field=COLUMNS[column], where=f"{path}: request {row + 1}")

    for column in range(4):
        refuse(~np.isfinite(found[:, column]), column, "{} is no number that can be used")
    for column in _WHOLE:
        values = found[:, column]
        refuse((values != np.floor(values)) | (abs(values) >= _MOST), column, "{} is no whole number")
    refuse(found[:, 1] < 0, 1, "{} s is before the beginning")
    refuse(np.diff(found[:, 1], prepend=0.0) < 0, 1, "{} s is before the request above it: sort them by time")
    for column in (2, 3):
        refuse(found[:, column] < 1, column, "{} tokens: at least one expected")
    whole = found[:, 2] + found[:, 3]
    refuse(
        whole > sequence_tokens,
        2,
        "{} tokens, with those of its answer more than max_tokens: " + f"{sequence_tokens:,}",
    )
