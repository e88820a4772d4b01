"""The parts of an answer's times: as a table, as a picture, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.api import plugins
from gnomon.api.explain import Explanation, explain
from gnomon.core.prediction import Part
from gnomon.core.units import show

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

    from gnomon.api.answers import Answer

COLUMNS: dict[str, type] = {"quantity": str, "part": str, "depth": int, "kind": str, "time_s": float, "share": float}
_COLOURS = {
    "compute": "#4c78a8",
    "memory": "#f58518",
    "network": "#54a24b",
    "overhead": "#b279a2",
    "idle": "#9d9d9d",
    "mixed": "#72b7b2",
}

_GREY = "#888888"  # of texts: legible on white and on black
_GRID = "rgba(136,136,136,0.25)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parts:
    """What the predicted times of an answer are made of."""

    answer: Answer

    def __repr__(self) -> str:
        lines = [
            f"{row['quantity']}: {'  ' * (row['depth'] - 1)}{row['part']}: {show(row['time_s'], 's')}, {row['share']:.1%}"
            for row in self.rows()
        ]
        return "\n".join(lines) or "no predictions, so no parts"

    def rows(self) -> list[dict[str, Any]]:
        """A row for each part of each pass, a part before those it is made of.

        part: path from the top, with " / " between names. depth: 1 at the top. time_s: seconds. share: of the pass.
        """
        return [
            {
                "quantity": outcome.quantity,
                "part": " / ".join(path),
                "depth": len(path),
                "kind": part.kind,
                "time_s": part.value,
                "share": part.value / outcome.prediction.value if outcome.prediction.value else 0.0,
            }
            for outcome in self.answer.outcomes
            if outcome.prediction is not None
            for top in outcome.prediction.parts
            for path, part in _walk(top, ())
        ]

    def table(self) -> pl.DataFrame:
        """Those rows as a polars data frame. The rows of one depth and quantity add up where parts add up."""
        import polars as pl

        return pl.DataFrame(self.rows(), schema=COLUMNS)

    def plot(self) -> go.Figure:
        """A bar for each smallest part, in milliseconds, coloured by what binds it; a panel for each pass."""
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        rows = self.rows()
        quantities = list(dict.fromkeys(row["quantity"] for row in rows))
        figure = make_subplots(rows=max(1, len(quantities)), cols=1, subplot_titles=[q.upper() for q in quantities])
        shown: set[str] = set()
        for place, quantity in enumerate(quantities, start=1):
            for row in leaves([row for row in rows if row["quantity"] == quantity]):
                bar = go.Bar(
                    x=[1e3 * row["time_s"]],
                    y=[row["part"]],
                    orientation="h",
                    name=row["kind"],
                    legendgroup=row["kind"],
                    showlegend=row["kind"] not in shown,
                    marker_color=_COLOURS[row["kind"]],
                    hovertemplate=f"{row['part']}: {show(row['time_s'], 's')}, {row['share']:.1%}<extra></extra>",
                )
                shown.add(row["kind"])
                figure.add_trace(bar, row=place, col=1)
            figure.update_yaxes(autorange="reversed", row=place, col=1)
            figure.update_xaxes(title_text="time, ms", gridcolor=_GRID, row=place, col=1)
        figure.update_layout(
            title=f"{self.answer.question.model.name} on {self.answer.question.system.name}, {self.answer.engine}",
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font_color=_GREY,
            barmode="overlay",
            height=140 + 260 * max(1, len(quantities)),
        )
        return figure

    def explain(self) -> Explanation:
        """What binds, where the time goes, and what would help most and by how much: the engine is asked again."""
        return explain(self.answer, plugins.engine(self.answer.engine))

    def trace(self, path: str | Path) -> Path:
        """Write parts and operators as a Chrome trace, for Perfetto; return its path. BadInput where it cannot be written."""
        from gnomon.api.trace import write_trace

        return write_trace([self.answer], path)


def leaves(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the smallest parts: those that no row after them is a part of."""
    return [
        row
        for row, after in zip(rows, [*rows[1:], None], strict=True)
        if after is None or after["depth"] <= row["depth"]
    ]


def _walk(part: Part, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Part]]:
    path = (*above, part.name)
    yield path, part
    for inner in part.parts:
        yield from _walk(inner, path)
