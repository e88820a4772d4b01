"""The ways to lay the dimensions of a problem over the children of all memories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnomon.core.map_space import LevelRules
from gnomon.engines.mapper.search.bounds import Flags, Ints
from gnomon.engines.mapper.search.space import Space, X, Y

_MOST_OF_AXIS = 1_500  # ways along one axis of one memory
_MOST = 60_000  # ways over all memories: a bound of each takes some seconds in all

_Way = tuple[int, ...]  # by dimension: iterations along one axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Spatials:
    """Ways over all memories."""

    ways: Ints  # (way, level, axis, dim)
    is_all: bool  # else those with the fewest children at work are left out


def spatials(space: Space) -> Spatials:
    """All ways that the rules allow, or of too many those that keep most children at work."""
    levels = len(space.accelerator.memories)
    each = [_of_level(space, level) for level in range(levels)]
    is_all = all(complete for _, complete in each)
    ways = np.ones((1, 0, 2, len(space.dims)), np.int64)
    for level in range(levels):
        found = each[level][0]
        if len(ways) * len(found) > 40 * _MOST:
            is_all = False
            found = _busiest(found, max(40 * _MOST // len(ways), 1))
        ways = np.concatenate([np.repeat(ways, len(found), axis=0), np.tile(found, (len(ways), 1, 1))[:, None]], axis=1)
        ways = ways[_can_be(space, ways)]
        if len(ways) > _MOST:
            is_all = False
            ways = _busiest(ways, _MOST)
    working = ways.reshape(len(ways), -1).prod(axis=1)
    return Spatials(ways=ways[working >= space.rules.least_units], is_all=is_all)


def _busiest(ways: Ints, most: int) -> Ints:
    """Those with the most children at work, in their order."""
    working = ways.reshape(len(ways), -1).prod(axis=1)
    return ways[np.sort(np.argsort(-working, kind="stable")[:most])]


def _can_be(space: Space, ways: Ints) -> Flags:
    """Whether loops in time can make up the rest of every dimension; of ragged parts each loop has some, and not the last alone."""
    found: Flags
    if not space.is_ragged:
        found = np.all(space.bounds % ways.prod(axis=(1, 2)) == 0, axis=1)
        return found
    left, can_be = np.broadcast_to(space.bounds, ways[:, 0, 0].shape), np.ones(ways[:, 0, 0].shape, bool)
    for count in ways.reshape(len(ways), -1, len(space.dims)).transpose(1, 0, 2):
        can_be &= count <= left
        left = -(-left // count)
    found = np.all(can_be, axis=1)
    return found


def _of_level(space: Space, level: int) -> tuple[Ints, bool]:
    """(way, axis, dim) over the children of one memory, and whether these are all."""
    rules = space.rules.levels[level]
    wide, high = space.accelerator.fanout(level)
    along_x, x_all = _along(space, rules, X, wide)
    along_y, y_all = _along(space, rules, Y, high)
    is_all = x_all and y_all
    found = []
    for x in along_x:
        for y in along_y:
            if all(a == 1 or b == 1 for a, b in zip(x, y, strict=True)) and _obeys(space, rules, x, y):
                found.append((x, y))
    return np.array(found, np.int64).reshape(-1, 2, len(space.dims)), is_all


def _obeys(space: Space, rules: LevelRules, x: _Way, y: _Way) -> bool:
    for dim, one, other in zip(space.dims, x, y, strict=True):
        count = one * other
        if count != rules.spatial.exactly.get(dim, count) or count < rules.spatial.at_least.get(dim, 1):
            return False
    return _splits(space, rules, x, y)


def _splits(space: Space, rules: LevelRules, x: _Way, y: _Way) -> bool:
    """Whether some order puts these dimensions along these axes, where the order of some of them is free."""
    if rules.along_x is None:
        return True
    free = [
        at for at, dim in enumerate(space.dims) if dim not in rules.spatial.inner and dim not in rules.spatial.outer
    ]
    room = min(max(rules.along_x - len(rules.spatial.inner), 0), len(free))
    return sum(x[at] > 1 for at in free) <= room and sum(y[at] > 1 for at in free) <= len(free) - room


def _along(space: Space, rules: LevelRules, axis: int, children: int) -> tuple[list[_Way], bool]:
    """Ways along one axis of one memory."""
    elsewhere = rules.bound_to_axes(space.dims)[Y if axis == X else X]
    found: list[_Way] = [()]
    for dim, bound in space.problem.bounds.items():
        most = min(rules.spatial.exactly.get(dim, rules.spatial.at_most.get(dim, bound)), children, bound)
        counts = [
            count
            for count in range(1, most + 1)
            if (space.is_ragged or bound % count == 0) and (count == 1 or dim not in elsewhere)
        ]
        found = [(*way, count) for way in found for count in counts if _product(way) * count <= children]
        if len(found) > 40 * _MOST_OF_AXIS:
            return sorted(_padded(way, space) for way in _top(found))[:_MOST_OF_AXIS], False
    if len(found) > _MOST_OF_AXIS:
        return _top(found), False
    return found, True


def _top(ways: list[_Way]) -> list[_Way]:
    return sorted(sorted(ways, key=_product, reverse=True)[:_MOST_OF_AXIS])


def _product(way: _Way) -> int:
    product = 1
    for count in way:
        product *= count
    return product


def _padded(way: _Way, space: Space) -> _Way:
    return (*way, *[1] * (len(space.dims) - len(way)))
