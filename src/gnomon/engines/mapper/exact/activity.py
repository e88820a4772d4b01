"""All that happens under a mapping, over all instances and as whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One data space at one memory: words of all instances together, but for the tiles, which are of the first one."""

    is_kept: bool
    words: int = 0  # of the largest tile of an instance
    reads: int = 0
    fills: int = 0  # writes of what comes from outside
    updates: int = 0  # writes of what comes from inside
    asked: int = 0  # words that its children ask for or give back, those that share a read counted once
    first: int = 0  # of them, partial sums that were not there yet; 0 of an input
    first_asked: int = 0  # words that the first instance reads for the first tiles of memories inside; 0 for units
    last_updated: int = 0  # words that their last tiles give back to it; 0 of an input
    last_words: int = 0  # of the last tile of the first instance
    is_filled: bool = False  # the first tile is brought: an input that an outer memory keeps, or an output read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What every memory and the units do."""

    levels: tuple[dict[str, Counts], ...]  # the innermost memory first; by data space
    at_work: tuple[Fraction, ...]  # instances of each memory that have work, on average over the steps
    units_at_work: Fraction
    expansions: tuple[int, ...]  # places that the mapping takes of each memory
    macs: int
    steps: int  # of the units, all of which go on together


def parent_of(kept: list[bool], level: int) -> int | None:
    """The next memory outside of a level that keeps the data space; level -1: the units. None: there is none."""
    return next((outer for outer in range(level + 1, len(kept)) if kept[outer]), None)


def tile_words(problem: Problem, nest: LoopNest) -> tuple[dict[str, int], ...]:
    """Words of the largest tile of each data space that a memory keeps, the innermost memory first."""
    reach = dict.fromkeys(problem.bounds, 1)
    found = []
    for tiling in nest.tilings:
        for loop in tiling.loops:
            reach[loop.dim] *= loop.count
        extents = {dim: min(reach[dim], bound) for dim, bound in problem.bounds.items()}
        found.append({space.name: space.words(extents) for space in problem.spaces if space.name in tiling.kept})
    return tuple(found)


def passes(nest: LoopNest, dim: str, level: int) -> int:
    """Steps along a dimension of all instances of a memory together; level -1: of the units; the outermost: of the first.

    The loops are the digits of an index, the outermost the highest, and no index goes beyond that of all last digits. Children
    inside of the memory count as its first does.
    """
    before, at_top = 0, 1  # ways to write the digits so far, below the last index and along it
    for outer, tiling in reversed(list(enumerate(nest.tilings))):
        in_space = [(loop, True) for loop in tiling.spatial]
        for loop, is_space in reversed([*in_space, *((loop, False) for loop in tiling.temporal)]):
            if loop.dim != dim:
                continue
            if outer > level or not is_space:
                before = before * loop.count + at_top * (loop.last - 1)
            elif loop.last > 1:
                before, at_top = before + at_top, 0
    return before + at_top
