"""What moves between the memories of an accelerator under a mapping, as Timeloop counts it.

The nest is walked from its outermost loop inwards. Of a temporal loop two iterations are walked, the first and the second, and
the second stands for all others; the state that it leaves is what the next pass meets. Where the parts of a dimension do not
divide it, the last iterations of the last pass of all are walked too. What a tile brings anew against the tile before it is a
*delta*; children of one parent whose deltas are equal share one read of it. [Parashar et al., Timeloop, ISPASS 2019, section
VI; the rules as `NVlabs/timeloop` at 4cf6d4c applies them]

This is the definition: it costs a walk for each pair of iterations of every loop. `fast` gives the same in far less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.boxes import Box, Delta, Point, image, new_in, projected, translation
from gnomon.engines.mapper.conventions import Switches

Axis = Literal["time", "x", "y"]


@dataclass(slots=True)
class Shared:
    """Reads of a parent that so many children share."""

    accesses: float = 0.0
    hops: float = 0.0  # of each read, times the reads


@dataclass(slots=True)
class Cause:
    """Why words were asked for: the iterations of one loop."""

    visits: int = 0
    words: int = 0  # read from the parent in all


@dataclass(slots=True)
class Traffic:
    """What one memory is asked for by its children, of one data space, per instance."""

    words: int = 0  # of the largest tile
    child_words: int = 0  # of the largest tile of all children together; 0: the children are no array
    shared: dict[tuple[int, int], Shared] = field(default_factory=dict)  # (children of a read, such groups) -> reads
    link_words: float = 0.0  # that children had from their neighbours in place of it
    causes: dict[int | None, Cause] = field(default_factory=dict)  # loop that went on -> its part; None: the first tile

    @property
    def accesses(self) -> float:
        return sum(one.accesses for one in self.shared.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """All of it, and what the units do."""

    traffic: tuple[Mapping[str, Traffic], ...]  # of each memory, the innermost first; by data space
    fanout: tuple[int, ...]  # mapped children of an instance of each memory
    active: tuple[float, ...]  # instances at work of each memory, averaged over time
    active_units: float
    unit_macs: float  # of a unit at work
    loops: tuple[tuple[int, Loop], ...]  # memory and loop that a cause names, the innermost first


@dataclass(slots=True)
class _Node:
    """One loop, with all that stays as it is during the walk."""

    loop: Loop
    axis: Axis
    level: int  # of the memory
    stride: int  # of its dimension
    is_boundary: bool  # the outermost of its memory
    is_array: bool  # the outermost of the loops over the children
    reach: dict[str, int]  # dimension -> last index of its own box
    last_reach: dict[str, int]  # the same in the last pass of all


@dataclass(slots=True)
class _Seen:
    """What a memory remembers of one data space."""

    box: Box | None = None
    step: Point | None = None  # by which it moved, when it last did


def moved(problem: Problem, accelerator: Accelerator, nest: LoopNest, switches: Switches) -> Movement:
    """Walk the nest."""
    return _Walk(problem, accelerator, nest, switches).walk()


def _flat(problem: Problem, nest: LoopNest) -> list[_Node]:
    """All loops, the innermost first, at least one in time for each memory."""
    found: list[_Node] = []
    reach, last_reach = dict.fromkeys(problem.bounds, 1), dict.fromkeys(problem.bounds, 1)
    trivial = Loop(dim=next(iter(problem.bounds)), count=1, last=1)

    def add(loop: Loop, axis: Axis, level: int) -> None:
        stride = reach[loop.dim]
        last_reach[loop.dim] += stride * (loop.last - 1)
        reach[loop.dim] *= loop.count
        node = _Node(
            loop=loop,
            axis=axis,
            level=level,
            stride=stride,
            is_boundary=False,
            is_array=False,
            reach={dim: end - 1 for dim, end in reach.items()},
            last_reach={dim: end - 1 for dim, end in last_reach.items()},
        )
        found.append(node)

    for level, tiling in enumerate(nest.tilings):
        for loop in tiling.spatial_x:
            add(loop, "x", level)
        for loop in tiling.spatial_y:
            add(loop, "y", level)
        if tiling.spatial_x or tiling.spatial_y:
            found[-1].is_array = True
        for loop in tiling.temporal or (trivial,):
            add(loop, "time", level)
        found[-1].is_boundary = True
    return found


class _Walk:
    """The state of one walk."""

    def __init__(self, problem: Problem, accelerator: Accelerator, nest: LoopNest, switches: Switches) -> None:
        self.spaces = problem.spaces
        self.nest = nest
        self.switches = switches
        self.grids = [accelerator.fanout(level) for level in range(len(nest.tilings))]
        self.nodes = _flat(problem, nest)
        self.index = [0] * len(self.nodes)
        self.origin = dict.fromkeys(problem.bounds, 0)
        self.repeats = 1  # how many passes the one that is walked stands for
        self.mover: int | None = None  # the loop that went on last
        self.seen = [{space.name: _Seen() for space in self.spaces} for _ in nest.tilings]
        self.given: list[dict[str, tuple[Delta | None, dict[int, Point]]]] = [{} for _ in nest.tilings]
        self.traffic = [{space.name: Traffic() for space in self.spaces} for _ in nest.tilings]
        self.macs: dict[int, int] = defaultdict(int)  # unit -> what it did
        self.imperfect: dict[str, int] = {}  # dimension -> innermost loop whose last pass is another
        for at in reversed(range(len(self.nodes))):
            loop = self.nodes[at].loop
            if loop.count != loop.last:
                self.imperfect[loop.dim] = at

    def walk(self) -> Movement:
        self._visit(len(self.nodes) - 1)
        active = self._active()
        return Movement(
            traffic=tuple(self.traffic),
            fanout=tuple(tiling.children for tiling in self.nest.tilings),
            active=tuple(active[1:]),
            active_units=active[0],
            unit_macs=sum(self.macs.values()) / len(self.macs),
            loops=tuple((node.level, node.loop) for node in self.nodes),
        )

    # -- one visit of a loop -------------------------------------------------------------------------------------------

    def _visit(self, at: int) -> dict[str, Delta | None]:
        """Walk a loop and all in it; what its box brings anew, where it is the outermost of a memory."""
        node = self.nodes[at]
        if node.axis == "time":
            self._in_time(at)
        else:
            self._in_space(at)
        if not (node.is_boundary or node.is_array):
            return {}
        low, high = self._box(at)
        deltas: dict[str, Delta | None] = {}
        for space in self.spaces:
            box = image(space, low, high)
            traffic = self.traffic[node.level][space.name]
            if node.is_array:
                traffic.child_words = max(traffic.child_words, box.words)
                continue
            traffic.words = max(traffic.words, box.words)
            reuse = space.name not in self.nest.tilings[node.level].no_temporal_reuse
            deltas[space.name] = _anew(self.seen[node.level][space.name], box) if reuse else Delta(box, None)
        return deltas

    def _in_time(self, at: int) -> None:
        node = self.nodes[at]
        dim, level = node.loop.dim, node.level
        is_last_pass = self._is_last(at + 1, dim)
        count = node.loop.last if is_last_pass else node.loop.count
        if at == 0:
            self.macs[0] += count * self.repeats
            for space in self.spaces:
                self._add(level, space.name, (1, 1), count * self.repeats)
                self._blame(level, space.name, at, count * self.repeats, count * self.repeats)
            return
        is_uneven = is_last_pass and self.imperfect.get(dim, at) < at
        origin = self.origin[dim]
        total = dict.fromkeys((space.name for space in self.spaces), 0)
        before = total
        walks_last = is_uneven or self.switches.last_iteration
        steps = (
            _steps(count, walks_last, walks_last and node.loop.count != node.loop.last)
            if self.switches.temporal_extrapolation
            else ((step, 1, False) for step in range(count))
        )
        for step, stands_for, is_repeat in steps:
            self.index[at] = step
            self.origin[dim] = origin + step * node.stride
            repeats, self.repeats = self.repeats, self.repeats * stands_for
            mover = self.mover = at if step else self.mover
            deltas = self._visit(at - 1)
            self.repeats = repeats
            if self.nodes[at - 1].is_boundary:
                words = {name: delta.words if delta else 0 for name, delta in deltas.items()}
                before = before if is_repeat else words
                for name in total:
                    total[name] += before[name] * stands_for
                    self._blame(level, name, mover, stands_for * repeats, before[name] * stands_for * repeats)
        self.origin[dim] = origin
        self.index[at] = 0
        if self.nodes[at - 1].is_boundary:
            for name in total:
                self._add(level, name, (1, 1), total[name] * self.repeats)

    def _in_space(self, at: int) -> None:
        """Children one beside another: the first is walked, and the others need what it does, further on."""
        level = self.nodes[at].level
        inner = next((one for one in range(at, -1, -1) if self.nodes[one].axis == "time"), -1)
        children = dict(self._children(at, 0, {}))
        mover = self.mover
        if inner < 0:
            for child in children:
                self.macs[child] += self.repeats
            here = {dim: self.origin[dim] for dim in self.origin}
            deltas: dict[str, Delta | None] = {
                space.name: Delta(image(space, here, here), None) for space in self.spaces
            }
        else:
            deltas = self._visit(inner)
        for space in self.spaces:
            delta = deltas[space.name]
            places = {child: projected(space, by) for child, by in children.items()}
            reads = self._reads(level, space, delta, places)
            if not delta:
                continue
            for children_of_one, (groups, hops) in reads.items():
                accesses = groups * delta.words * self.repeats
                self._add(level, space.name, (children_of_one, groups), accesses, hops / groups)
            words = _groups_in(reads) * delta.words * self.repeats
            self._blame(level, space.name, mover, self.repeats, words)

    def _reads(
        self, level: int, space: DataSpace, delta: Delta | None, places: dict[int, Point]
    ) -> dict[int, tuple[int, float]]:
        """Reads of the parent that serve all children: by neighbours, too, where that leaves fewer of them."""
        tiling = self.nest.tilings[level]
        is_shared = space.name not in tiling.no_multicast
        reads = self._groups(level, places, is_shared) if delta else {}
        if not self.switches.link_transfers or all(one.name in tiling.no_link_transfer for one in self.spaces):
            return reads
        given, self.given[level][space.name] = self.given[level].get(space.name), (delta, places)
        if not (delta and given) or space.name in tiling.no_link_transfer:
            return reads
        lent = _from_neighbours(delta, places, given, self._grid(level), self.switches.toroidal_links)
        left = {child: place for child, place in places.items() if child not in lent}
        fewer = self._groups(level, left, is_shared)
        if _groups_in(fewer) >= _groups_in(reads):
            return reads
        self.traffic[level][space.name].link_words += len(lent) * delta.words * self.repeats
        return fewer

    # -- the pieces ----------------------------------------------------------------------------------------------------

    def _is_last(self, at: int, dim: str) -> bool:
        """Whether every loop of a dimension from here outwards is in its last iteration of all."""
        return all(
            self.index[outer] + 1 >= self.nodes[outer].loop.last
            for outer in range(at, len(self.nodes))
            if self.nodes[outer].loop.dim == dim
        )

    def _box(self, at: int) -> tuple[dict[str, int], dict[str, int]]:
        node = self.nodes[at]
        high = {
            dim: start + (node.last_reach[dim] if self._is_last(at + 1, dim) else node.reach[dim])
            for dim, start in self.origin.items()
        }
        return dict(self.origin), high

    def _children(self, at: int, base: int, by: Mapping[str, int]) -> Iterator[tuple[int, dict[str, int]]]:
        """Number and place of each child, the innermost loop the fastest."""
        node = self.nodes[at]
        dim = node.loop.dim
        count = node.loop.last if self._is_last(at + 1, dim) else node.loop.count
        for step in range(count):
            self.index[at] = step
            there = {**by, dim: by.get(dim, 0) + step * node.stride}
            if at and self.nodes[at - 1].axis != "time":
                yield from self._children(at - 1, base * count + step, there)
            else:
                yield base * count + step, there
        self.index[at] = 0

    def _grid(self, level: int) -> tuple[int, int]:
        """Children along x and y: those that are there, or where a mapping takes more, those."""
        tiling = self.nest.tilings[level]
        x, y = self.grids[level]
        mapped_x, mapped_y = (prod(loop.count for loop in loops) for loops in (tiling.spatial_x, tiling.spatial_y))
        return max(x, mapped_x), max(y, mapped_y)

    def _groups(self, level: int, places: Mapping[int, Point], is_shared: bool) -> dict[int, tuple[int, float]]:
        """Children that one read serves -> how many such reads, and hops of them all."""
        groups: dict[object, list[int]] = defaultdict(list)
        for child, place in places.items():
            groups[place if is_shared else child].append(child)
        found: dict[int, tuple[int, float]] = {}
        for members in groups.values():
            count, hops = found.get(len(members), (0, 0.0))
            found[len(members)] = count + 1, hops + _hops(members, self._grid(level))
        return found

    def _add(self, level: int, name: str, key: tuple[int, int], accesses: float, hops: float = 0.0) -> None:
        shared = self.traffic[level][name].shared.setdefault(key, Shared())
        shared.accesses += accesses
        shared.hops += accesses * hops

    def _blame(self, level: int, name: str, mover: int | None, visits: int, words: int) -> None:
        cause = self.traffic[level][name].causes.setdefault(mover, Cause())
        cause.visits += visits
        cause.words += words

    def _active(self) -> list[float]:
        """Units, then memories from inside out: instances at work, on average over the passes of uneven loops."""
        found: list[float] = []
        product = 1.0
        for at in reversed(range(len(self.nodes))):
            node = self.nodes[at]
            if node.is_boundary:
                found.append(product)
            if node.axis == "time":
                continue
            loop = node.loop
            if loop.count == loop.last:
                product *= loop.count
                continue
            passes = 1.0
            for outer in reversed(self.nodes[at + 1 :]):
                if outer.loop.dim == loop.dim:
                    passes = outer.loop.last + outer.loop.count * (passes - 1)
            product *= (loop.last + loop.count * (passes - 1)) / passes
        return [product, *reversed(found)]


def _steps(count: int, walks_last: bool, walks_two: bool) -> Iterator[tuple[int, int, bool]]:
    """Iterations that are walked: index, how many it stands for, and whether what it brings is taken from the one before.

    Where the last one is walked after a leap its delta against the state left is no delta between neighbours, so that the
    one before it is counted again.
    """
    yield 0, 1, False
    end = 1 + walks_two if walks_last else 0
    if count - 1 - end > 0:
        yield 1, count - 1 - end, False
    if walks_two and count >= 3:
        yield count - 2, 1, count >= 4
    if walks_last and count >= 2:
        yield count - 1, 1, not walks_two and count >= 3


def _anew(seen: _Seen, box: Box) -> Delta | None:
    """What a box brings against the one before it, with the memory of how the last one moved."""
    before, seen.box = seen.box, box
    if before is None:
        return Delta(box, None)
    step = translation(before, box)
    if not any(step):
        return new_in(box, before)
    if seen.step is None:
        seen.step = step
        return new_in(box, before)
    if step == seen.step:
        return new_in(box, before)
    seen.step = None
    return Delta(box, None)


def _from_neighbours(
    delta: Delta,
    places: Mapping[int, Point],
    given: tuple[Delta | None, dict[int, Point]],
    grid: tuple[int, int],
    is_torus: bool,
) -> set[int]:
    """Children whose delta is what a neighbour above, below, left or right of them had in the visit before."""
    before, were = given
    if before is None:
        return set()
    width, height = grid
    had = {child: before.moved(place) for child, place in were.items()}
    found = set()
    for child, place in places.items():
        y, x = divmod(child, width)
        beside = [(x - 1, y), (x + 1, y)] * (width > 1) + [(x, y - 1), (x, y + 1)] * (height > 1)
        if is_torus:
            beside = [(at_x % width, at_y % height) for at_x, at_y in beside]
        wanted = delta.moved(place)
        if any(
            0 <= at_x < width and 0 <= at_y < height and had.get(at_y * width + at_x) == wanted for at_x, at_y in beside
        ):
            found.add(child)
    return found


def _groups_in(reads: Mapping[int, tuple[int, float]]) -> int:
    return sum(groups for groups, _ in reads.values())


def _hops(children: list[int], grid: tuple[int, int]) -> float:
    """Wires of a read that enters at the middle of the left edge: along x once, then up and down to the furthest of a column."""
    width, height = grid
    middle = (height - 1) / 2
    columns: dict[int, tuple[int, int]] = {}
    for child in children:
        y, x = divmod(child, width)
        least, most = columns.get(x, (y, y))
        columns[x] = min(least, y), max(most, y)
    up_and_down = sum(max(middle - least, 0.0) + max(most - middle, 0.0) for least, most in columns.values())
    return max(columns) + up_and_down
