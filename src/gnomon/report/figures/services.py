"""How the requests of a service fare: shares of them by their times, and times by the rate at which they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.core.units import show
from gnomon.report.facts.table import Table
from gnomon.report.facts.titles import LABELS
from gnomon.report.figures.figure import COLOURS, Figure, axis, hover, log_axis


def shares_of_requests(name: str, table: Table, service: Mapping[str, Any]) -> Figure:
    """The picture of `facts.services.shares_of_requests`."""
    times = table.numbers("value_s")
    said = [
        f"{spread['quantity'].upper()} {_said(spread)}" for spread in service["spreads"] if spread["quantity"] in LABELS
    ]
    return Figure(
        kind="service-shares",
        title=f"Shares of requests: {name}",
        alt=f"Share of {service['completed']:,} requests that have at most a time: {'; '.join(said)}.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "lines",
                "name": time,
                "where": {"column": "time", "is": time},
                "x": "@value_s",
                "y": "@share",
                "line": {"color": colour, "width": 2},
                **hover(table, ("time", "value_s", "share")),
            }
            for time, colour in zip(dict.fromkeys(map(str, table["time"])), COLOURS, strict=False)
        ],
        layout={
            "xaxis": log_axis("time of a request", "s", min(times) / 1.1, max(times) * 1.1),
            "yaxis": axis("share of requests that have at most that", range=[0, 1], tickformat=".0%"),
            "height": 460,
        },
    )


def replicas_over_time(name: str, table: Table, scaling: Mapping[str, Any]) -> Figure:
    """The picture of `facts.services.replicas_over_time`."""
    ready = [one["ready"] for one in scaling["course"]]
    return Figure(
        kind="replicas",
        title=f"Replicas: {name}",
        alt=f"Replicas over time: {ready[0]} at the start, between {min(ready)} and {max(ready)} ready; "
        f"{scaling['replica_s']:,.0f} replica-seconds.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "lines",
                "name": state,
                "where": {"column": "replicas", "is": state},
                "x": "@time_s",
                "y": "@count",
                "line": {"color": colour, "width": 2, "shape": "hv"},
                **hover(table, ("replicas", "time_s", "count")),
            }
            for state, colour in zip(dict.fromkeys(map(str, table["replicas"])), COLOURS, strict=False)
        ],
        layout={
            "xaxis": axis("time (s)"),
            "yaxis": axis("replicas", rangemode="tozero"),
            "height": 360,
        },
    )


def load_curve(name: str, table: Table, capacity: Mapping[str, Any]) -> Figure:
    """The picture of `facts.services.times_by_rate`, with a line at the rate that was found."""
    rate, times = capacity["rate"]["value"], table.numbers("value_s")
    kept = ", ".join(f"{one['metric']} {one['statistic']} {show(one['most_s'], 's')}" for one in capacity["limits"])
    return Figure(
        kind="load-curve",
        title=f"Load curve: {name}",
        alt=f"Times by the rate of requests in {len(capacity['curve'])} runs; {kept} are kept up to {rate:.3g} requests per second.",
        table=table,
        data=[
            {
                "type": "scatter",
                "mode": "markers",
                "name": objective,
                "where": {"column": "objective", "is": objective},
                "x": "@rate_per_s",
                "y": "@value_s",
                "marker": {"color": colour, "size": 8},
                **hover(table, ("objective", "rate_per_s", "value_s", "draw", "broken")),
            }
            for objective, colour in zip(dict.fromkeys(map(str, table["objective"])), COLOURS, strict=False)
        ],
        layout={
            "xaxis": axis("requests per second", rangemode="tozero"),
            "yaxis": log_axis("time", "s", min(times) / 1.2, max(times) * 1.2),
            "shapes": [
                {
                    "type": "line",
                    "x0": rate,
                    "x1": rate,
                    "yref": "paper",
                    "y0": 0,
                    "y1": 1,
                    "line": {"dash": "dot", "width": 1.5},
                }
            ],
            "height": 480,
        },
        note=f"Dotted: {rate:.4g} requests per second, the highest rate that keeps {kept}.",
    )


def _said(spread: Mapping[str, Any]) -> str:
    values = {one["name"]: one["value"] for one in spread["estimates"]}
    return f"median {show(values['p50'], 's')}, p99 {show(values['p99'], 's')}"
