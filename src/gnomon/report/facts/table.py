"""Columns with units: what a figure draws, a reader downloads and a test compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gnomon.core.columns import column_label

Cell = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its cells, and the unit that all of them are in."""

    name: str
    values: tuple[Cell, ...]
    unit: str = ""  # s, B, flop, flop/s, flop/B, /s, %, share; empty for words and counts
    digits: int | None = None  # shown beside a unit of somebody else's, which takes no prefix; None: the unit is ours
    is_prose: bool = False  # sentences, which are wrapped and never cut

    @property
    def label(self) -> str:
        """The name as a reader says it: without our unit, which stands beside the number."""
        return column_label(self.name) if self.digits is None else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of one length."""

    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    def __getitem__(self, name: str) -> tuple[Cell, ...]:
        return next(column.values for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def numbers(self, name: str) -> list[float]:
        """The cells of a column that are numbers."""
        return [float(value) for value in self[name] if isinstance(value, (int, float))]

    def take(self, rows: Sequence[int]) -> Table:
        """The rows at those places, in that order."""
        return Table(columns=tuple(replace(c, values=tuple(c.values[row] for row in rows)) for c in self.columns))

    def without(self, *names: str) -> Table:
        """All columns but those."""
        return Table(columns=tuple(column for column in self.columns if column.name not in names))


def table_of(rows: Sequence[Mapping[str, Any]], units: Mapping[str, str]) -> Table:
    """The columns named in `units`, in that order; a cell that a row lacks is None."""
    return Table(
        columns=tuple(
            Column(name=name, unit=unit, values=tuple(row.get(name) for row in rows)) for name, unit in units.items()
        )
    )


def evenly(count: int, most: int) -> range:
    """At most `most` of `count` places, one in so many."""
    return range(0, count, max(1, -(-count // most)))
