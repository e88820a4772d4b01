"""Operators as points under the roofs of their device. [Williams, Waterman & Patterson 2009]"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.core.units import show
from gnomon.report.facts.operators import roof_line
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import COLOURS, MOST_SERIES, Figure, Trace, hover, log_axis, plotly_text, share

LARGEST_POINT_PX = 30  # diameter of the operator with the largest share
MOST_NAMED = 5  # operators without a place that the note names
SMALLEST_POINT_PX = 5  # below it a point cannot be hit with the mouse


def roofline(name: str, table: Table, roofs: Mapping[str, Any]) -> Figure | None:
    """The picture; None where no operator has both work and traffic."""
    intensities, reached = table.numbers("intensity"), table.numbers("reached")
    if not intensities:
        return None
    bandwidth, peaks = roofs["memory_bytes_per_s"], roofs["peaks"]
    ridges = [peak["flop_per_s"] / bandwidth for peak in peaks]
    low, high = min([*intensities, *ridges]) / 2, max([*intensities, *ridges]) * 4
    top = max([peak["flop_per_s"] for peak in peaks] + reached)
    without = [str(n) for n, place in zip(table["name"], table["intensity"], strict=True) if place is None]
    if len(without) > MOST_NAMED:
        without = [*without[:MOST_NAMED], f"and {len(without) - MOST_NAMED} more"]
    return Figure(
        kind="roofline",
        title=f"Operators under the roofline: {name}",
        alt=f"Roofline of {name}: {len(intensities)} operators as points, memory bandwidth {show(bandwidth, 'B/s')}, "
        f"highest roof {show(top, 'flop/s')}.{_by_bound(table)}",
        table=table,
        data=[*_roofs(peaks, bandwidth, low, high), *_points(table)],
        layout={
            "xaxis": log_axis("operational intensity (flop/B)", "", low, high),
            "yaxis": log_axis("reached rate", "flop/s", min(reached) / 2, top * 2),
            "height": 540,
        },
        note=f"The slope is the memory's bandwidth, {show(bandwidth, 'B/s')}. The area of a point is its share of the time; "
        "a launch keeps a point below the roof."
        + (f" Without work or traffic, and in the table alone: {', '.join(without)}." if without else ""),
    )


def _roofs(peaks: list[Mapping[str, Any]], bandwidth: float, low: float, high: float) -> list[Trace]:
    found = []
    for index, peak in enumerate(peaks):
        corners = roof_line(bandwidth, peak["flop_per_s"], low, high)
        found.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": plotly_text(f"{peak['dtype']} {peak['unit']}: {show(peak['flop_per_s'], 'flop/s')}"),
                "x": [x for x, _ in corners],
                "y": [y for _, y in corners],
                "line": {"color": "--ink", "width": 2, "dash": ("solid", "dash", "dot", "dashdot")[index % 4]},
                "hoverinfo": "name",
            }
        )
    return found


def _points(table: Table) -> list[Trace]:
    largest = max(table.numbers("share")) or 1.0
    told = hover(table, ("name", "family", "dtype", "repeat", "intensity", "reached", "time_s", "share", "bound"))
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": plotly_text(family),
            "where": {"column": "family", "is": family},
            "x": "@intensity",
            "y": "@reached",
            "marker": {
                "color": COLOURS[index % MOST_SERIES],
                "size": "@share",
                "sizemode": "area",
                "sizeref": 2 * largest / LARGEST_POINT_PX**2,
                "sizemin": SMALLEST_POINT_PX,
                "opacity": 0.8,
            },
            **told,
        }
        for index, family in enumerate(_drawn_families(table))
    ]


def _drawn_families(table: Table) -> list[str]:
    """Families with an operator that has a place in the picture."""
    pairs = zip(table["family"], table["intensity"], strict=True)
    return list(dict.fromkeys(str(family) for family, intensity in pairs if intensity is not None))


def _by_bound(table: Table) -> str:
    """A sentence on what binds; empty where the engine does not say."""
    if "bound" not in table.names:
        return ""
    totals: dict[str, float] = {}
    for bound, one in zip(table["bound"], table["share"], strict=True):
        totals[str(bound)] = totals.get(str(bound), 0.0) + float(one or 0)
    said = ", ".join(f"{bound} {share(total)}" for bound, total in sorted(totals.items(), key=lambda item: -item[1]))
    return f" Share of the time by what binds: {said}."
