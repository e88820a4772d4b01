"""Facts as plotly figures: plain dicts, whose cells stand in a table beside them.

A trace names its columns, `"x": "@measured_s"`, and the script of the page puts the cells there: every number is in the
page once, and what is drawn is what is downloaded. `where` keeps the rows of one group, `first` so many of them. A colour
is the name of a CSS variable, so that a figure follows the theme.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gnomon.core.units import show
from gnomon.report.facts.operators import roof_line
from gnomon.report.facts.table import Table

BANDS_PERCENT = (10, 25)  # drawn around the line of equality
MOST_GROUPS = 40  # bars in one figure; the rest is in its table
MOST_SERIES = 10  # colours that an eye tells apart

COLOURS = tuple(f"--series-{index}" for index in range(MOST_SERIES))
KIND_COLOURS = {
    "compute": "--series-0",
    "memory": "--series-1",
    "overhead": "--series-2",
    "network": "--series-3",
    "idle": "--series-7",
    "mixed": "--series-4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One picture: what plotly draws, from which table, and the same in words."""

    title: str
    alt: str  # the main numbers in words
    table: Table
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    note: str = ""
    columns: tuple[str, ...] = field(default=())  # of the table that are downloaded; empty: all


def plotly_text(text: str) -> str:
    """`text` for plotly, which reads tags and entities in every label."""
    return html.escape(text, quote=False)


def _axis(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"text": title}, "automargin": True, **more}


def _log(title: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    return _axis(title, type="log", tickformat="~s", ticksuffix=suffix, exponentformat="SI", nticks=12, **more)


def _hover(columns: Mapping[str, str]) -> dict[str, Any]:
    """Custom data and template of a hover label: column -> format in d3's language, or empty for words."""
    lines = [
        f"{name.removesuffix('_s').replace('_', ' ')}: %{{customdata[{index}]{form}}}"
        for index, (name, form) in enumerate(columns.items())
    ]
    return {"customdata": [f"@{name}" for name in columns], "hovertemplate": "<br>".join(lines) + "<extra></extra>"}


def _series(table: Table, columns: Sequence[str]) -> tuple[str, list[str]]:
    """The first column with two to MOST_SERIES different words, and those, the most frequent first; ("", []) without."""
    names = {column.name for column in table.columns}
    for name in columns:
        if name in names:
            cells = [str(cell) for cell in table[name] if cell not in (None, "")]
            words = sorted(set(cells), key=lambda word: (-cells.count(word), word))
            if 2 <= len(words) <= MOST_SERIES and len(cells) == len(table):
                return name, words
    return "", []


def _percent(value: object) -> str:
    return f"{value:.1f} %" if isinstance(value, (int, float)) else "unknown"


def _share(value: object) -> str:
    return f"{100 * value:.0f} %" if isinstance(value, (int, float)) else "unknown"


def roofline(name: str, table: Table, roofs: Mapping[str, Any]) -> Figure | None:
    """Operators as points under the roofs of their device; None where no operator has both work and traffic."""
    intensities = table.numbers("intensity")
    if not intensities:
        return None
    bandwidth, peaks = roofs["memory_bytes_per_s"], roofs["peaks"]
    ridges = [peak["flop_per_s"] / bandwidth for peak in peaks]
    low, high = min([*intensities, *ridges]) / 2, max([*intensities, *ridges]) * 4
    data: list[dict[str, Any]] = []
    for index, peak in enumerate(peaks):
        corners = roof_line(bandwidth, peak["flop_per_s"], low, high)
        roof = f"{peak['dtype']} {peak['unit']}: {show(peak['flop_per_s'], 'flop/s')}"
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": plotly_text(roof),
                "x": [x for x, _ in corners],
                "y": [y for _, y in corners],
                "line": {"color": "--ink", "width": 2, "dash": ("solid", "dash", "dot")[index % 3]},
                "hoverinfo": "name",
            }
        )
    hover = _hover(
        {
            "name": "",
            "repeat": "",
            "intensity": ":.3~s",
            "reached": ":.3~s",
            "time_s": ":.3~s",
            "share": ":.1%",
            "bound": "",
        }
    )
    families = list(dict.fromkeys(map(str, table["family"])))
    largest = max(table.numbers("share")) or 1.0
    for index, family in enumerate(families):
        data.append(
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
                    "sizeref": 2 * largest / 30**2,
                    "sizemin": 4,
                    "opacity": 0.8,
                },
                **hover,
            }
        )
    bounds = [str(bound) for bound in table["bound"]]
    totals = {b: sum(float(s or 0) for s, one in zip(table["share"], bounds, strict=True) if one == b) for b in bounds}
    said = ", ".join(f"{b} {_share(total)}" for b, total in sorted(totals.items(), key=lambda item: -item[1]))
    without = len(table) - len(intensities)
    return Figure(
        title=f"Operators under the roofline: {name}",
        alt=f"Roofline of {name}: {len(intensities)} operators as points, bandwidth {show(bandwidth, 'B/s')}, "
        f"highest roof {show(max([p['flop_per_s'] for p in peaks], default=0.0), 'flop/s')}. Share of the time by what binds: {said}.",
        table=table,
        data=data,
        layout={
            "xaxis": _log("operational intensity (flop/B)", range=[math.log10(low), math.log10(high)]),
            "yaxis": _log("reached rate (flop/s)"),
            "height": 520,
        },
        note="The area of a point is its share of the time; a launch keeps a point below the roof."
        + (f" {without} operators without work or traffic are only in the table." if without else ""),
    )


