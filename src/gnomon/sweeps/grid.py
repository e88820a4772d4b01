"""A grid: every combination of the axes' values, counted without being written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from pydantic import JsonValue

from gnomon.formats.sweep_file import Axis

Point = Mapping[str, JsonValue]  # field -> value


def size(axes: Sequence[Axis]) -> int:
    """Number of points."""
    return prod(len(axis.values) for axis in axes)


def point(axes: Sequence[Axis], index: int) -> dict[str, JsonValue]:
    """The point of an index from 0: digits of a number with a base for each axis, the last axis fastest."""
    found: dict[str, JsonValue] = {}
    for axis in reversed(axes):
        index, digit = divmod(index, len(axis.values))
        found[axis.field] = axis.values[digit]
    return {axis.field: found[axis.field] for axis in axes}
