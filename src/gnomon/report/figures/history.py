"""The same question over several runs."""

from __future__ import annotations

from gnomon.core.units import show
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import COLOURS, MOST_SERIES, Figure, axis, hover, names_axis, percent, plotly_text

_RUNS = "run, in the order given"


def error_history(name: str, table: Table) -> Figure:
    """Median and p90 error over the runs."""
    told = hover(table, ("run", "version", "rows", "median_ape", "p90_ape", "bias", "coverage", "inside_interval"))
    lines = (("median_ape", "median", "--series-0", "circle"), ("p90_ape", "90th percentile", "--series-1", "diamond"))
    runs = list(zip(table["run"], table["median_ape"], table["p90_ape"], strict=True))
    said = "; ".join(f"{run} median {percent(median)}, p90 {percent(p90)}" for run, median, p90 in (runs[0], runs[-1]))
    digests = set(table["sha256"])
    return Figure(
        kind="error-history",
        title=f"Errors over the runs: {name}",
        alt=f"{len(runs)} runs of {name}, in the order given; first and last: {said}.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": title,
                "x": "@run",
                "y": f"@{column}",
                "line": {"color": colour},
                "marker": {"symbol": symbol, "size": 9},
                **told,
            }
            for column, title, colour, symbol in lines
        ],
        layout={
            "xaxis": _runs(table),
            "yaxis": axis("absolute error (% of the measured time)", rangemode="tozero", ticksuffix=" %"),
            "height": 440,
        },
        note="" if len(digests) == 1 else f"The table itself changed between the runs: {len(digests)} different files.",
    )


def time_history(table: Table) -> Figure:
    """Predicted times over those of the first run, a line for each pass that recurs."""
    names = list(dict.fromkeys(map(str, table["pass"])))
    drawn = names[:MOST_SERIES]
    first_and_last: dict[str, list[float]] = {}
    for name, time_s in zip(table["pass"], table["time_s"], strict=True):
        first_and_last.setdefault(str(name), []).append(float(time_s or 0))
    said = "; ".join(f"{n} {show(first_and_last[n][0], 's')} to {show(first_and_last[n][-1], 's')}" for n in drawn[:3])
    return Figure(
        kind="time-history",
        title="Predicted times over the runs",
        alt=f"{len(names)} passes that recur in {len(set(table['run']))} runs; first and last time: {said}.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": plotly_text(name),
                "where": {"column": "pass", "is": name},
                "x": "@run",
                "y": "@of_first",
                "line": {"color": COLOURS[index]},
                "marker": {"size": 9},
                **hover(table, ("pass", "run", "version", "time_s", "of_first")),
            }
            for index, name in enumerate(drawn)
        ],
        layout={
            "xaxis": _runs(table),
            "yaxis": axis("time over that of the first run", rangemode="tozero"),
            "height": 440 + 18 * len(drawn),
        },
        note=f"The first {len(drawn)} of {len(names)} passes; the table has all." if len(names) > len(drawn) else "",
    )


def _runs(table: Table) -> dict[str, object]:
    """The runs along x, in their order."""
    runs = list(dict.fromkeys(map(str, table["run"])))
    return names_axis(runs) | {"title": {"text": _RUNS}, "autorange": True, "ticksuffix": ""}
