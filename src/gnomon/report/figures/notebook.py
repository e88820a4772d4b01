"""Figures as a plotly object, for notebooks: what the script of the page does with them, done here.

The colours are those of the page on light ground, all of which can be seen on dark ground too; texts are grey.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import Figure, Trace, plotly_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_GREY = "#888888"  # of texts: legible on white and on black
_GRID = "rgba(136,136,136,0.25)"
_REFERRING = ("x", "y", "base", "text", "size")  # keys whose values may name a column
_CHOOSING = ("where", "first", "sort")  # which rows a trace takes; nothing that plotly knows


def plotly_figure(title: str, figures: Sequence[Figure]) -> go.Figure:
    """Those figures below each other, as a plotly figure."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    rows = max(1, len(figures))
    found = make_subplots(rows=rows, cols=1, subplot_titles=[plotly_text(figure.title) for figure in figures])
    named: set[str] = set()  # in the legend already
    for row, figure in enumerate(figures, start=1):
        for trace in figure.data:
            name = str(trace.get("name", ""))
            drawn = drawn_trace(trace, figure.table) | {"legendgroup": name, "showlegend": name not in named}
            named.add(name)
            found.add_trace(go.Figure(data=[drawn]).data[0], row=row, col=1)
        found.update_xaxes(_axis(figure.layout["xaxis"]), row=row, col=1)
        found.update_yaxes(_axis(figure.layout["yaxis"]), row=row, col=1)
    found.update_layout(
        title=plotly_text(title),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font_color=_GREY,
        barmode="overlay",
        height=140 + sum(figure.layout["height"] for figure in figures),
    )
    return found


def drawn_trace(trace: Trace, table: Table) -> dict[str, Any]:
    """A trace with the cells of the columns that it names, and colours in place of their names."""
    rows = list(range(len(table)))
    if "where" in trace:
        rows = [row for row in rows if table[trace["where"]["column"]][row] == trace["where"]["is"]]
    rows = rows[: trace["first"]] if "first" in trace else rows
    if trace.get("sort"):
        rows.sort(key=lambda row: float(table[trace["x"][1:]][row] or 0))
    chosen = table.take(rows)

    def filled(part: Mapping[str, Any]) -> dict[str, Any]:
        return {key: cell(key, value) for key, value in part.items() if key not in _CHOOSING}

    def cell(key: str, value: Any) -> Any:
        if key in _REFERRING and isinstance(value, str) and value.startswith("@"):
            return list(chosen[value[1:]])
        if key == "customdata":
            return [list(row) for row in zip(*(chosen[name[1:]] for name in value), strict=True)]
        if key in ("color", "fillcolor") and str(value).startswith("--"):
            return _GREY if value == "--ink" else colours()[value]
        return filled(value) if isinstance(value, Mapping) else value

    return filled(trace)


def _axis(axis: Mapping[str, Any]) -> dict[str, Any]:
    """An axis of the page as plotly alone draws it: marks with an SI prefix where the page's script would put them."""
    known = {key: value for key, value in axis.items() if key != "marks"}
    marks = {"tickformat": "~s", "ticksuffix": axis["marks"]} if axis.get("marks") else {}
    return {"gridcolor": _GRID, **known, **marks}


@cache
def colours() -> Mapping[str, str]:
    """The colours by their names in the page's style sheet, those on light ground."""
    style = (files("gnomon.report") / "static" / "page.css").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for name, value in re.findall(r"(--[\w-]+): ([^;]+);", style):
        found.setdefault(name, value)  # the light scheme stands first
    return found
