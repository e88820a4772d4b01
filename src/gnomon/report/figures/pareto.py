"""The trials of a sweep in two of its objectives, the Pareto set joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.core.columns import column_label
from gnomon.core.in_words import quantity
from gnomon.report.facts.table import Table
from gnomon.report.facts.trials import objectives, varied
from gnomon.report.figures.figure import Figure, Trace, axis, even_axis, hover, plotly_text


def pareto(name: str, table: Table, sweep: Mapping[str, Any]) -> Figure:
    """The first two objectives of the sweep; of a single one, over the trials in their order.

    The set is joined where it is one of two objectives: that of more is no line.
    """
    names = objectives(sweep)
    x, y = names[:2] if len(names) > 1 else ("index", names[0])
    goals = {objective["name"]: objective["goal"] for objective in sweep["objectives"]}
    units = {column.name: column.unit for column in table.columns}
    told = hover(table, [*varied(sweep), *names])
    has_several, mark = len(names) > 1, "lines+markers" if len(names) == 2 else "markers"
    data: list[Trace] = [
        {
            "type": "scatter",
            "mode": mode,
            "name": title,
            "where": {"column": "is_best", "is": is_best},
            "x": f"@{x}",
            "y": f"@{y}",
            **({"sort": True} if is_best else {}),
            "line": {"color": colour, "width": 1.5},
            "marker": {"color": colour, "size": size, "opacity": opacity},
            **told,
        }
        for title, is_best, mode, colour, size, opacity in (
            ("other trials", False, "markers", "--series-7", 6, 0.6),
            ("Pareto set" if has_several else "best", True, mark, "--series-1", 10, 1.0),
        )
    ]
    best = [place for place, is_best in enumerate(table["is_best"]) if is_best]
    reach = [f"{column_label(one)} {_reach(table, one, best, units[one])}" for one in names]
    return Figure(
        kind="pareto",
        title=f"Pareto set: {name}" if has_several else f"Best trial: {name}",
        alt=f"{len(table):,} trials, {len(best):,} in the Pareto set; in it {', '.join(reach)}.",
        table=table,
        data=data,
        layout={
            "xaxis": _axis(table, x, goals.get(x)),
            "yaxis": _axis(table, y, goals[y]),
            "height": 540,
            "hovermode": "closest",
        },
        note=f"Further objectives, in the table alone: {', '.join(names[2:])}." if len(names) > 2 else "",
    )


def _axis(table: Table, name: str, goal: str | None) -> dict[str, Any]:
    """An axis with some room on both sides that says which way is better."""
    if name == "index":
        return axis("trial, in the order of the sweep")
    cells = table.numbers(name) or [0.0]
    low, high = min(cells), max(cells)
    room = (high - low) / 20 or abs(high) / 20 or 1.0
    better = {"min": ", less is better", "max": ", more is better"}.get(goal or "", "")
    unit = next(column.unit for column in table.columns if column.name == name)
    return even_axis(plotly_text(f"{column_label(name)}{better}"), unit, low - room, high + room)


def _reach(table: Table, name: str, rows: Sequence[int], unit: str) -> str:
    cells = [float(value) for row in rows if isinstance(value := table[name][row], (int, float))]
    return f"{quantity(min(cells), unit)} to {quantity(max(cells), unit)}" if cells else "unknown"
