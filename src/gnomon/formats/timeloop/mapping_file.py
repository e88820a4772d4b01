"""`mapping:` of a Timeloop file -> LoopNest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import BadInput
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.problem import Problem
from gnomon.formats.timeloop.directives import check_keys, kind_of_directive, target
from gnomon.formats.timeloop.factors import Factor, factors, permutation
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.node import Node

_TYPES = {"temporal": "temporal", "spatial": "spatial", "datatype": "bypass", "bypass": "bypass", "dataspace": "bypass"}
_KEYS = {
    "temporal": ("factors", "permutation", "no_temporal_reuse", "no_reuse", "rmw_first_update"),
    "spatial": ("factors", "permutation", "split", "no_link_transfer", "no_reuse"),
    "bypass": ("keep", "bypass", "no_coalesce"),
}


def loop_nest(node: Node, problem: Problem, accelerator: Accelerator, parts: Sequence[Part]) -> LoopNest:
    """One tiling for each memory; `parts` are the memories as the file has them, which may say what they keep."""
    directives = _directives(node, parts)
    tilings = []
    for level, part in enumerate(parts):
        of = {kind: directives.get((part.name, kind)) for kind in _KEYS}
        temporal, spatial = of["temporal"], of["spatial"]
        x, y = _spatial_loops(spatial, problem, part.name, accelerator.fanout(level))
        tilings.append(
            Tiling(
                temporal=_loops(temporal, problem),
                spatial_x=x,
                spatial_y=y,
                kept=_kept(of["bypass"], problem, part),
                no_temporal_reuse=_spaces(temporal, problem, "no_reuse", "no_temporal_reuse"),
                no_multicast=_spaces(spatial, problem, "no_reuse"),
                no_link_transfer=_spaces(spatial, problem, "no_link_transfer"),
                reads_first_update=_spaces(temporal, problem, "rmw_first_update"),
            )
        )
    _check_bounds(node, problem, tilings)
    for space in problem.spaces:
        if not any(space.name in tiling.kept for tiling in tilings):
            raise node.fault(f"{space.name} is kept by no memory; keep it at {parts[-1].name}")
    return LoopNest(tilings=tuple(tilings))


def _directives(node: Node, parts: Sequence[Part]) -> dict[tuple[str, str], Node]:
    """Each directive by its memory and type."""
    found: dict[tuple[str, str], Node] = {}
    for item in node.items():
        kind = kind_of_directive(item, _TYPES)
        check_keys(item, kind, _KEYS, ("target", "type"))
        name = target(item.need("target"), parts, kind)
        if (name, kind) in found:
            raise item.fault(f"{name} has a {kind} directive already, in {found[name, kind].place}")
        found[name, kind] = item
    return found


def _ordered(directive: Node | None, problem: Problem) -> list[tuple[str, Factor]]:
    """Every dimension with its factor, innermost first; those not named come last."""
    if directive is None:
        return [(dim, Factor()) for dim in problem.bounds]
    given = factors(directive.get("factors"), problem.bounds)
    order = permutation(directive.get("permutation"), problem.bounds)
    return [(dim, given.get(dim, Factor())) for dim in order]


def _loops(directive: Node | None, problem: Problem) -> tuple[Loop, ...]:
    return _without_units(_ordered(directive, problem))


def _without_units(ordered: Iterable[tuple[str, Factor]]) -> tuple[Loop, ...]:
    return tuple(Loop(dim=dim, count=factor.count, last=factor.last) for dim, factor in ordered if factor.count > 1)


def _spatial_loops(
    directive: Node | None, problem: Problem, name: str, fanout: tuple[int, int]
) -> tuple[tuple[Loop, ...], tuple[Loop, ...]]:
    """The loops along x, which are the first ones up to the split, and those along y."""
    if directive is None:
        return (), ()
    ordered = _ordered(directive, problem)
    given = directive.get("split")
    split = given.whole(least=0) if given else len(ordered)
    x, y = _without_units(ordered[:split]), _without_units(ordered[split:])
    for axis, loops, children in (("x", x, fanout[0]), ("y", y, fanout[1])):
        used = prod(loop.count for loop in loops)
        if used > children:
            raise (directive.get("factors") or directive).fault(
                f"{used} instances along {axis} are asked for; {name} has {children} inside"
            )
    return x, y


def _kept(directive: Node | None, problem: Problem, part: Part) -> frozenset[str]:
    """The data spaces kept: as the directive says, else as the memory's own constraint does, else all."""
    keeps_listed = part.fans_out is not None or part.is_beside
    directive, keeps_listed = (directive, part.fans_out is not None) if directive else (part.dataspaces, keeps_listed)
    every = tuple(space.name for space in problem.spaces)
    kept, left = _spaces(directive, problem, "keep"), _spaces(directive, problem, "bypass")
    if directive is not None:
        if kept & left:
            raise directive.fault(f"{min(kept & left)} is both kept and bypassed")
        if coalesce := directive.get("no_coalesce"):
            raise coalesce.unsupported("accesses that are not coalesced")
    if keeps_listed:
        return kept
    return frozenset(every) - left


def _spaces(directive: Node | None, problem: Problem, *keys: str) -> frozenset[str]:
    """The data spaces listed at the first of these keys that is there."""
    listed = directive.get(*keys) if directive else None
    return listed.names(tuple(space.name for space in problem.spaces), "data space") if listed else frozenset()


def _check_bounds(node: Node, problem: Problem, tilings: Sequence[Tiling]) -> None:
    """BadInput for every dimension whose factors do not make up its bound."""
    last = dict.fromkeys(problem.bounds, 0)  # the index of the last iteration, from outside in
    for tiling in reversed(tilings):
        for loop in reversed(tiling.loops):
            last[loop.dim] = last[loop.dim] * loop.count + loop.last - 1
    faults = [
        _unequal(node, dim, last[dim] + 1, bound) for dim, bound in problem.bounds.items() if last[dim] + 1 != bound
    ]
    if faults:
        first, *further = faults
        raise BadInput(first.text, field=first.field, where=first.where, further=further)


def _unequal(node: Node, dim: str, made: int, bound: int) -> BadInput:
    return node.fault(f"the factors of {dim} make up {made}, not its bound of {bound}")
