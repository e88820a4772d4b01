"""Whether intervals hold what they promise on silicon that they were not calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.report.facts.table import Table, table_of
from gnomon.stats.intervals import FEWEST_GROUPS

GROUP_UNITS = {
    "group": "",
    "rows": "",
    "coverage": "share",
    "coverage_by_row": "share",
    "half_width": "share",
    "half_width_by_row": "share",
}
LEVEL_UNITS = dict.fromkeys(("level", "rows", "mean", "lowest", "highest"), "share")


def coverage_by_group(document: Mapping[str, Any]) -> Table | None:
    """Share of the rows of each silicon inside the intervals calibrated on the others, in both weightings.

    None where the kinds of silicon are too few to leave one out.
    """
    alike, by_row = document["intervals"]["silicon_weighs_alike"], document["intervals"]["rows_weigh_alike"]
    if len(alike) <= FEWEST_GROUPS:
        return None
    rows = [
        {
            "group": one["group"],
            "rows": one["rows"],
            "coverage": one["coverage"],
            "coverage_by_row": other["coverage"],
            "half_width": one["median_half_width"],
            "half_width_by_row": other["median_half_width"],
        }
        for one, other in zip(alike, by_row, strict=False)
    ]
    return table_of(rows, GROUP_UNITS)


def coverage_by_level(document: Mapping[str, Any]) -> Table | None:
    """For each nominal level, the coverage on silicon left out: over the rows, and over the kinds of silicon.

    None where the document does not state it, or the kinds of silicon are too few.
    """
    levels = document["intervals"].get("levels")
    is_enough = len(document["intervals"]["silicon_weighs_alike"]) > FEWEST_GROUPS
    return table_of(levels, LEVEL_UNITS) if levels and is_enough else None
