"""The parts of an answer's times: as a table, as a picture, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.api.explain import Explanation, explain
from gnomon.core.in_words import share
from gnomon.core.prediction import Part
from gnomon.core.units import show
from gnomon.report.facts.waterfall import waterfall as parts_in_a_row
from gnomon.report.figures.waterfall import waterfall

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

    from gnomon.api.answers import Answer

COLUMNS: dict[str, type] = {"quantity": str, "part": str, "depth": int, "kind": str, "time_s": float, "share": float}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parts:
    """What the predicted times of an answer are made of."""

    answer: Answer

    def __repr__(self) -> str:
        lines = [
            f"{row['quantity']}: {'  ' * (row['depth'] - 1)}{row['part']}: {show(row['time_s'], 's')}, {share(row['share'], 1)}"
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
        """The waterfall of each pass, as on the page of a report: parts laid end to end, coloured by what binds them."""
        from gnomon.report.figures.notebook import plotly_figure

        drawn = [
            waterfall(outcome.title, outcome.prediction.value, parts_in_a_row(outcome.to_dict()))
            for outcome in self.answer.outcomes
            if outcome.prediction is not None
        ]
        return plotly_figure(self.answer.title, drawn)

    def explain(self) -> Explanation:
        """What binds, where the time goes, and what would help most and by how much: the engine is asked again."""
        return explain(self.answer, self.answer.asked_engine)

    def trace(self, path: str | Path) -> Path:
        """Write parts and operators as a Chrome trace, for Perfetto; return its path. BadInput where it cannot be written.

        Of a training step what every stage does when is in it too.
        """
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
