"""What the constraints say of the loops at one memory, one directive after the other -> LoopRules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gnomon.core.map_space import LoopRules
from gnomon.core.problem import Problem
from gnomon.formats.timeloop.factors import Sign, ends, factor_rules
from gnomon.formats.timeloop.node import Node

KEYS = (
    *("factors", "permutation", "default_max_factor", "default_min_factor"),
    *("factors_only", "no_iteration_over_dataspaces", "must_iterate_over_dataspaces"),
)
NOT_COVERED = {
    "remainders": "bounds of what remains of a dimension",
    "maximize_dims": "factors that are made as large as they can be; write the factors",
    "maximize_dims_capacity": "factors that are made as large as they can be; write the factors",
}
_DEFAULTS: Mapping[str, Sign] = {"default_max_factor": "<=", "default_min_factor": ">="}
# Of two bounds that contradict each other where the first is above the second: what the second does to the first.
_ORDERED: Mapping[tuple[Sign, Sign], str] = {
    (">=", "<="): "leaves nothing of",
    ("=", "<="): "does not allow",
    (">=", "="): "does not reach",
}


@dataclass(slots=True)
class LoopDraft:
    """What is said so far of the loops in time, or over the children."""

    factors: dict[tuple[Sign, str], tuple[int, Node]] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)  # dimensions that are said to be so
    inner: tuple[str, ...] = ()
    outer: tuple[str, ...] = ()
    places: list[str] = field(default_factory=list)
    given: dict[str, Node] = field(default_factory=dict)  # keys that are given once, and where

    def rules(self) -> LoopRules:
        """All of it."""
        exactly, at_most, at_least = (self.counts(sign) for sign in ("=", "<=", ">="))
        return LoopRules(
            exactly=exactly,
            at_most=at_most,
            at_least=at_least,
            inner=self.inner,
            outer=self.outer,
            place=", ".join(self.places),
        )

    def counts(self, sign: Sign) -> dict[str, int]:
        """By dimension, those of one kind."""
        return {dim: count for (other, dim), (count, _) in self.factors.items() if other == sign}

    def single(self) -> tuple[str, ...]:
        """The dimensions that have one iteration, as far as the factors say."""
        return tuple(
            dict.fromkeys(dim for (sign, dim), (count, _) in self.factors.items() if sign != ">=" and count == 1)
        )

    def once(self, key: str, node: Node) -> None:
        """BadInput where another directive gives this key too."""
        if key in self.given:
            raise node.fault(f"given already, in {self.given[key].place}")
        self.given[key] = node


def add_loops(draft: LoopDraft, node: Node, problem: Problem) -> None:
    """What one directive says. BadInput where it repeats or contradicts what stands there."""
    if node.place not in draft.places:
        draft.places.append(node.place)
    for key, what in NOT_COVERED.items():
        if found := node.get(key):
            raise found.unsupported(what)
    for key in ("factors", "factors_only"):
        for rule in factor_rules(node.get(key), problem.bounds):
            if rule.count is None:
                draft.free.add(rule.dim)
            else:
                _add(draft, rule.sign, rule.dim, rule.count, rule.node)
    for dim, key, found in _single(draft, node, problem):
        if draft.factors.get(("=", dim), (1, found))[0] != 1:
            raise found.fault(f"{key} leaves {dim} one iteration; {_there(draft, '=', dim)}")
        draft.factors.setdefault(("=", dim), (1, found))
    _add_defaults(draft, node, problem)
    order = node.get("permutation")
    inner, outer = ends(order, problem.bounds)
    if order and (inner or outer):
        draft.once("permutation", order)
        draft.inner, draft.outer = inner, outer
    _check(draft, problem)


def _single(draft: LoopDraft, node: Node, problem: Problem) -> list[tuple[str, str, Node]]:
    """The dimensions that a directive leaves one iteration without naming them, with the key and where it is."""
    found: list[tuple[str, str, Node]] = []
    if only := node.get("factors_only"):
        named = {dim for _, dim in draft.factors} | draft.free
        found += [(dim, "factors_only", only) for dim in problem.bounds if dim not in named]
    if over := node.get("no_iteration_over_dataspaces"):
        dims = _dims(over, problem)
        found += [(dim, "no_iteration_over_dataspaces", over) for dim in problem.bounds if dim in dims]
    if over := node.get("must_iterate_over_dataspaces"):
        dims = _dims(over, problem)
        found += [(dim, "must_iterate_over_dataspaces", over) for dim in problem.bounds if dim not in dims]
    return found


def _dims(node: Node, problem: Problem) -> frozenset[str]:
    named = spaces(node, problem)
    return frozenset(dim for space in problem.spaces if space.name in named for dim in space.dims)


def spaces(node: Node | None, problem: Problem) -> frozenset[str]:
    """The data spaces of a list; `*` stands for all."""
    every = tuple(space.name for space in problem.spaces)
    if node is None:
        return frozenset()
    if isinstance(node.data, list) and "*" in node.data:
        return frozenset(every)
    return node.names(every, "data space")


def _add_defaults(draft: LoopDraft, node: Node, problem: Problem) -> None:
    """Bounds of all dimensions that have none of their own."""
    for key, sign in _DEFAULTS.items():
        found = node.get(key)
        for dim in problem.bounds if found else ():
            if found and (sign, dim) not in draft.factors:
                draft.factors[sign, dim] = (found.whole(), found)


def _add(draft: LoopDraft, sign: Sign, dim: str, count: int, node: Node) -> None:
    if (sign, dim) in draft.factors:
        raise node.fault(f"{dim}{sign}{count}: {_there(draft, sign, dim)} already")
    draft.factors[sign, dim] = (count, node)


def _there(draft: LoopDraft, sign: Sign, dim: str) -> str:
    count, node = draft.factors[sign, dim]
    return f"{dim}{sign}{count} is given in {node.place}"


def _check(draft: LoopDraft, problem: Problem) -> None:
    """BadInput where no factor can be as all bounds say."""
    for dim, bound in problem.bounds.items():
        for (low, high), told in _ORDERED.items():
            least, most = draft.factors.get((low, dim)), draft.factors.get((high, dim))
            if least and most and least[0] > most[0]:
                raise most[1].fault(f"{dim}{high}{most[0]} {told} {dim}{low}{least[0]}, in {least[1].place}")
        least = draft.factors.get((">=", dim))
        if least and least[0] > bound:
            raise least[1].fault(f"{dim}>={least[0]}: {dim} has {bound} iterations in all")
