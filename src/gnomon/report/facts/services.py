"""Services as tables: shares of requests by their times, and times by the rate at which requests come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.report.facts.table import Table, table_of
from gnomon.report.facts.titles import SPREAD_LABELS


def shares_of_requests(service: Mapping[str, Any]) -> Table:
    """What share of the requests has at most a time, for each quantity; times of nothing are left out: the axis is logarithmic."""
    rows = [
        {"time": SPREAD_LABELS[spread["quantity"]], "value_s": value, "share": place / (len(spread["quantiles"]) - 1)}
        for spread in service["spreads"]
        for place, value in enumerate(spread["quantiles"])
        if value > 0
    ]
    return table_of(rows, {"time": "", "value_s": "s", "share": "share"})


def replicas_over_time(scaling: Mapping[str, Any]) -> Table:
    """How many replicas there are in each state, from each change on."""
    rows = [
        {"replicas": state, "time_s": one["time_s"], "count": one[state]}
        for state in ("ready", "starting", "leaving")
        for one in scaling["course"]
    ]
    return table_of(rows, {"replicas": "", "time_s": "s", "count": ""})


def times_by_rate(capacity: Mapping[str, Any]) -> Table:
    """The limited statistics of every run of a search, by rate."""
    rows = [
        {
            "objective": name,
            "rate_per_s": run["rate_per_s"],
            "value_s": value,
            "draw": run["draw"],
            "broken": run["broken"] or "-",
        }
        for run in sorted(capacity["curve"], key=lambda one: one["rate_per_s"])
        for name, value in run["statistics_s"].items()
    ]
    return table_of(rows, {"objective": "", "rate_per_s": "/s", "value_s": "s", "draw": "", "broken": ""})
