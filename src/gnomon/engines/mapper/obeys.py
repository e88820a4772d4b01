"""Whether a mapping is one that the rules of a map space allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.core.problem import Problem


def broken_rules(nest: LoopNest, problem: Problem, rules: MapRules) -> list[str]:
    """Each rule that the mapping breaks, in a line; none: it is allowed."""
    found = [
        line
        for level, (tiling, given) in enumerate(zip(nest.tilings, rules.levels, strict=True))
        for line in _of_level(tiling, given, given.memory or f"level {level}", problem)
    ]
    units = prod(tiling.children for tiling in nest.tilings)
    if units < rules.least_units:
        found.append(f"{units} units have work, not at least {rules.least_units}{_at(rules.units_place)}")
    return found


def _of_level(tiling: Tiling, rules: LevelRules, name: str, problem: Problem) -> Iterator[str]:
    for loops, given, what in (
        (tiling.temporal, rules.temporal, f"{name} in time"),
        (tiling.spatial, rules.spatial, f"{name} over its children"),
    ):
        for line in (*_factors(loops, given), *_order(loops, given)):
            yield f"{what}: {line}{_at(given.place)}"
    for line in _axes(tiling, rules, problem):
        yield f"{name} over its children: {line}{_at(rules.spatial.place)}"
    for space in problem.spaces:
        if space.name in rules.kept - tiling.kept:
            yield f"{name} does not keep {space.name}{_at(rules.keeping_place)}"
        if space.name in rules.bypassed & tiling.kept:
            yield f"{name} keeps {space.name}{_at(rules.keeping_place)}"
    for flag in ("no_temporal_reuse", "no_multicast", "no_link_transfer", "reads_first_update"):
        for missing in sorted(getattr(rules, flag) - getattr(tiling, flag)):
            yield f"{name} lacks {flag} of {missing}"


def _factors(loops: Sequence[Loop], rules: LoopRules) -> Iterator[str]:
    """Loops that run too often or not often enough."""
    counts: dict[str, int] = {}
    for loop in loops:
        counts[loop.dim] = counts.get(loop.dim, 1) * loop.count
    for dim, count in rules.exactly.items():
        if counts.get(dim, 1) != count:
            yield f"{dim} is {counts.get(dim, 1)}, not {count}"
    for dim, count in rules.at_most.items():
        if counts.get(dim, 1) > count:
            yield f"{dim} is {counts[dim]}, not at most {count}"
    for dim, count in rules.at_least.items():
        if counts.get(dim, 1) < count:
            yield f"{dim} is {counts.get(dim, 1)}, not at least {count}"


def _order(loops: Sequence[Loop], rules: LoopRules) -> Iterator[str]:
    """Loops that do not stand innermost or outermost as they must; those of one iteration stand anywhere."""
    dims = [loop.dim for loop in loops]
    inner, outer = ([dim for dim in end if dim in dims] for end in (rules.inner, rules.outer))
    if dims[: len(inner)] != inner:
        yield f"{' '.join(dims)} does not begin innermost with {' '.join(inner)}"
    if outer and dims[-len(outer) :] != outer:
        yield f"{' '.join(dims)} does not end outermost with {' '.join(outer)}"


def _axes(tiling: Tiling, rules: LevelRules, problem: Problem) -> Iterator[str]:
    """Loops along the wrong axis: of the whole spatial order, loops of one iteration too, the first go along x."""
    if rules.along_x is None:
        return
    on_x, on_y = rules.bound_to_axes(problem.bounds)
    x, y = ({loop.dim for loop in loops} for loops in (tiling.spatial_x, tiling.spatial_y))
    for dims, axis in ((x & on_y, "x"), (y & on_x, "y")):
        for dim in sorted(dims):
            yield f"{dim} runs along {axis}, where the first {rules.along_x} of the order run along x"
    between = set(problem.bounds) - {*rules.spatial.inner, *rules.spatial.outer}
    room = rules.along_x - len(rules.spatial.inner)
    if 0 < room < len(between) and (len(x & between) > room or len(y & between) > len(between) - room):
        yield f"{' '.join(sorted(x | y))} cannot stand so that the first {rules.along_x} of the order run along x"


def _at(place: str) -> str:
    return f" ({place})" if place else ""