def waterfall(name: str, value_s: float, table: Table) -> Figure:
    """The parts of a pass one after another."""
    parts = list(dict.fromkeys(map(str, table["part"])))
    kinds = list(dict.fromkeys(map(str, table["kind"])))
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": kind,
            "where": {"column": "kind", "is": kind},
            "y": "@part",
            "x": "@value_s",
            "base": "@start_s",
            "marker": {"color": KIND_COLOURS.get(kind, "--series-5")},
            **_hover({"part": "", "inside": "", "value_s": ":.4~s", "share": ":.1%"}),
        }
        for kind in kinds
    ]
    total = {p: sum(float(v or 0) for v, one in zip(table["value_s"], table["part"], strict=True) if one == p) for p in parts}
    said = ", ".join(f"{part} {show(total[part], 's')} ({_share(total[part] / value_s)})" for part in parts[:6])
    return Figure(
        title=f"Where the time goes: {name}",
        alt=f"Waterfall of {name}, {show(value_s, 's')} in all: {said}{', and more' if len(parts) > 6 else ''}.",
        table=table,
        data=data,
        layout={
            "barmode": "overlay",
            "xaxis": _axis("time from the start (s)", tickformat="~s", ticksuffix="s", rangemode="tozero"),
            "yaxis": _axis("", categoryorder="array", categoryarray=[plotly_text(p) for p in parts], autorange="reversed"),
            "height": 150 + 34 * len(parts),
        },
    )


def predicted_and_measured(title: str, table: Table, note: str = "") -> Figure:
    """Rows as points around the line of equality, with bands."""
    measured, predicted = table.numbers("measured_s"), table.numbers("predicted_s")
    low, high = min(measured + predicted) / 1.5, max(measured + predicted) * 1.5
    data: list[dict[str, Any]] = []
    for percent in sorted(BANDS_PERCENT, reverse=True):
        below, above = 1 - percent / 100, 1 + percent / 100
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"within {percent} %",
                "x": [low, high, high, low],
                "y": [low * above, high * above, high * below, low * below],
                "fill": "toself",
                "fillcolor": f"--band-{percent}",
                "line": {"width": 0},
                "hoverinfo": "skip",
            }
        )
    equal = {"mode": "lines", "name": "equal", "x": [low, high], "y": [low, high], "hoverinfo": "skip"}
    data.append({"type": "scatter", **equal, "line": {"color": "--ink", "width": 1}})
    names = {column.name for column in table.columns}
    words = [name for name in ("subject", "engine", "device", "mode", "batch", "seq", "dtype") if name in names]
    hover = _hover(dict.fromkeys(words, "") | {"measured_s": ":.4~s", "predicted_s": ":.4~s", "error_percent": ":+.1f"})
    column, series = _series(table, ("engine", "device", "family", "subject", "mode", "dtype"))
    size = 7 if len(table) <= 1000 else 4
    for index, word in enumerate(series or [""]):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": plotly_text(word) or "rows",
                **({"where": {"column": column, "is": word}} if word else {}),
                "x": "@measured_s",
                "y": "@predicted_s",
                "marker": {"color": COLOURS[index], "size": size, "opacity": 0.75 if len(table) <= 1000 else 0.5},
                **hover,
            }
        )
    errors = [abs(error) for error in table.numbers("error_percent")]
    inside = [f"{sum(e <= band for e in errors):,} within {band} %" for band in BANDS_PERCENT]
    return Figure(
        title=title,
        alt=f"{title}: {len(table):,} rows, measured {show(min(measured), 's')} to {show(max(measured), 's')}; "
        f"{', '.join(inside)} of the measured time.",
        table=table,
        data=data,
        layout={
            "xaxis": _log("measured time (s)", "s", range=[math.log10(low), math.log10(high)]),
            "yaxis": _log("predicted time (s)", "s", range=[math.log10(low), math.log10(high)]),
            "height": 620,
            "hovermode": "closest",
        },
        note=note,
    )


