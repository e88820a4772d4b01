"""A figure as plain data, and what all of them are built from: axes, hover labels, colours.

A trace names its columns, `"x": "@measured_s"`, and the script of the page puts the cells there: every number is in the
page once, and what is drawn is what is downloaded. `where` keeps the rows of one word, `first` so many of them, `sort`
puts them in the order of their x. A colour is the name of a CSS variable, so that a figure follows the theme.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.report.facts.table import Table

MOST_SERIES = 10  # colours that an eye tells apart; as many stand in page.css
COLOURS = tuple(f"--series-{index}" for index in range(MOST_SERIES))

Trace = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One picture: what plotly draws, from which table, and the same in words."""

    kind: str  # which view it is, like "roofline"
    title: str
    alt: str  # the main numbers in words
    table: Table
    data: Sequence[Trace]
    layout: Mapping[str, Any]
    note: str = ""


def plotly_text(text: str) -> str:
    """`text` for plotly, which reads tags and entities in every label."""
    return html.escape(text, quote=False)


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis whose labels have the room they need."""
    return {"title": {"text": title}, "automargin": True, **more}


def log_axis(title: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    """A logarithmic axis with SI prefixes; `suffix` is the unit."""
    return axis(title, type="log", tickformat="~s", ticksuffix=suffix, **more)


def names_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """An axis of words, the first at the top."""
    order = [plotly_text(name) for name in names]
    return axis(
        "", type="category", categoryorder="array", categoryarray=order, autorange="reversed", ticksuffix=" ", **more
    )


# Unit -> how a hover label writes a number of it, in d3's language, and what stands behind it.
_FORMATS = {
    "s": (":.4~s", "s"),
    "B": (":.4~s", "B"),
    "flop": (":.4~s", "flop"),
    "flop/s": (":.4~s", "flop/s"),
    "B/s": (":.4~s", "B/s"),
    "flop/B": (":.4~s", " flop/B"),
    "1/s": (":.4~s", "/s"),
    "%": (":.1f", " %"),
    "share": (":.1%", ""),
}
_ENDINGS = ("_s", "_percent", "_bytes")


def label(column: str) -> str:
    """The name of a column as a reader says it: without its unit, which stands beside the number."""
    for ending in _ENDINGS:
        column = column.removesuffix(ending)
    return column.replace("_", " ")


def hover(table: Table, names: Sequence[str]) -> dict[str, Any]:
    """A hover label of those columns, where the table has them: custom data and plotly's template."""
    columns = [column for name in names for column in table.columns if column.name == name]
    lines = []
    for index, column in enumerate(columns):
        form, unit = _FORMATS.get(column.unit, ("", ""))
        lines.append(f"{label(column.name)}: %{{customdata[{index}]{form}}}{unit}")
    return {
        "customdata": [f"@{column.name}" for column in columns],
        "hovertemplate": "<br>".join(lines) + "<extra></extra>",
    }


def series(table: Table, columns: Sequence[str]) -> tuple[str, list[str]]:
    """The first column with two to MOST_SERIES different words, and those, the most frequent first; ("", []) without."""
    for name in columns:
        if name in table.names:
            cells = [str(cell) for cell in table[name] if cell not in (None, "")]
            words = sorted(set(cells), key=lambda word: (-cells.count(word), word))
            if 2 <= len(words) <= MOST_SERIES and len(cells) == len(table):
                return name, words
    return "", []


def percent(value: object) -> str:
    """A number that is in percent already, in words."""
    return f"{value:.1f} %" if isinstance(value, (int, float)) else "unknown"


def share(value: object) -> str:
    """A number from 0 to 1 in words."""
    return f"{100 * value:.0f} %" if isinstance(value, (int, float)) else "unknown"
