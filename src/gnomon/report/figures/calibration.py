"""Nominal coverage of the intervals beside the coverage on silicon that they were not calibrated on."""

from __future__ import annotations

from typing import Any

from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import Figure, Trace, axis, hover, names_axis, share


def coverage_by_group(level: float, table: Table) -> Figure:
    """Share of each silicon's rows inside the intervals calibrated on the others."""
    told = hover(table, ("group", "rows", "coverage", "coverage_by_row", "half_width", "half_width_by_row"))
    marks = (
        ("coverage_by_row", "rows weigh alike", "--series-1", "diamond-open", 16),
        ("coverage", "silicon weighs alike (used)", "--series-0", "circle", 10),
    )
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "y": "@group",
            "x": f"@{column}",
            "cliponaxis": False,
            "marker": {"color": colour, "symbol": symbol, "size": size},
            **told,
        }
        for column, name, colour, symbol, size in marks
    ]
    covered = table.numbers("coverage")
    lowest = min(range(len(covered)), key=covered.__getitem__)
    return Figure(
        kind="coverage-by-group",
        title=f"Coverage of the {share(level)} intervals on silicon left out",
        alt=f"Nominal {share(level)}; on {len(table)} kinds of silicon left out in turn: mean {share(sum(covered) / len(covered))}, "
        f"lowest {share(covered[lowest])} on {table['group'][lowest]}.",
        table=table,
        data=data,
        layout={
            "xaxis": axis("share of rows inside the interval", tickformat=".0%", range=[-0.03, 1.03]),
            "yaxis": names_axis([str(group) for group in table["group"]]),
            "shapes": [_vertical(level)],
            "height": 160 + 26 * len(table),
        },
        note="Each kind of silicon in turn is left out, and the intervals come from the others. The dashed line is the nominal level.",
    )


def _vertical(x: float) -> dict[str, Any]:
    line = {"color": "--ink", "dash": "dash", "width": 1}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def coverage_by_level(table: Table) -> Figure:
    """Measured against nominal coverage on silicon left out."""
    lines = (
        ("highest", "highest silicon", "--series-7", "triangle-up"),
        ("rows", "all rows", "--series-0", "circle"),
        ("mean", "mean of silicon", "--series-2", "square"),
        ("lowest", "lowest silicon", "--series-1", "triangle-down"),
    )
    levels = table.numbers("level")
    told = hover(table, ("level", "rows", "mean", "lowest", "highest"))
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "as promised",
            "x": [min(levels), max(levels)],
            "y": [min(levels), max(levels)],
            "line": {"color": "--ink", "dash": "dash", "width": 1},
            "hoverinfo": "skip",
        }
    ]
    data += [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": "@level",
            "y": f"@{column}",
            "line": {"color": colour},
            "marker": {"symbol": symbol, "size": 8},
            **told,
        }
        for column, name, colour, symbol in lines
    ]
    said = ", ".join(f"{share(level)}: {share(rows)}" for level, rows in zip(levels, table["rows"], strict=True))
    return Figure(
        kind="coverage-by-level",
        title="Coverage: nominal and measured",
        alt=f"Share of all rows inside the interval on silicon left out, for each nominal level: {said}.",
        table=table,
        data=data,
        layout={
            "xaxis": axis("nominal coverage", tickformat=".0%", tickvals=levels),
            "yaxis": axis("measured coverage", tickformat=".0%", range=[0, 1.05]),
            "height": 440,
        },
        note="Each kind of silicon in turn is left out, and the intervals come from the others.",
    )
