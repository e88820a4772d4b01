"""Facts as they are read, one by one or as short tables: all in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and what stands beside it."""

    name: str
    text: str
    mark: str = ""  # one of a few words, which is marked as such


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A table of a few lines, written out in the page."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()  # columns that are set to the right
    prose: frozenset[str] = frozenset()  # columns of sentences, which are wrapped
    marked: str = ""  # the column whose word is one of a few, and is marked as such
    note: str = ""  # below it


def listing(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[str] = (),
    prose: Iterable[str] = (),
    marked: str = "",
    note: str = "",
) -> Listing:
    """A listing without the columns that have nothing in any line."""
    lines = [tuple(row) for row in rows]
    kept = [place for place in range(len(columns)) if not lines or any(line[place] for line in lines)]
    return Listing(
        title=title,
        columns=tuple(columns[place] for place in kept),
        rows=tuple(tuple(line[place] for place in kept) for line in lines),
        numbers=frozenset(numbers),
        prose=frozenset(prose),
        marked=marked,
        note=note,
    )


def number(value: float | None, unit: str = "") -> str:
    """A number in the unit that its source gives it, six digits of it: no prefix is put before a unit of somebody else's."""
    if value is None:
        return "-"
    return f"{value:.6g} {unit}".rstrip()
