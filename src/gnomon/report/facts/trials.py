"""The trials of a sweep, and which of them nothing else beats in every objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.core.columns import column_unit
from gnomon.report.facts.table import Column, Table, evenly


def trials(sweep: Mapping[str, Any], rows: Mapping[str, Sequence[Any]]) -> Table:
    """Every row of the sweep: what varies, the objectives, `is_best`, then the rest.

    `is_best`: whether the row is in the Pareto set that the sweep names by index. A column that no row fills is left
    out, and an objective that no row has is unknown in each.
    """
    best, indices = set(sweep["pareto"]), rows["index"]
    first = ("index", *varied(sweep), *objectives(sweep))
    unknown = (None,) * len(indices)
    filled = [name for name, cells in rows.items() if name not in first and any(cell is not None for cell in cells)]
    cells = {
        **{name: rows.get(name, unknown) for name in first},
        "is_best": [index in best for index in indices],
        **{name: rows[name] for name in filled},
    }
    return Table(
        columns=tuple(Column(name=n, unit=column_unit(n), values=tuple(values)) for n, values in cells.items())
    )


def varied(sweep: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that take many values."""
    return tuple(axis["field"] for axis in sweep["vary"])


def objectives(sweep: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that the sweep makes small or large."""
    return tuple(objective["name"] for objective in sweep["objectives"])


def fewer(trials: Table, most: int) -> Table:
    """The Pareto set and evenly spaced others: `most` rows, or the set where that alone is longer."""
    best = [row for row, is_best in enumerate(trials["is_best"]) if is_best]
    others = [row for row, is_best in enumerate(trials["is_best"]) if not is_best]
    room = most - len(best)
    kept = [others[place] for place in evenly(len(others), room)] if room > 0 else []
    return trials.take(sorted(best + kept))
