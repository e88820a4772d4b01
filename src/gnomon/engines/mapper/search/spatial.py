"""The ways to lay the dimensions of a problem over the children of all memories."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from gnomon.core.map_space import LevelRules
from gnomon.engines.mapper.search.bounds import Ints
from gnomon.engines.mapper.search.space import X, Y, Space

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
    ways = [np.ones((1, 0, 2, len(space.dims)), np.int64)][0]
    for level in range(levels):
        found = each[level][0]
        if len(ways) * len(found) > 40 * _MOST:
            is_all = False
            found = _busiest(found, max(40 * _MOST // len(ways), 1))
        ways = np.concatenate(
            [np.repeat(ways, len(found), axis=0), np.tile(found, (len(ways), 1, 1))[:, None]], axis=1
        )
        ways = ways[_can_be(space, ways)]
        if len(ways) > _MOST:
            is_all = False
            ways = _busiest(ways, _MOST)
    return Spatials(ways=ways, is_all=is_all)


def _busiest(ways: Ints, most: int) -> Ints:
    """Those with the most children at work, in their order."""
    working = ways.reshape(len(ways), -1).prod(axis=1)
    return ways[np.sort(np.argsort(-working, kind="stable")[:most])]


def _can_be(space: Space, ways: Ints) -> np.ndarray:
    """Whether loops in time can make up the rest of every dimension."""
    together = ways.prod(axis=(1, 2))
    if space.is_ragged:
        return np.all(together <= space.bounds, axis=1)
    return np.all(space.bounds % together == 0, axis=1)


def _of_level(space: Space, level: int) -> tuple[Ints, bool]:
    """(way, axis, dim) over the children of one memory, and whether these are all."""
    rules = space.rules.levels[level]
    wide, high = space.accelerator.fanout(level)
    along_x, x_all = _along(space, rules, X, wide)
    along_y, y_all = _along(space, rules, Y, high)
    is_all = x_all and y_all
    fewest = max(ceil(rules.least_parallelism * wide * high), 1)
    found = []
    for x in along_x:
        for y in along_y:
            if all(a == 1 or b == 1 for a, b in zip(x, y, strict=True)) and _obeys(space, rules, x, y, fewest):
                found.append((x, y))
    return np.array(found, np.int64).reshape(-1, 2, len(space.dims)), is_all


def _obeys(space: Space, rules: LevelRules, x: _Way, y: _Way, fewest: int) -> bool:
    working = 1
    for dim, one, other in zip(space.dims, x, y, strict=True):
        count = one * other
        working *= count
        if count != rules.spatial.exactly.get(dim, count) or count < rules.spatial.at_least.get(dim, 1):
            return False
    return working >= fewest and _splits(space, rules, x, y)


def _splits(space: Space, rules: LevelRules, x: _Way, y: _Way) -> bool:
    """Whether some order that the rules allow puts these dimensions along these axes."""
    split = rules.along_x
    if split is None:
        return True
    split = min(split, len(space.dims))
    inner, outer = rules.spatial.inner, rules.spatial.outer
    fixed = {dim: at for at, dim in enumerate(inner)}
    fixed |= {dim: len(space.dims) - len(outer) + at for at, dim in enumerate(outer)}
    free_x = free_y = 0
    for dim, one, other in zip(space.dims, x, y, strict=True):
        if dim in fixed:
            if (one > 1 and fixed[dim] >= split) or (other > 1 and fixed[dim] < split):
                return False
        else:
            free_x += one > 1
            free_y += other > 1
    fixed_x = sum(at < split for at in fixed.values())
    return free_x <= split - fixed_x and free_y <= len(space.dims) - len(fixed) - (split - fixed_x)


def _along(space: Space, rules: LevelRules, axis: int, children: int) -> tuple[list[_Way], bool]:
    """Ways along one axis of one memory."""
    found: list[_Way] = [()]
    for dim, bound in space.problem.bounds.items():
        most = min(rules.spatial.exactly.get(dim, rules.spatial.at_most.get(dim, bound)), children, bound)
        counts = [
            count
            for count in range(1, most + 1)
            if (space.is_ragged or bound % count == 0) and (count == 1 or not _only_other(space, rules, dim, axis))
        ]
        found = [(*way, count) for way in found for count in counts if _product(way) * count <= children]
        if len(found) > 40 * _MOST_OF_AXIS:
            return sorted(_padded(way, space) for way in _top(found))[:_MOST_OF_AXIS], False
    if len(found) > _MOST_OF_AXIS:
        return _top(found), False
    return found, True


def _only_other(space: Space, rules: LevelRules, dim: str, axis: int) -> bool:
    """Whether the rules put a dimension along the other axis."""
    if rules.along_x is None:
        return False
    inner, outer = rules.spatial.inner, rules.spatial.outer
    if dim in inner:
        at = inner.index(dim)
    elif dim in outer:
        at = len(space.dims) - len(outer) + outer.index(dim)
    else:
        return (rules.along_x == 0) if axis == X else (rules.along_x >= len(space.dims))
    return (at < rules.along_x) == (axis == Y)


def _top(ways: list[_Way]) -> list[_Way]:
    return sorted(sorted(ways, key=_product, reverse=True)[:_MOST_OF_AXIS])


def _product(way: _Way) -> int:
    product = 1
    for count in way:
        product *= count
    return product


def _padded(way: _Way, space: Space) -> _Way:
    return (*way, *[1] * (len(space.dims) - len(way)))