def error_by_group(by: str, table: Table) -> Figure:
    """Median and p90 of the absolute error of each group, with its number of rows."""
    shown = min(len(table), MOST_GROUPS)
    hover = _hover(
        {"group": "", "rows": "", "median_ape": ":.1f", "p90_ape": ":.1f", "bias": ":+.1f", "coverage": ":.0%"}
    )
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": "median",
            "y": "@group",
            "x": "@median_ape",
            "first": shown,
            "marker": {"color": "--series-0"},
            **hover,
        },
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": "p90 (n: rows)",
            "y": "@group",
            "x": "@p90_ape",
            "text": "@rows",
            "texttemplate": " n=%{text}",
            "textposition": "middle right",
            "cliponaxis": False,
            "first": shown,
            "marker": {"color": "--series-1", "symbol": "line-ns-open", "size": 14, "line": {"width": 3}},
            **hover,
        },
    ]
    said = "; ".join(
        f"{group} median {_percent(median)}, p90 {_percent(p90)}, n {rows}"
        for group, median, p90, rows in list(
            zip(table["group"], table["median_ape"], table["p90_ape"], table["rows"], strict=True)
        )[:8]
    )
    groups = [plotly_text(str(group)) for group in table["group"][:shown]]
    return Figure(
        title=f"Error by {by}",
        alt=f"Absolute error by {by}, in percent of the measured time: {said}{'; and more' if len(table) > 8 else ''}.",
        table=table,
        data=data,
        layout={
            "xaxis": _axis("absolute error (% of the measured time)", rangemode="tozero", ticksuffix=" %"),
            "yaxis": _axis("", type="category", categoryorder="array", categoryarray=groups, autorange="reversed"),
            "height": 140 + 26 * shown,
            "margin": {"r": 90},
        },
        note=f"The {shown} groups with most rows of {len(table)}; the table has all." if shown < len(table) else "",
    )


def coverage_by_group(level: float, table: Table) -> Figure:
    """Share of each silicon's rows inside the intervals calibrated on the others."""
    hover = _hover({"group": "", "rows": "", "coverage": ":.0%", "coverage_by_row": ":.0%", "half_width": ":.0%"})
    marks = (
        ("coverage", "silicon weighs alike (used)", "--series-0", "circle"),
        ("coverage_by_row", "rows weigh alike", "--series-1", "diamond-open"),
    )
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "y": "@group",
            "x": f"@{column}",
            "marker": {"color": colour, "symbol": symbol, "size": 11},
            **hover,
        }
        for column, name, colour, symbol in marks
    ]
    covered = table.numbers("coverage")
    lowest = min(range(len(covered)), key=covered.__getitem__)
    return Figure(
        title=f"{_share(level)} intervals on silicon left out",
        alt=f"Nominal {_share(level)}; measured on {len(table)} kinds of silicon left out in turn: mean {_share(sum(covered) / len(covered))}, "
        f"lowest {_share(covered[lowest])} on {table['group'][lowest]}.",
        table=table,
        data=data,
        layout={
            "xaxis": _axis("share of rows inside the interval", tickformat=".0%", range=[-0.03, 1.03]),
            "yaxis": _axis("", type="category", autorange="reversed"),
            "shapes": [_vertical(level)],
            "height": 170 + 26 * len(table),
        },
        note="Each kind of silicon in turn is left out, and the intervals come from the others. The dashed line is the nominal level.",
    )


def _vertical(x: float) -> dict[str, Any]:
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "--ink", "dash": "dash", "width": 1}}


