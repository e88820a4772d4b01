"""The course of a run, and the values of a metric unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.core.units import show
from gnomon.lab.specs.spec import Metric
from gnomon.report.facts.listing import number
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import (
    COLOURS,
    MOST_SERIES,
    Figure,
    Trace,
    axis,
    even_axis,
    hover,
    names_axis,
    plotly_text,
)

OUTCOME_COLOURS = {"done": "--series-0", "failed": "--series-8", "cut short": "--series-1", "not ended": "--series-7"}
_LANE_PX, _ARM_PX = 30, 64  # height of a line of the picture
MOST_IN_WORDS = 6  # arms named in the alternative text


def course(table: Table, resumed_s: Sequence[float], whole_s: float) -> Figure:
    """The tries of `facts.run_tables.course` on the clock of the runner at work; a line where a runner went on."""
    lanes = list(dict.fromkeys(map(str, table["lane"])))
    outcomes = list(dict.fromkeys(map(str, table["outcome"])))
    counted = ", ".join(f"{sum(one == word for one in table['outcome'])} {word}" for word in outcomes)
    often = "once" if len(resumed_s) == 1 else f"{len(resumed_s)} times"
    again = f" It was interrupted and resumed {often}." if resumed_s else ""
    return Figure(
        kind="course",
        title="Units over time",
        alt=f"{len(table):,} tries of units over {show(whole_s, 's')} at work: {counted}.{again}",
        table=table,
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "name": word,
                "where": {"column": "outcome", "is": word},
                "y": "@lane",
                "x": "@length_s",
                "base": "@start_s",
                "marker": {"color": OUTCOME_COLOURS.get(word, "--series-7"), "line": {"color": "--panel", "width": 1}},
                **hover(table, ("unit", "try", "outcome", "failure", "start_s", "length_s")),
            }
            for word in outcomes
        ],
        layout={
            "barmode": "overlay",
            "bargap": 0.25,
            "xaxis": even_axis("time at work", "s", 0, whole_s * 1.02 or 1.0),
            "yaxis": names_axis(lanes),
            "shapes": [
                {
                    "type": "line",
                    "x0": at,
                    "x1": at,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": {"width": 1, "dash": "dot"},
                }
                for at in resumed_s
            ],
            "height": 150 + _LANE_PX * len(lanes),
            "showlegend": True,
        },
        note="Time while no runner was at work is left out." + (" Dotted: a runner went on." if resumed_s else ""),
    )


def values_by_arm(metric: Metric, table: Table, arms: Sequence[str], stats: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Each unit's value as a point in the line of its arm, and the mean of the arm with its 95 % interval.

    arms: in the order of the places of `facts.run_tables.values_by_arm`; stats: by arm n, mean and ci95.
    """
    drawn = [(place, arm, stats[arm]) for place, arm in enumerate(arms) if stats[arm]["n"]]
    cells = list(dict.fromkeys(map(str, table["cell"]))) if "cell" in table.names else []
    words = cells if 2 <= len(cells) <= MOST_SERIES else []
    told = hover(table, ("arm", "cell", "seed", "value", "unit"))
    points: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": plotly_text(word) or "a unit",
            **({"where": {"column": "cell", "is": word}} if word else {}),
            "x": "@value",
            "y": "@place",
            "marker": {"color": COLOURS[index], "size": 9, "opacity": 0.75},
            **told,
        }
        for index, word in enumerate(words or [""])
    ]
    mean: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "mean and 95 %",
        "x": [one["mean"] for _, _, one in drawn],
        "y": [place for place, _, _ in drawn],
        "error_x": {
            "type": "data",
            "array": [one["ci95"] or 0.0 for _, _, one in drawn],
            "color": "--ink",
            "thickness": 1.5,
            "width": 6,
        },
        "marker": {"color": "--ink", "symbol": "diamond-open", "size": 11, "line": {"width": 2, "color": "--ink"}},
        "hovertext": [f"{arm}: mean of {one['n']}: {_with_interval(one)}" for _, arm, one in drawn],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    said = [f"{arm} {_with_interval(one, metric.unit)} of {one['n']}" for _, arm, one in drawn]
    unit = plotly_text(f" ({metric.unit})" if metric.unit else "")
    return Figure(
        kind="values-by-arm",
        title=metric.name,
        alt=f"{metric.name} of {len(table):,} units; mean {', '.join(said[:MOST_IN_WORDS])}"
        f"{', and more' if len(said) > MOST_IN_WORDS else ''}.",
        table=table,
        data=[*points, mean],
        layout={
            "xaxis": axis(f"{metric.name}{unit}"),
            "yaxis": axis(
                "",
                tickmode="array",
                tickvals=[*range(len(arms))],
                ticktext=[plotly_text(arm) for arm in arms],
                ticksuffix=" ",
                range=[len(arms) - 0.5, -0.5],
                zeroline=False,
            ),
            "height": 150 + _ARM_PX * len(arms),
            "hovermode": "closest",
            "showlegend": True,
        },
    )


def _with_interval(stats: Mapping[str, Any], unit: str = "") -> str:
    spread = f" ± {number(stats['ci95'])}" if stats["ci95"] is not None else ""
    return f"{number(stats['mean'])}{spread} {unit}".rstrip()
