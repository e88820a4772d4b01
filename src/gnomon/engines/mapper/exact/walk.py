"""The definition of Gnomon's own counts: a walk of every step and every instance, for mappings of little work.

The loops of a dimension are the digits of its index, the outermost the highest. Where the parts do not divide the dimension its
bound cuts the last tile off, and what would lie behind the bound has no work. All instances go through the loops in time
together; one that has no work waits and keeps what it has.

A visit of a memory is one value of the loops in time outside of its tile. What a visit brings to an instance is its tile
without the tile that the instance had before, whichever way it moved. Children of one instance share a read where, along every
rank, their tiles are the same and so is what each of them has of it already. What is brought of an output is given back once,
together with what shared its read; `moved` gives the same sums in closed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod

from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.boxes import Box, Point, image
from gnomon.engines.mapper.exact.activity import Activity, Counts, parent_of, tile_words

Place = dict[str, int]  # dimension -> index
_Who = tuple[tuple[int, ...], tuple[int, ...]]  # the parent, and the child where it shares with no other
_Common = tuple[tuple[int, int] | None, ...]  # from and to along each rank; None: nothing


@dataclass(frozen=True, slots=True)
class _Stepped:
    """A loop with the memory that it belongs to and how far one iteration goes."""

    level: int
    loop: Loop
    stride: int


@dataclass(frozen=True, slots=True)
class _Instance:
    """One place among the children of the children of the outermost memory."""

    digits: tuple[int, ...]  # of the loops over children, the outermost first
    offset: Place


@dataclass(slots=True)
class _Tally:
    """What the children of one kind ask of their parents, and what it brings them."""

    asked: int = 0
    brought: int = 0
    seen: set[tuple[object, Point]] = field(default_factory=set)  # parent and word of an output
    child_seen: set[tuple[object, Point]] = field(default_factory=set)
    first_asked: int = 0
    last_updated: int = 0
    last_words: int = 0


def walked(problem: Problem, nest: LoopNest) -> Activity:
    """Every count of a mapping, one step after the other."""
    return _Walk(problem, nest).activity()


class _Walk:
    """The loops of one mapping."""

    def __init__(self, problem: Problem, nest: LoopNest) -> None:
        self.problem = problem
        self.nest = nest
        self.tiles = tile_words(problem, nest)
        self.in_time: list[_Stepped] = []  # the outermost first
        self.in_space: list[_Stepped] = []
        reach = dict.fromkeys(problem.bounds, 1)
        self.reach = {-1: dict(reach)}  # memory -> extents of its tile
        for level, tiling in enumerate(nest.tilings):
            for found, loops in ((self.in_space, tiling.spatial), (self.in_time, tiling.temporal)):
                for loop in loops:
                    found.insert(0, _Stepped(level, loop, reach[loop.dim]))
                    reach[loop.dim] *= loop.count
            self.reach[level] = dict(reach)

    def activity(self) -> Activity:
        levels = range(len(self.nest.tilings))
        spaces = {space.name: self._space(space) for space in self.problem.spaces}
        instances = {level: list(self._instances(level)) for level in (-1, *levels)}
        steps = 0
        with_work = dict.fromkeys(instances, 0)
        for place in self._visits(-1):
            steps += 1
            for level, found in instances.items():
                with_work[level] += sum(self._has_work(place, instance) for instance in found)
        return Activity(
            levels=tuple({name: found[level] for name, found in spaces.items()} for level in levels),
            at_work=tuple(Fraction(with_work[level], steps) for level in levels),
            units_at_work=Fraction(with_work[-1], steps),
            expansions=tuple(len(instances[level]) for level in levels),
            macs=with_work[-1],
            steps=steps,
        )

    # -- where the loops lead ------------------------------------------------------------------------------------------

    def _visits(self, level: int) -> Iterator[Place]:
        """Where the first instance of a memory finds its tile, one after the other; level -1: the first unit."""
        loops = [one for one in self.in_time if one.level > level]
        for digits in product(*(range(one.loop.count) for one in loops)):
            place = self._place(loops, digits)
            if self._is_there(place):
                yield place

    def _instances(self, level: int) -> Iterator[_Instance]:
        loops = [one for one in self.in_space if one.level > level]
        for digits in product(*(range(one.loop.count) for one in loops)):
            yield _Instance(digits, self._place(loops, digits))

    def _place(self, loops: list[_Stepped], digits: tuple[int, ...]) -> Place:
        place = dict.fromkeys(self.problem.bounds, 0)
        for one, digit in zip(loops, digits, strict=True):
            place[one.loop.dim] += digit * one.stride
        return place

    def _is_there(self, place: Place) -> bool:
        return all(place[dim] < bound for dim, bound in self.problem.bounds.items())

    def _has_work(self, place: Place, instance: _Instance) -> bool:
        return self._is_there(_sum(place, instance.offset))

    # -- one data space ------------------------------------------------------------------------------------------------

    def _space(self, space: DataSpace) -> list[Counts]:
        tilings = self.nest.tilings
        kept = [space.name in tiling.kept for tiling in tilings]
        tallies: dict[int, _Tally] = {}  # by the parent
        outside: dict[int, _Tally] = {}  # by the child
        for child in (-1, *(level for level, keeps in enumerate(kept) if keeps)):
            parent = parent_of(kept, child)
            if parent is not None:
                tallies[parent] = outside[child] = self._asked(space, child, parent)
        found = []
        for level, tiling in enumerate(tilings):
            if not kept[level]:
                found.append(Counts(is_kept=False))
                continue
            inside, above = tallies[level], outside.get(level, _Tally())
            is_skipped = space.is_output and space.name not in tiling.reads_first_update
            found.append(
                Counts(
                    is_kept=True,
                    words=self.tiles[level][space.name],
                    reads=inside.asked - len(inside.seen) * is_skipped,
                    fills=above.brought - len(above.child_seen) * is_skipped,
                    updates=inside.asked if space.is_output else 0,
                    asked=inside.asked,
                    first=len(inside.seen),
                    first_asked=inside.first_asked,
                    last_updated=inside.last_updated,
                    last_words=above.last_words,
                    is_filled=level in outside and not is_skipped,
                )
            )
        return found

    def _asked(self, space: DataSpace, child: int, parent: int) -> _Tally:
        """All that goes between the children of one kind and their parents."""
        tally = _Tally()
        reuses = child >= 0 and space.name not in self.nest.tilings[child].no_temporal_reuse
        instances = list(self._instances(child))
        parents = sum(one.level > parent for one in self.in_space)  # digits that say which parent
        alone = [
            at
            for at, one in enumerate(one for one in self.in_space if one.level > child)
            if parent >= one.level and space.name in self.nest.tilings[one.level].no_multicast
        ]
        held: dict[tuple[int, ...], Box] = {}
        visits = list(self._visits(child))
        for at, place in enumerate(visits):
            groups: dict[tuple[_Who, Box, _Common], int] = {}
            last: dict[tuple[_Who, Box], int] = {}
            for instance in instances:
                if not self._has_work(place, instance):
                    continue
                box = self._box(space, child, _sum(place, instance.offset))
                digits = instance.digits
                common = _common(box, held.get(digits) if reuses else None)
                held[digits] = box
                words = box.words - _words(common)
                who = digits[:parents], tuple(digits[one] for one in alone)
                groups[who, box, common] = words
                last[who, box] = box.words
                tally.brought += words
                if space.is_output:
                    tally.seen |= {(digits[:parents], word) for word in _points(box)}
                    tally.child_seen |= {(digits, word) for word in _points(box)}
                    if at == len(visits) - 1 and not any(digits):
                        tally.last_words = box.words
            tally.asked += sum(groups.values())
            if at == 0 and child >= 0:
                tally.first_asked = sum(words for (who, _, _), words in groups.items() if not any(who[0]))
            if at == len(visits) - 1 and child >= 0 and space.is_output:
                tally.last_updated = sum(words for (who, _), words in last.items() if not any(who[0]))
        return tally

    def _box(self, space: DataSpace, level: int, low: Place) -> Box:
        bounds = self.problem.bounds
        high = {dim: min(start + self.reach[level][dim], bounds[dim]) - 1 for dim, start in low.items()}
        return image(space, low, high)


def _sum(one: Place, other: Mapping[str, int]) -> Place:
    return {dim: start + other[dim] for dim, start in one.items()}


def _common(box: Box, before: Box | None) -> _Common:
    """What two boxes share."""
    if before is None:
        return (None,) * len(box.low)
    lows, highs = map(max, box.low, before.low), map(min, box.high, before.high)
    return tuple((low, high) if low <= high else None for low, high in zip(lows, highs, strict=True))


def _words(common: _Common) -> int:
    return prod(ends[1] - ends[0] + 1 if ends else 0 for ends in common)


def _points(box: Box) -> Iterator[Point]:
    yield from product(*(range(low, high + 1) for low, high in zip(box.low, box.high, strict=True)))
