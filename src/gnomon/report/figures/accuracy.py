"""Predicted against measured, and the errors by group with their number of rows."""

from __future__ import annotations

from gnomon.core.units import show
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import (
    COLOURS,
    Figure,
    Trace,
    axis,
    hover,
    log_axis,
    names_axis,
    percent,
    plotly_text,
    series,
)

BANDS_PERCENT = (10, 25)  # drawn around the line of equality
MOST_GROUPS = 40  # bars in one figure; the rest is in its table
MANY_POINTS = 1_000  # above, points are smaller and paler
MOST_IN_WORDS = 6  # groups named in the alternative text
_TOLD = ("subject", "engine", "device", "mode", "batch", "seq", "dtype", "measured_s", "predicted_s", "error_percent")


def predicted_and_measured(table: Table) -> Figure:
    """Rows as points around the line of equality, with bands."""
    measured, predicted = table.numbers("measured_s"), table.numbers("predicted_s")
    low, high = min(measured + predicted) / 1.5, max(measured + predicted) * 1.5
    column, words = series(table, ("engine", "device", "family", "subject", "mode", "dtype"))
    is_many = len(table) > MANY_POINTS
    told = hover(table, _TOLD)
    points: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": plotly_text(word) or "rows",
            **({"where": {"column": column, "is": word}} if word else {}),
            "x": "@measured_s",
            "y": "@predicted_s",
            "marker": {"color": COLOURS[index], "size": 4 if is_many else 7, "opacity": 0.5 if is_many else 0.75},
            **told,
        }
        for index, word in enumerate(words or [""])
    ]
    errors = [abs(error) for error in table.numbers("error_percent")]
    inside = [f"{sum(e <= band for e in errors):,} within {band} %" for band in BANDS_PERCENT]
    return Figure(
        kind="predicted-and-measured",
        title="Predicted and measured",
        alt=f"Predicted against measured: {len(table):,} rows, measured {show(min(measured), 's')} to {show(max(measured), 's')}; "
        f"{', '.join(inside)} of the measured time.",
        table=table,
        data=[*_bands(low, high), *points],
        layout={
            "xaxis": log_axis("measured time", "s", low, high),
            "yaxis": log_axis("predicted time", "s", low, high),
            "height": 640,
            "hovermode": "closest",
        },
        note=f"Below the line the prediction is shorter than the measurement.{_doubted(table)}",
    )


def _doubted(table: Table) -> str:
    """A sentence on the rows that a quality mark sets apart; empty where there are none."""
    count = sum(1 for mark in table["quality"] if mark) if "quality" in table.names else 0
    return f" {count:,} of the points are of rows that their source doubts: no error counts them." if count else ""


def _bands(low: float, high: float) -> list[Trace]:
    """The wide band, the narrow one over it, and the line of equality, from `low` to `high` seconds."""
    found: list[Trace] = []
    for band in sorted(BANDS_PERCENT, reverse=True):
        below, above = 1 - band / 100, 1 + band / 100
        found.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"within {band} %",
                "x": [low, high, high, low],
                "y": [low * above, high * above, high * below, low * below],
                "fill": "toself",
                "fillcolor": f"--band-{band}",
                "line": {"width": 0},
                "hoverinfo": "skip",
            }
        )
    equal = {"mode": "lines", "name": "equal", "x": [low, high], "y": [low, high], "hoverinfo": "skip"}
    return [*found, {"type": "scatter", **equal, "line": {"color": "--ink", "width": 1}}]


def error_by_group(by: str, table: Table) -> Figure:
    """Median and p90 of the absolute error of each group, with its number of rows and its coverage."""
    shown = min(len(table), MOST_GROUPS)
    told = hover(table, ("group", "rows", "asked", "coverage", "median_ape", "p90_ape", "bias"))
    said = [
        f"{group} median {percent(median)}, p90 {percent(p90)}, n {rows}"
        for group, median, p90, rows in zip(
            table["group"], table["median_ape"], table["p90_ape"], table["rows"], strict=True
        )
    ]
    more = "; and more" if len(said) > MOST_IN_WORDS else ""
    data: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": "median",
            "y": "@group",
            "x": "@median_ape",
            "first": shown,
            "marker": {"color": "--series-0"},
            **told,
        },
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": "90th percentile",
            "y": "@group",
            "x": "@p90_ape",
            "text": "@rows",
            "texttemplate": "  n = %{text:,}",
            "textposition": "middle right",
            "cliponaxis": False,
            "first": shown,
            "marker": {"color": "--series-1", "symbol": "diamond", "size": 9},
            **told,
        },
    ]
    return Figure(
        kind="error-by-group",
        title=f"Error by {by}",
        alt=f"Absolute error by {by}, in percent of the measured time: {'; '.join(said[:MOST_IN_WORDS])}{more}.",
        table=table,
        data=data,
        layout={
            "xaxis": axis("absolute error (% of the measured time)", rangemode="tozero", ticksuffix=" %"),
            "yaxis": names_axis([str(group) for group in table["group"][:shown]]),
            "height": 140 + 26 * shown,
            "margin": {"r": 90},
        },
        note="n: compared rows. "
        + (f"The {shown} groups with most rows of {len(table)}; the table has all." if shown < len(table) else ""),
    )
