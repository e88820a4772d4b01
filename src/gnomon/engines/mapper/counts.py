"""From what moves to what each memory does: reads, fills and updates of each data space, per instance.

[Timeloop's tiling and buffer model, as `NVlabs/timeloop` at 4cf6d4c applies it]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, prod

from gnomon.core.accelerator import Accelerator, Memory
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.conventions import Switches
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
    problem: Problem, accelerator: Accelerator, nest: LoopNest, movement: Movement, switches: Switches
) -> Activity:
    """What every memory does. Unsupported where that comes out below zero."""
    names = [space.name for space in problem.spaces]
    of_space = {space.name: _space(space, accelerator, nest, movement, switches) for space in problem.spaces}
    places = [prod(tiling.children for tiling in nest.tilings[level:]) for level in range(len(nest.tilings) + 1)]
    units = floor(movement.active[0] * movement.fanout[0])  # rounded after the product, not before
    macs = int(movement.unit_macs * units)
    passes = [loop for tiling in nest.tilings for loop in tiling.temporal]
    is_even = all(loop.count == loop.last for tiling in nest.tilings for loop in tiling.loops)
    return Activity(
        levels=tuple({name: of_space[name][level] for name in names} for level in range(len(nest.tilings))),
        fanout=movement.fanout,
        instances=tuple(floor(active) for active in movement.active),
        expansions=tuple(places[1:]),
        units=units,
        macs=macs,
        cycles=ceil(macs / movement.active_units) if is_even else prod(loop.count for loop in passes),
    )


@dataclass(slots=True)
class _Asked:
    """What a memory's children ask of it, which changes where memories between them keep nothing."""

    shared: dict[tuple[int, int], Shared]
    accesses: float
    link_words: float


def _space(
    space: DataSpace, accelerator: Accelerator, nest: LoopNest, movement: Movement, switches: Switches
) -> list[Counts]:
    """One data space through all memories, the innermost first."""
    traffic = [of_level[space.name] for of_level in movement.traffic]
    kept = [space.name in tiling.kept for tiling in nest.tilings]
    outermost = max(level for level, keeps in enumerate(kept) if keeps)
    partition = _partitions([one.words for one in traffic], [one.child_words for one in traffic])
    asked = [_Asked(dict(one.shared), one.accesses, one.link_words) for one in traffic]
    arrived = [arrivals(asked[level].shared, movement.fanout[level]) for level in range(1, len(asked))]
    arrived[outermost:] = [0.0] * (len(asked) - outermost)  # before anything is bypassed: it stays so
    _bypass(asked, kept, movement.fanout)
    for one in asked[outermost + 1 :]:
        one.shared, one.link_words = {}, 0.0
    found = []
    for level, one in enumerate(asked):
        through = tuple(one.shared.items())
        if not kept[level]:
            found.append(Counts(is_kept=False, shared=through, link_words=one.link_words))
            continue
        outer_links = asked[level + 1].link_words if level < outermost else 0.0
        peers = outer_links / floor(movement.active[level]) if outer_links else 0.0
        if not space.is_output:
            reads, fills, updates = _rounded(one.accesses + peers), int(arrived[level] + peers), 0
        elif switches.updated_rmw:
            first = partition[level] if switches.first_read_elision else 0
            added = _rounded(one.accesses - arrived[level])
            again = arrived[level] - first if sum(kept[level + 1 :]) == 1 else 0.0  # inside of the outermost alone
            lent = peers - partition[level] if peers else 0.0
            reads = int(int(added + again) + lent)
            fills, updates = int(again), int(_rounded(one.accesses) + peers)
            _check(accelerator.memories[level], space, {"partial sums": added, "reads from neighbours": int(lent)})
        else:
            is_skipped = switches.first_read_elision and space.name not in nest.tilings[level].reads_first_update
            first = partition[level] if is_skipped else 0
            reads, updates = _rounded(one.accesses + peers - first), _rounded(one.accesses)
            fills = _rounded(arrived[level] + peers - (0 if level == outermost else first))
        _check(accelerator.memories[level], space, {"reads": reads, "fills": fills})
        found.append(
            Counts(
                is_kept=True,
                words=traffic[level].words,
                partition=partition[level],
                reads=reads,
                fills=fills,
                updates=updates,
                shared=through,
                link_words=one.link_words,
            )
        )
    return found


def _check(memory: Memory, space: DataSpace, counts: Mapping[str, int]) -> None:
    """Unsupported where one is below zero: Timeloop aborts there, or its unsigned numbers begin again at the top."""
    for what, count in counts.items():
        if count < 0:
            raise Unsupported(
                f"{memory.name}: {count:,} {what} of {space.name} by Timeloop's conventions, which do not hold for this "
                "mapping; count it by Gnomon's own (--conventions gnomon)"
            )


def arrivals(shared: Mapping[tuple[int, int], Shared], fanout: int) -> float:
    """Words that come to one child of a memory by its reads, as `Traffic` has them."""
    return sum(one.accesses * children for (children, _), one in shared.items()) / fanout


def _bypass(asked: list[_Asked], kept: list[bool], fanout: tuple[int, ...]) -> None:
    """What is asked of a memory that keeps nothing is asked of the next outside, in the proportions of that one's reads.

    The hops of those reads stay what they were.
    """
    for level, keeps in enumerate(kept):
        if keeps:
            continue
        if level + 1 < len(asked):
            outer = asked[level + 1]
            came = arrivals(outer.shared, fanout[level + 1])
            share = asked[level].accesses / came if came else 0.0
            outer.shared = {key: Shared(one.accesses * share, one.hops) for key, one in outer.shared.items()}
            outer.accesses, outer.link_words = sum(one.accesses for one in outer.shared.values()), 0.0
        asked[level].accesses = 0.0


def _partitions(words: list[int], child_words: list[int]) -> list[int]:
    """Different words that an instance of each memory deals with in all, from outside in."""
    found = [words[-1]]
    for level in range(len(words) - 2, -1, -1):
        found.insert(0, found[0] * words[level] // (child_words[level + 1] or words[level]))
    return found


def _rounded(value: float) -> int:
    """To the nearest, a half upwards; counts are not negative."""
    return floor(value + 0.5)
