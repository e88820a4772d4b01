"""A figure as plain data, and what all of them are built from: axes, hover labels, colours.

A trace names its columns, `"x": "@measured_s"`, and the script of the page puts the cells there: every number is in the
page once, and what is drawn is what is downloaded. `where` keeps the rows of one word, `first` so many of them, `sort`
puts them in the order of their x. A colour is the name of a CSS variable, so that a figure follows the theme.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.core import in_words
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
    return {"title": {"text": title, "standoff": 14}, "automargin": True, **more}


def log_axis(title: str, unit: str, low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis from `low` to `high` in an SI unit; the script of the page puts marks like "10 ms" on it."""
    return axis(title, type="log", marks=unit, range=[math.log10(low), math.log10(high)])


def even_axis(title: str, unit: str, low: float, high: float) -> dict[str, Any]:
    """An axis from `low` to `high` in an SI unit, with such marks at even steps."""
    return axis(title, marks=unit, range=[low, high])


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
    "flop/B": (":.4~g", " flop/B"),
    "/s": (":.4~s", "/s"),
    "%": (":.1f", " %"),
    "share": (":.1%", ""),
}


def hover(table: Table, names: Sequence[str]) -> dict[str, Any]:
    """A hover label of those columns, where the table has them: custom data and plotly's template."""
    columns = [column for name in names for column in table.columns if column.name == name]
    lines = []
    for index, column in enumerate(columns):
        form, unit = _FORMATS.get(column.unit, ("", ""))
        lines.append(f"{column.label}: %{{customdata[{index}]{form}}}{unit}")
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
    return in_words.percent(value if isinstance(value, (int, float)) else None, unknown="unknown")


def share(value: object) -> str:
    """A number from 0 to 1 in words."""
    return in_words.share(value if isinstance(value, (int, float)) else None, unknown="unknown")
