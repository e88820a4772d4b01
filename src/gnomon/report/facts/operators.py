"""Operators of a pass as points under the device's roofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.report.facts.table import Table, table_of

UNITS = {
    "name": "",
    "family": "",
    "dtype": "",
    "phase": "",
    "repeat": "",
    "flop": "flop",
    "moved_bytes": "B",
    "intensity": "flop/B",
    "reached": "flop/s",
    "time_s": "s",
    "total_s": "s",
    "share": "share",
    "bound": "",
}


def operators(quantity: Mapping[str, Any]) -> Table | None:
    """A row per operator: work, traffic and time of one copy, and the time of all copies with its share of the pass.

    `intensity` is flop over moved bytes, `reached` flop over seconds; None where work, traffic or time is zero.
    Without the column `bound` where the engine does not say what binds. None without the field `operators`, which `gnomon predict --operators` writes.
    """
    written = quantity.get("operators")
    if not written:
        return None
    table = table_of([operator(row, quantity["value"]) for row in written], UNITS)
    return table if any(table["bound"]) else table.without("bound")


def operator(row: Mapping[str, Any], whole_s: float) -> dict[str, Any]:
    """One operator with what follows from its numbers; `whole_s` is the time of the pass."""
    total_s = row["time_s"] * row["repeat"]
    has_place = row["flop"] > 0 and row["moved_bytes"] > 0 and row["time_s"] > 0
    return {
        **row,
        "intensity": row["flop"] / row["moved_bytes"] if has_place else None,
        "reached": row["flop"] / row["time_s"] if has_place else None,
        "total_s": total_s,
        "share": total_s / whole_s if whole_s else 0.0,
    }


def roof_line(
    bandwidth_bytes_per_s: float, peak_flop_per_s: float, low: float, high: float
) -> list[tuple[float, float]]:
    """Corners (flop/B, flop/s) of min(peak, intensity x bandwidth) from `low` to `high` flop/B. [Williams et al. 2009]"""
    ridge = peak_flop_per_s / bandwidth_bytes_per_s
    corners = (low, ridge, high) if low < ridge < high else (low, high)
    return [(x, min(peak_flop_per_s, x * bandwidth_bytes_per_s)) for x in corners]


def largest(table: Table, most: int) -> Table:
    """The operators that take the most time, `most` of them, in the order of the pass; all where they are fewer."""
    totals = [float(total or 0) for total in table["total_s"]]
    rows = sorted(range(len(table)), key=lambda row: -totals[row])[:most]
    return table.take(sorted(rows))
