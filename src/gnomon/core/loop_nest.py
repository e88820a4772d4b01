"""A mapping: which loops run at which memory, in which order, and what each memory keeps.

The terms are those of Timeloop. [Parashar et al., Timeloop, ISPASS 2019, section IV]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A part of a dimension: `count` iterations, `last` of them in its last pass of all, where the parts do not divide it."""

    dim: str
    count: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """The loops at one memory. Loops of one iteration are left out; the others stand innermost first."""

    temporal: tuple[Loop, ...] = ()
    spatial_x: tuple[Loop, ...] = ()  # over its children, inside of the temporal loops
    spatial_y: tuple[Loop, ...] = ()
    kept: frozenset[str]  # data spaces; of the others the memory sees nothing
    no_temporal_reuse: frozenset[str] = frozenset()  # each tile comes whole, whatever was there
    no_multicast: frozenset[str] = frozenset()
    no_link_transfer: frozenset[str] = frozenset()
    reads_first_update: frozenset[str] = frozenset()  # outputs whose first partial sum is read too

    @property
    def spatial(self) -> tuple[Loop, ...]:
        """The loops over its children along both axes, the innermost first."""
        return (*self.spatial_x, *self.spatial_y)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """All of them, the innermost first."""
        return (*self.spatial, *self.temporal)

    @property
    def children(self) -> int:
        """How many of an instance the mapping takes, where none is beyond the end of a dimension."""
        return prod(loop.count for loop in self.spatial)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopNest:
    """One tiling for each memory, the innermost first."""

    tilings: tuple[Tiling, ...]
