"""The trials of a sweep, and which of them nothing else beats in every objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.report.facts.table import Column, Table

_UNIT_BY_ENDING = {"_s": "s", "_bytes": "B", "_flop": "flop", "_per_s": "1/s", "_percent": "%"}


def unit_of(column: str) -> str:
    """The unit that the name of a column ends in."""
    return next((unit for end, unit in sorted(_UNIT_BY_ENDING.items(), key=lambda e: -len(e[0])) if column.endswith(end)), "")


def objectives(sweep: Mapping[str, Any], rows: Mapping[str, Any]) -> list[str]:
    """The columns that the sweep makes small or large, in its order; written as names, or as objects with a name."""
    named = [one if isinstance(one, str) else one.get("column", one.get("name", "")) for one in sweep["objectives"]]
    return [name for name in named if name in rows]


def trials(sweep: Mapping[str, Any], rows: Mapping[str, list[Any]]) -> Table:
    """Every row of the sweep with `is_best`: whether it is on the Pareto front that the sweep names by index."""
    count = len(next(iter(rows.values()), []))
    front = set(sweep["pareto"])
    best = Column(name="is_best", values=tuple(index in front for index in range(count)))
    columns = (Column(name=name, unit=unit_of(name), values=tuple(values)) for name, values in rows.items())
    return Table(columns=(*columns, best))