def calibration_curve(table: Table) -> Figure:
    """Measured against nominal coverage on silicon left out."""
    lines = (
        ("measured", "all rows", "--series-0", "circle"),
        ("mean_of_silicon", "mean of silicon", "--series-2", "square"),
        ("lowest_silicon", "lowest silicon", "--series-1", "triangle-down"),
    )
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "as promised",
            "x": [0.5, 1.0],
            "y": [0.5, 1.0],
            "line": {"color": "--ink", "dash": "dash", "width": 1},
            "hoverinfo": "skip",
        }
    ]
    data += [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": "@nominal",
            "y": f"@{column}",
            "line": {"color": colour},
            "marker": {"symbol": symbol, "size": 8},
        }
        for column, name, colour, symbol in lines
    ]
    said = ", ".join(f"{_share(n)}: {_share(m)}" for n, m in zip(table["nominal"], table["measured"], strict=True))
    return Figure(
        title="Coverage: nominal and measured",
        alt=f"Measured coverage on silicon left out for each nominal level, over {table['rows'][0]:,} rows: {said}.",
        table=table,
        data=data,
        layout={
            "xaxis": _axis("nominal coverage", tickformat=".0%"),
            "yaxis": _axis("measured coverage", tickformat=".0%", range=[0, 1.03]),
            "height": 420,
        },
        note="From the rows on this page, each kind of silicon left out in turn.",
    )


def pareto(title: str, table: Table, objectives: Sequence[str]) -> Figure:
    """The trials of a sweep in its first two objectives, those on the front joined; one objective: over the trials."""
    y = objectives[-1] if len(objectives) == 1 else objectives[1]
    x = objectives[0]
    units = {column.name: column.unit for column in table.columns}
    hover_columns = [c.name for c in table.columns if c.name not in ("is_best", *objectives)][:8]
    hover = _hover(dict.fromkeys([*objectives, *hover_columns], ""))
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": mode,
            "name": name,
            "where": {"column": "is_best", "is": is_best},
            "x": f"@{x}",
            "y": f"@{y}",
            "sort": is_best,
            "line": {"color": colour, "width": 1, "shape": "linear"},
            "marker": {"color": colour, "size": size, "opacity": opacity},
            **hover,
        }
        for name, is_best, mode, colour, size, opacity in (
            ("other trials", False, "markers", "--series-7", 6, 0.6),
            ("Pareto front", True, "lines+markers", "--series-1", 10, 1.0),
        )
    ]
    best = [index for index, is_best in enumerate(table["is_best"]) if is_best]
    ends = [f"{name} {_reach(table, name, best)}" for name in objectives]
    return Figure(
        title=title,
        alt=f"{len(table):,} trials, {len(best):,} on the Pareto front; on the front {', '.join(ends)}.",
        table=table,
        data=data,
        layout={
            "xaxis": _axis(f"{x}{f' ({units[x]})' if units[x] else ''}", tickformat="~s"),
            "yaxis": _axis(f"{y}{f' ({units[y]})' if units[y] else ''}", tickformat="~s"),
            "height": 520,
            "hovermode": "closest",
        },
        note=f"Further objectives, only in the table: {', '.join(objectives[2:])}." if len(objectives) > 2 else "",
    )


def _reach(table: Table, name: str, rows: Sequence[int]) -> str:
    cells = [float(value) for row in rows if isinstance(value := table[name][row], (int, float))]
    return f"{min(cells):.4g} to {max(cells):.4g}" if cells else "unknown"


def history(name: str, table: Table) -> Figure:
    """Median and p90 error over the runs."""
    hover = _hover({"run": "", "version": "", "rows": "", "median_ape": ":.1f", "p90_ape": ":.1f", "coverage": ":.0%"})
    lines = (("median_ape", "median", "--series-0", "circle"), ("p90_ape", "p90", "--series-1", "diamond"))
    runs = list(zip(table["run"], table["median_ape"], table["p90_ape"], strict=True))
    said = "; ".join(f"{run} median {_percent(median)}, p90 {_percent(p90)}" for run, median, p90 in (runs[0], runs[-1]))
    digests = set(table["sha256"])
    return Figure(
        title=f"Errors over the runs: {name}",
        alt=f"{len(runs)} runs of {name}, in the order given, first and last: {said}.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "x": "@run",
                "y": f"@{column}",
                "line": {"color": colour},
                "marker": {"symbol": symbol, "size": 9},
                **hover,
            }
            for column, label, colour, symbol in lines
        ],
        layout={
            "xaxis": _axis("run, in the order given", type="category"),
            "yaxis": _axis("absolute error (% of the measured time)", rangemode="tozero", ticksuffix=" %"),
            "height": 420,
        },
        note="" if len(digests) == 1 else f"The table itself changed between the runs: {len(digests)} different files.",
    )
