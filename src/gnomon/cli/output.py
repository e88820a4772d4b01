"""Results on standard output, everything else on standard error."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 180  # columns, where the output goes to a file or a pipe


def say(text: str) -> None:
    """A line for the person, not for the pipe."""
    print(f"gnomon: {text}", file=sys.stderr)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON object. Not-a-number is refused: a missing value is null."""
    print(json.dumps(document, indent=2, allow_nan=False))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows under the union of their keys, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", spare: Sequence[str] = ()
) -> None:
    """A table that fits the terminal: columns named in `spare` are left out one by one, the first first, and said so."""
    console = Console(highlight=False, soft_wrap=False)
    width = console.width if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    kept = [name for index, name in enumerate(columns) if any(row[index] for row in rows)]
    left_out = []
    for name in (*spare, ""):
        if _needed(columns, rows, kept) <= width or not name:
            break
        if name in kept:
            kept.remove(name)
            left_out.append(name)
    table = Table(box=None, pad_edge=False)
    for name in kept:
        is_text = _is_text(columns, rows, name)
        is_copied = name in columns[:2]  # names that a reader copies are never broken
        table.add_column(Text(name), justify="left" if is_text else "right", overflow="fold", no_wrap=is_copied)
    for row in rows:
        table.add_row(*(Text(row[columns.index(name)]) for name in kept))
    page = Console(highlight=False, width=width)
    if title:
        page.print(Text(title, style="bold"))
    page.print(table)
    if left_out:
        say(f"columns left out to fit {width} characters: {', '.join(left_out)} (--json has all)")


def _needed(columns: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[str]) -> int:
    widths = [max(len(name), *(len(row[columns.index(name)]) for row in rows), 0) for name in kept]
    return sum(widths) + 2 * len(widths)


def _is_text(columns: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> bool:
    """Whether a column holds words rather than numbers."""
    index = columns.index(name)
    cells = [row[index] for row in rows if row[index] not in ("", "-")]
    return not all(cell[0].isdigit() or cell[0] in "+-" for cell in cells)
