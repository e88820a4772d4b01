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
_GAP = 2  # blanks between two columns
_LONG_WORD = 16  # letters; a text column is never narrower than its longest word, or than this
_PROSE, _LEGIBLE = 40, 30  # letters; a column with texts longer than the first is never narrower than the second


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
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    spare: Sequence[str] = (),
    copied: int = 2,
) -> None:
    """A table that fits the terminal: columns named in `spare` are left out one by one, the first first, and said so.

    Then texts are wrapped; numbers and the first column are not, nor, where there is room, the other of the `copied` columns
    at the left, which hold names that a reader copies. What does not fit even so is printed row by row, a cell on each line.
    """
    width = _columns()
    kept = {name: [row[index] for row in rows] for index, name in enumerate(columns) if any(row[index] for row in rows)}
    left_out = []
    for name in spare:
        if _total(_natural(kept)) <= width:
            break
        if kept.pop(name, None) is not None:
            left_out.append(name)
    page = Console(highlight=False, width=width)
    if title:
        page.print(Text(title, style="bold"))
    unbroken = list(columns[:copied])
    while unbroken and _total(_least(kept, unbroken)) > width:
        unbroken.pop()
    if unbroken or not kept:
        page.print(_side_by_side(kept, _fitted(_least(kept, unbroken), _natural(kept), width)))
    else:
        for cells in zip(*kept.values(), strict=True):
            _print_row(page, list(kept), cells)
    if left_out:
        say(f"columns left out to fit {width} characters: {', '.join(left_out)} (--json has all)")


def print_text(text: str, *, title: str = "") -> None:
    """Sentences, broken where the terminal ends, below a title."""
    page = Console(highlight=False, width=_columns())
    if title:
        page.print(Text(title, style="bold"))
    page.print(Text(text))


def _columns() -> int:
    return Console().width if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * max(len(widths) - 1, 0)


def _natural(kept: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Width of each column that breaks nothing."""
    return {name: max(_width(name), *map(_width, cells)) for name, cells in kept.items()}


def _least(kept: Mapping[str, Sequence[str]], unbroken: Sequence[str]) -> dict[str, int]:
    """Width of each column that can still be read: cells that are not to be broken as they are, of others a word."""
    found = {}
    for name, cells in kept.items():
        is_broken = _is_text(cells) and name not in unbroken
        words = [word for cell in cells for word in cell.split()]
        inside = min(max(map(_width, words), default=0), _LONG_WORD) if is_broken else max(map(_width, cells))
        if is_broken and max(map(_width, cells)) > _PROSE:
            inside = max(inside, _LEGIBLE)
        found[name] = max(inside, *(min(_width(word), _LONG_WORD) for word in name.split()))
    return found


def _fitted(least: Mapping[str, int], natural: Mapping[str, int], width: int) -> dict[str, int]:
    """The least widths, and the room that is left given out a character at a time to the narrowest that wants more."""
    widths = dict(least)
    for _ in range(width - _total(widths)):
        wanting = [name for name in widths if widths[name] < natural[name]]
        if not wanting:
            break
        widths[min(wanting, key=widths.__getitem__)] += 1
    return widths


def _side_by_side(kept: Mapping[str, Sequence[str]], widths: Mapping[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, cells in kept.items():
        justify: Any = "left" if _is_text(cells) else "right"
        table.add_column(Text(name), justify=justify, overflow="fold", width=widths[name])
    for row in zip(*kept.values(), strict=True):
        table.add_row(*map(Text, row))
    return table


def _print_row(page: Console, names: Sequence[str], cells: Sequence[str]) -> None:
    """The first cell on a line of its own, unbroken whatever its length; the others below it, each beside its name."""
    page.print(Text(cells[0]), soft_wrap=True)
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, cell in zip(names[1:], cells[1:], strict=True):
        if cell:
            grid.add_row(Text(f"  {name}"), Text(cell))
    page.print(grid)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return Text(text).cell_len


def _is_text(cells: Sequence[str]) -> bool:
    """Whether a column holds words rather than numbers."""
    told = [cell for cell in cells if cell not in ("", "-")]
    return not all(cell[0].isdigit() or cell[0] in "+-" for cell in told)
