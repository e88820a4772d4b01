"""The trials of a sweep, and which of them nothing else beats in every objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.facts.table import Column, Table, evenly

# The ending of a column's name -> its unit; the longest that fits.
UNIT_BY_ENDING = {"_bytes_per_s": "B/s", "_flop_per_s": "flop/s", "_per_s": "/s", "_percent": "%"} | {
    f"_{unit}": name for unit, name in {"s": "s", "bytes": "B", "flop": "flop", "j": "J", "w": "W"}.items()
}


def unit_of(column: str) -> str:
    """The unit that the name of a column ends in; empty for a plain number."""
    return next((unit for ending, unit in UNIT_BY_ENDING.items() if column.endswith(ending)), "")


def trials(sweep: Mapping[str, Any], rows: Mapping[str, Sequence[Any]]) -> Table:
    """Every row of the sweep with `is_best`: whether it is on the Pareto front that the sweep names by index.

    Columns that no row fills are left out, unless the sweep is about them.
    """
    front, kept = set(sweep["pareto"]), {"index", *(objective["name"] for objective in sweep["objectives"])}
    best = Column(name="is_best", values=tuple(index in front for index in rows["index"]))
    columns = tuple(
        Column(name=name, unit=unit_of(name), values=tuple(values))
        for name, values in rows.items()
        if name in kept or any(value is not None for value in values)
    )
    return Table(columns=(*columns, best))


def fewer(trials: Table, most: int) -> Table:
    """The front and evenly spaced others: `most` rows, or the front where that alone is longer."""
    best = [row for row, is_best in enumerate(trials["is_best"]) if is_best]
    others = [row for row, is_best in enumerate(trials["is_best"]) if not is_best]
    room = most - len(best)
    kept = [others[place] for place in evenly(len(others), room)] if room > 0 else []
    return trials.take(sorted(best + kept))
