"""Whether intervals hold what they promise on silicon that they were not calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gnomon.report.facts.table import Table, table_of
from gnomon.stats.intervals import leave_group_out

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # nominal shares that the curve is measured at

COVERAGE_UNITS = {
    "group": "",
    "rows": "",
    "coverage": "share",
    "coverage_by_row": "share",
    "half_width": "share",
    "half_width_by_row": "share",
}


def coverage_by_group(document: Mapping[str, Any]) -> Table | None:
    """Share of the rows of each silicon inside the intervals calibrated on the others, in both weightings."""
    intervals = document.get("intervals", {})
    alike, by_row = intervals.get("silicon_weighs_alike", ()), intervals.get("rows_weigh_alike", ())
    rows = [
        {
            "group": one["group"],
            "rows": one["rows"],
            "coverage": one["coverage"],
            "coverage_by_row": other["coverage"],
            "half_width": one["median_half_width"],
            "half_width_by_row": other["median_half_width"],
        }
        for one, other in zip(alike, by_row, strict=True)
    ]
    return table_of(rows, COVERAGE_UNITS) if rows else None


def nominal_and_measured(document: Mapping[str, Any]) -> Table | None:
    """For each nominal level, the coverage on silicon left out: over the rows, and the lowest and highest silicon.

    From the clean rows that the document carries, with the bands of `leave_group_out`. None with fewer than two kinds
    of silicon.
    """
    rows = [r for r in document.get("rows", ()) if r.get("silicon") and not r.get("quality")]
    if len({r["silicon"] for r in rows}) < 2:
        return None
    ratios = np.log([r["measured_s"] / r["predicted_s"] for r in rows])
    silicon = np.array([r["silicon"] for r in rows])
    strata = np.array([r.get("stratum") or "" for r in rows])
    found = []
    for level in LEVELS:
        held = leave_group_out(ratios, silicon, strata, level)
        shares = [one.coverage for one in held]
        found.append(
            {
                "nominal": level,
                "measured": sum(one.coverage * one.rows for one in held) / len(rows),
                "mean_of_silicon": sum(shares) / len(shares),
                "lowest_silicon": min(shares),
                "highest_silicon": max(shares),
                "rows": len(rows),
            }
        )
    return table_of(found, {name: "" if name == "rows" else "share" for name in found[0]})
