"""From what moves to what each memory does: reads, fills and updates of each data space, per instance.

[Timeloop's tiling and buffer model, as `NVlabs/timeloop` at 4cf6d4c applies it]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.movement import Movement, Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One data space at one memory, per instance."""

    is_kept: bool
    words: int = 0  # that it takes up
    partition: int = 0  # different words that pass through an instance in all
    reads: int = 0
    fills: int = 0  # writes of what comes from outside
    updates: int = 0  # writes of what comes from inside
    shared: tuple[tuple[tuple[int, int], Shared], ...] = ()  # (children of a read, such groups) -> words to them
    link_words: float = 0.0  # between children

    @property
    def accesses(self) -> int:
        return self.reads + self.fills + self.updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """All that happens under a mapping, before it is given a price."""

    levels: tuple[dict[str, Counts], ...]  # the innermost memory first; by data space
    fanout: tuple[int, ...]  # children of an instance that have work
    instances: tuple[int, ...]  # with work, of each memory
    expansions: tuple[int, ...]  # places that the mapping takes of each memory
    units: int  # with work
    macs: int
    cycles: int  # of the units alone


def counted(
    problem: Problem, accelerator: Accelerator, nest: LoopNest, movement: Movement, elision: bool = True
) -> Activity:
    """What every memory does. `elision`: of each output the first partial sum is neither read nor brought in."""
    names = [space.name for space in problem.spaces]
    of_space = {space.name: _space(space, nest, movement, elision) for space in problem.spaces}
    places = [prod(_spatial_counts(nest, level)) for level in range(len(nest.tilings) + 1)]
    is_array = bool(nest.tilings[0].spatial_x or nest.tilings[0].spatial_y)
    units = floor(movement.active[0]) * movement.fanout[0] if is_array else floor(movement.active_units)
    macs = int(movement.unit_macs * units)
    passes = [loop for tiling in nest.tilings for loop in tiling.temporal]
    is_even = all(loop.count == loop.last for tiling in nest.tilings for loop in _all_loops(tiling))
    return Activity(
        levels=tuple({name: of_space[name][level] for name in names} for level in range(len(nest.tilings))),
        fanout=movement.fanout,
        instances=tuple(floor(active) for active in movement.active),
        expansions=tuple(places[1:]),
        units=units,
        macs=macs,
        cycles=ceil(macs / movement.active_units) if is_even else prod(loop.count for loop in passes),
    )


def _all_loops(tiling: Tiling) -> tuple[Loop, ...]:
    return (*tiling.temporal, *tiling.spatial_x, *tiling.spatial_y)


def _spatial_counts(nest: LoopNest, level: int) -> list[int]:
    """Counts of the loops over children of this memory and of all outside of it; level 0: over the units."""
    loops: list[Loop] = []
    for tiling in nest.tilings[level:]:
        loops += [*tiling.spatial_x, *tiling.spatial_y]
    return [loop.count for loop in loops]


def _space(space: DataSpace, nest: LoopNest, movement: Movement, elision: bool) -> list[Counts]:
    """One data space through all memories, the innermost first."""
    levels = range(len(nest.tilings))
    traffic = [movement.traffic[level][space.name] for level in levels]
    kept = [space.name in tiling.kept for tiling in nest.tilings]
    shared = [dict(one.shared) for one in traffic]
    links = [one.link_words for one in traffic]
    asked = [one.accesses for one in traffic]
    partition = _partitions([one.words for one in traffic], [one.child_words for one in traffic])
    arrived = [
        sum(one.accesses * children for (children, _), one in shared[level + 1].items()) / movement.fanout[level + 1]
        if level + 1 < len(levels)
        else 0.0
        for level in levels
    ]
    for level in levels:
        if kept[level]:
            continue
        if level + 1 < len(levels):
            outer = level + 1
            weighted = sum(one.accesses * children for (children, _), one in shared[outer].items())
            share = asked[level] * movement.fanout[outer] / weighted if weighted else 0.0
            shared[outer] = {key: Shared(one.accesses * share, one.hops * share) for key, one in shared[outer].items()}
            links[outer] = 0.0
            asked[outer] = sum(one.accesses for one in shared[outer].values())
        asked[level] = 0.0
    outermost = max(level for level in levels if kept[level])
    for level in levels[outermost + 1 :]:
        shared[level], links[level] = {}, 0.0
    arrived[outermost] = 0.0
    peers = [0.0] * len(levels)
    for level in levels[1:]:
        if links[level]:
            peers[level - 1] = links[level] / floor(movement.active[level - 1])
    found = []
    for level in levels:
        if not kept[level]:
            through = tuple(shared[level].items())
            found.append(Counts(is_kept=False, shared=through, link_words=links[level]))
            continue
        without_first = elision and space.name not in nest.tilings[level].reads_first_update
        first = partition[level] if space.is_output and without_first else 0
        given = asked[level] + peers[level]
        if space.is_output:
            reads = _rounded(given - first)
            fills = _rounded(arrived[level] + peers[level] - (0 if level == outermost else first))
        else:
            reads, fills = _rounded(given), int(arrived[level] + peers[level])
        found.append(
            Counts(
                is_kept=True,
                words=traffic[level].words,
                partition=partition[level],
                reads=reads,
                fills=fills,
                updates=_rounded(asked[level]) if space.is_output else 0,
                shared=tuple(shared[level].items()),
                link_words=links[level],
            )
        )
    return found


def _partitions(words: list[int], child_words: list[int]) -> list[int]:
    """Different words that an instance of each memory deals with in all, from outside in."""
    found = [words[-1]]
    for level in range(len(words) - 2, -1, -1):
        found.insert(0, found[0] * words[level] // (child_words[level + 1] or words[level]))
    return found


def _rounded(value: float) -> int:
    """To the nearest, a half upwards; counts are not negative."""
    return floor(value + 0.5)
