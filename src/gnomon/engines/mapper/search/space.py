"""The space that is searched: which iterations each loop may have, and which data spaces each memory may keep.

A mapping is made of factors of the dimensions, in time at every memory and in space over its children along two axes; of the order
of the loops in time; and of what each memory keeps. A dimension runs over the children of a memory along one axis alone, as
Timeloop can write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, comb, factorial, floor, prod

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import BadInput
from gnomon.core.map_space import LoopRules, MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.search.bounds import Flags, Ints

X, Y = 0, 1


@dataclass(frozen=True, kw_only=True)
class Space:
    """The mappings of a problem on an accelerator that the rules allow. Level 0 is the innermost memory."""

    problem: Problem
    accelerator: Accelerator
    rules: MapRules
    is_ragged: bool  # parts need not divide their dimensions

    @cached_property
    def dims(self) -> tuple[str, ...]:
        return tuple(self.problem.bounds)

    @cached_property
    def bounds(self) -> Ints:
        return np.array(list(self.problem.bounds.values()), np.int64)

    @cached_property
    def least(self) -> Ints:
        """(level, dim): the fewest iterations in time."""
        return np.array([[_least(level.temporal, dim) for dim in self.dims] for level in self.rules.levels], np.int64)

    @cached_property
    def most(self) -> Ints:
        """(level, dim): the most iterations in time."""
        return np.array(
            [
                [_most(level.temporal, dim, bound) for dim, bound in self.problem.bounds.items()]
                for level in self.rules.levels
            ],
            np.int64,
        )

    @cached_property
    def least_children(self) -> Ints:
        """(level, dim): the fewest iterations over children."""
        return np.array([[_least(level.spatial, dim) for dim in self.dims] for level in self.rules.levels], np.int64)

    @cached_property
    def must_keep(self) -> Flags:
        """(space, level); the outermost memory keeps all that it may."""
        kept = self._of_spaces("kept")
        kept[:, -1] = self.may_keep[:, -1]
        return kept

    @property
    def may_pass_outermost(self) -> bool:
        """Whether the rules leave it open to keep a data space in inner memories alone; the space has no such mapping."""
        return bool((self.may_keep & ~self._of_spaces("kept"))[:, -1].any())

    @cached_property
    def may_keep(self) -> Flags:
        """(space, level): what the rules leave to be kept."""
        return ~self._of_spaces("bypassed")

    def _of_spaces(self, field: str) -> Flags:
        return np.array(
            [[space.name in getattr(level, field) for level in self.rules.levels] for space in self.problem.spaces]
        )

    @cached_property
    def room_words(self) -> Ints:
        """(level): of tiles; -1: without end."""
        return np.array(
            [
                -1 if memory.entries is None else floor(memory.entries / memory.multiple_buffering)
                for memory in self.accelerator.memories
            ],
            np.int64,
        )

    @cached_property
    def divisors(self) -> Ints:
        """(dim, at), ascending; 0 behind the last."""
        each = [divisors(bound) for bound in self.problem.bounds.values()]
        return np.array([[*found, *[0] * (max(map(len, each)) - len(found))] for found in each], np.int64)

    @cached_property
    def order_keys(self) -> Ints:
        """(level, dim): sorts the dimensions that have a place of their own in the order of loops in time; 0: the others."""
        keys = np.zeros((len(self.rules.levels), len(self.dims)), np.int64)
        for level, rules in enumerate(self.rules.levels):
            for at, dim in enumerate(rules.temporal.inner):
                keys[level, self.dims.index(dim)] = at - len(self.dims)
            for at, dim in enumerate(rules.temporal.outer):
                keys[level, self.dims.index(dim)] = at + 1
        return keys

    def check(self) -> None:
        """BadInput, with the rule, where the rules leave nothing of a dimension or a memory no room."""
        for at, dim in enumerate(self.dims):
            if not self._factor_choices(at):
                parts = "ragged parts" if self.is_ragged else "parts that divide it"
                raise BadInput(
                    f"no mapping: {dim} of {self.bounds[at]} cannot be made of {parts} under {self._rules_of(dim)}"
                )
        self._check_room()

    def _rules_of(self, dim: str) -> str:
        """The rules for a dimension, and where they are written."""
        found = []
        for rules in self.rules.levels:
            for loops, what in ((rules.temporal, "in time"), (rules.spatial, "over its children")):
                for relation, given in (("=", loops.exactly), ("<=", loops.at_most), (">=", loops.at_least)):
                    if dim in given:
                        place = f" ({loops.place})" if loops.place else ""
                        found.append(f"{rules.memory} {what} {dim}{relation}{given[dim]}{place}")
        return ", ".join(found) or "the widths of the arrays"

    def _check_room(self) -> None:
        """BadInput where the smallest tiles that the rules allow are too large."""
        inside = np.ones(len(self.dims), np.int64)
        for level, (memory, rules) in enumerate(zip(self.accelerator.memories, self.rules.levels, strict=True)):
            inside = inside * self.least_children[level] * self.least[level]
            room = self.room_words[level]
            ranges = dict(zip(self.dims, np.minimum(inside, self.bounds).tolist(), strict=True))
            needed = sum(
                prod(space.extents(ranges)) for at, space in enumerate(self.problem.spaces) if self.must_keep[at, level]
            )
            if 0 <= room < needed:
                raise BadInput(
                    f"no mapping: {memory.name} has room for {room:,} words, and the smallest tiles take {needed:,}",
                    where=rules.keeping_place or rules.temporal.place,
                )

    def sizes(self) -> dict[str, int]:
        """How many choices each axis has: factors, orders, axes of loops over children, and data spaces kept."""
        return {
            "factors": prod(self._factor_choices(dim) for dim in range(len(self.dims))),
            "orders": prod(factorial(int((keys == 0).sum())) for keys in self.order_keys),
            "spatial_axes": prod(
                sum(comb(len(self.dims), along) for along in range(len(self.dims) + 1))
                if rules.along_x is None and min(self.accelerator.fanout(level)) > 1
                else 1
                for level, rules in enumerate(self.rules.levels)
            ),
            "keeping": int(2 ** int((self.may_keep & ~self.must_keep).sum())),
        }

    def _factor_choices(self, dim: int) -> int:
        """Ways to write a dimension as factors, whatever the other dimensions are."""
        bound = int(self.bounds[dim])
        ways = {bound: 1}  # what is left -> ways to get there
        for level, rules in enumerate(self.rules.levels):
            widest = max(self.accelerator.fanout(level))
            for least, most in (
                (_least(rules.spatial, self.dims[dim]), min(_most(rules.spatial, self.dims[dim], bound), widest)),
                (int(self.least[level, dim]), int(self.most[level, dim])),
            ):
                after: dict[int, int] = {}
                for left, count in ways.items():
                    for factor in self.choices(left, least, most):
                        rest = ceil(left / factor)
                        after[rest] = after.get(rest, 0) + count
                ways = after
        return ways.get(1, 0)

    def choices(self, left: int, least: int, most: int) -> list[int]:
        """Iterations that a loop may have of what is left of a dimension."""
        if not self.is_ragged:
            return [factor for factor in divisors(left) if least <= factor <= most]
        found = {ceil(left / passes) for passes in _passes(left)}
        return sorted(max(factor, least) for factor in found if factor <= most and max(factor, least) <= left)


def _passes(left: int) -> set[int]:
    """Numbers of passes over the different sizes of parts."""
    root = int(left**0.5)
    return {ceil(left / size) for size in (*range(1, root + 1), *(ceil(left / few) for few in range(1, root + 2)))}


def divisors(number: int) -> list[int]:
    """Ascending."""
    small = [factor for factor in range(1, int(number**0.5) + 1) if number % factor == 0]
    return sorted({*small, *(number // factor for factor in small)})


def _least(rules: LoopRules, dim: str) -> int:
    return rules.exactly.get(dim, rules.at_least.get(dim, 1))


def _most(rules: LoopRules, dim: str, bound: int) -> int:
    return min(rules.exactly.get(dim, rules.at_most.get(dim, bound)), bound)
