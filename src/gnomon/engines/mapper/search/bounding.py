"""The lower bound of a whole space, raised step by step, and the mappings that it points at.

First the factors with the least bound of all are looked for; their bound is one of the space. Then all factors whose bound is
below the best mapping are gone through, each with every order of its loops: at the end of that the best is proved to be so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations, product
from math import factorial, inf, prod

import numpy as np

from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.bounds import Flags, Floats, Ints, Part, Place, Terms
from gnomon.engines.mapper.search.genes import Genes
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.spatial import Spatials

_MOST_MASKS = 64  # ways to keep data spaces that are told apart; of more each data space is bounded by itself
_MOST_PARTS = 60_000
_MOST_LOOKS = 60_000  # bounds before the search begins: about two seconds
_STEPS = 50_000  # of a walk between two looks at the clock: some hundredths of a second
_AT_ONCE = 4  # factors that are found before they are evaluated
_SOME_ORDERS = 32  # of the loops of one choice of factors, where nothing is proved by them
_MOST_ORDERS = 1_000  # where something is; of more the proof stays open


@dataclass(slots=True, kw_only=True)
class Stand:
    """How far the work on a bound is; everything else follows from the space."""

    is_relaxed: bool = True  # the least bound is still looked for
    part: int = 0  # the next one, in the order of their bounds
    limit: float = inf  # the least bound of factors so far
    open_limit: float = inf  # the least bound of factors whose orders were too many
    place: list[list[int]] = field(default_factory=list)  # where the walk of the part stands; empty: at its start


class Bounding:
    """The bound of one space under one objective."""

    def __init__(self, space: Space, ways: Spatials, terms: Terms, objective: Objective) -> None:
        self._space, self._terms, self._objective = space, terms, objective
        self._masks, self._walks = _masks(space, len(ways.ways))
        self._ways = ways.ways.prod(axis=2)
        values = np.empty((len(self._ways), len(self._masks), 2))
        if self._walks:
            bounds.of_parts(terms, self._ways, self._masks, space.least, space.most, not space.is_ragged, values)
        else:
            values = self._of_each_space()
        each = np.array([objective.of(*one) for one in values.reshape(-1, 2)])
        self.ways = np.argsort(each.reshape(len(self._ways), -1).min(axis=1), kind="stable")  # the least bound first
        self._order = np.argsort(each, kind="stable")
        self._values = each[self._order]
        self.is_all = ways.is_all
        self.stand = Stand()
        self._place: Place | None = None

    def _of_each_space(self) -> Floats:
        """Bounds (way, 1, 2) as the sum of what each data space costs at least, whatever the others do."""
        space, terms = self._space, self._terms._replace(units_pj=0.0)
        masks = [_masks_of(space, one) for one in range(len(space.may_keep))]
        steps = (-(-space.bounds // self._ways.prod(axis=1))).prod(axis=1)
        total = np.stack([steps, np.full(len(steps), self._terms.units_pj)], axis=1).astype(np.float64)
        looked_at = np.argsort(steps, kind="stable")[: _MOST_LOOKS // sum(map(len, masks))]
        for one, of_one in enumerate(masks):
            alone = np.zeros((len(of_one), *space.may_keep.shape), bool)
            alone[:, one] = np.array(of_one)
            values = np.empty((len(looked_at), len(of_one), 2))
            ways = self._ways[looked_at]
            bounds.of_parts(terms, ways, alone, space.least, space.most, not space.is_ragged, values)
            total[looked_at, 0] = np.maximum(total[looked_at, 0], values[:, :, 0].min(axis=1))
            total[looked_at, 1] += values[:, :, 1].min(axis=1)
        rest = np.setdiff1d(np.arange(len(steps)), looked_at)
        total[rest, 1] = self._least_figures()[1]
        return total[:, None]

    @property
    def value(self) -> float:
        """No mapping of the space is better."""
        stand = self.stand
        here = float(self._values[stand.part]) if stand.part < len(self._values) else inf
        if stand.is_relaxed:
            return min(here, stand.limit) if self.is_all else self._objective.of(*self._least_figures())
        return (
            min(max(stand.limit, here), stand.open_limit) if self.is_all else self._objective.of(*self._least_figures())
        )

    def _least_figures(self) -> tuple[float, float]:
        """Of any way over children: every unit works, and the outermost memory hands out each word once."""
        terms, space = self._terms, self._space
        cycles, energy_pj = space.problem.macs / space.accelerator.units.instances, self._terms.units_pj
        for one, output in enumerate(terms.is_output):
            if space.must_keep[one, -1]:
                energy_pj += terms.whole[one] * terms.price_pj[-1, 2 if output else 0]
                cycles = max(cycles, terms.whole[one] / terms.limits_words_per_cycle[-1, 1 if output else 0])
        return cycles, energy_pj

    def is_done(self, best: float) -> bool:
        """Whether nothing is left that could be better than the best."""
        return self._walks and self.is_all and not self.stand.is_relaxed and self._is_past(best)

    def _is_past(self, limit: float) -> bool:
        stand = self.stand
        return stand.part >= len(self._values) or float(self._values[stand.part]) >= limit

    def work(self, best: float, has_time: Callable[[], bool]) -> list[Genes]:
        """Go on until some factors are found that can be better than the best. -> mappings to look at; none: nothing is left."""
        stand = self.stand
        while has_time() and self._walks:
            limit = min(stand.limit, best) if stand.is_relaxed else best
            if self._is_past(limit):
                if not stand.is_relaxed:
                    return []
                stand.limit, stand.is_relaxed, stand.part, self._place = limit, False, 0, None
                continue
            found = self._walk(limit)
            if found:
                return found
        return []

    def try_walk(self) -> None:
        """Walk a step of a part from its start, and forget it."""
        if self._walks:
            way, mask = divmod(int(self._order[0]), len(self._masks))
            part = self._part(way, mask)
            found = np.empty((1, *self._space.least.shape), np.int64)
            bounds.walk(self._terms, part, self._objective.value, 0.0, True, self._start(part), 1, found, np.empty(1))

    def _part(self, way: int, mask: int) -> Part:
        space = self._space
        return bounds.part_of(
            self._terms, self._ways[way], self._masks[mask], space.least, space.most, not space.is_ragged
        )

    def _walk(self, limit: float) -> list[Genes]:
        """Some steps in the part that is on."""
        stand, space = self.stand, self._space
        at = int(self._order[stand.part])
        way, mask = divmod(at, len(self._masks))
        part = self._part(way, mask)
        if self._place is None:
            self._place = _restored(stand.place) if stand.place else self._start(part)
        found = np.empty((_AT_ONCE, *space.least.shape), np.int64)
        values = np.empty(_AT_ONCE)
        count, limit = bounds.walk(
            self._terms, part, self._objective.value, limit, stand.is_relaxed, self._place, _STEPS, found, values
        )
        if stand.is_relaxed and count:
            stand.limit = min(stand.limit, limit)
        stand.place = _kept(self._place)
        if self._place.at[0] < 0:
            stand.part, stand.place, self._place = stand.part + 1, [], None
        return [self._ordered(way, self._masks[mask], found[one], values[one]) for one in range(count)]

    def _start(self, part: Part) -> Place:
        space = self._space
        levels, dims = space.least.shape
        inside = part.spatial[0]
        left = np.ones(levels * dims, np.int64)
        left[:dims] = -(-space.bounds // inside)
        return Place(
            at=np.zeros(1, np.int64),
            tried=np.zeros(levels * dims, np.int64),
            left=left,
            temporal=np.ones((levels, dims), np.int64),
        )

    def _ordered(self, way: int, mask: Flags, temporal: Ints, value: float) -> Genes:
        """The factors with every order of their loops, or with many of them where they are too many."""
        stand, space = self.stand, self._space
        levels, dims = temporal.shape
        moving = [
            [dim for dim in range(dims) if temporal[level, dim] > 1 and not space.order_keys[level, dim]]
            for level in range(levels)
        ]
        if not self._terms.lends[0].any() or self._ways[way][0].max() == 1:
            moving[0] = []  # all of them are inside of every tile
        orders = prod(factorial(len(one)) for one in moving)
        if orders <= (_SOME_ORDERS if stand.is_relaxed else _MOST_ORDERS):
            chosen = list(product(*(permutations(range(len(one))) for one in moving)))
        else:
            if not stand.is_relaxed:
                stand.open_limit = min(stand.open_limit, value)
            rng = np.random.default_rng(orders)
            chosen = [tuple(tuple(rng.permutation(len(one))) for one in moving) for _ in range(_SOME_ORDERS)]
        keys = np.full((len(chosen), levels, dims), 1.0)
        for row, one in enumerate(chosen):
            for level, places in enumerate(one):
                keys[row, level, moving[level]] = (np.array(places) + 1) / (dims + 1)
        return Genes(
            way=np.full(len(chosen), way),
            wanted=np.broadcast_to(temporal, (len(chosen), levels, dims)).copy(),
            keys=keys,
            kept=np.broadcast_to(mask, (len(chosen), *mask.shape)).copy(),
        )


def _kept(place: Place) -> list[list[int]]:
    return [place.at.tolist(), place.tried.tolist(), place.left.tolist(), *place.temporal.tolist()]


def _restored(rows: list[list[int]]) -> Place:
    at, tried, left, *temporal = (np.array(row, np.int64) for row in rows)
    return Place(at=at, tried=tried, left=left, temporal=np.array(temporal))


def _masks_of(space: Space, one: int) -> list[list[bool]]:
    """What the memories may keep of one data space."""
    levels = range(space.may_keep.shape[1])
    choices = [
        [True] if space.must_keep[one, level] else [True, False] if space.may_keep[one, level] else [False]
        for level in levels
    ]
    return [list(mask) for mask in product(*choices) if any(mask)]


def _masks(space: Space, ways: int) -> tuple[Flags, bool]:
    """(mask, space, level), and whether these are all that may be kept."""
    each = [_masks_of(space, one) for one in range(len(space.may_keep))]
    count = prod(map(len, each))
    if count > _MOST_MASKS or count * ways > _MOST_PARTS:
        return space.may_keep[None], False
    return np.array(list(product(*each))), True
