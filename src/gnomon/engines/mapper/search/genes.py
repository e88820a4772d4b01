"""Mappings as a search holds them, and as an evaluation takes them.

What the search holds of a mapping, its genes, can be changed at any place and is still one of the space, but for the room that its
tiles take: what the loops cannot have they do not get, and the outermost loop that is free takes what is left of a dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.search.bounds import Flags, Floats, Ints
from gnomon.engines.mapper.search.counting import flags
from gnomon.engines.mapper.search.space import Space, X, Y


@dataclass(frozen=True, slots=True, kw_only=True)
class Genes:
    """Many mappings."""

    way: Ints  # (mapping): of the ways over children
    wanted: Ints  # (mapping, level, dim): iterations in time
    keys: Floats  # (mapping, level, dim): sorts the loops in time, the innermost first
    kept: Flags  # (mapping, space, level)

    def __len__(self) -> int:
        return len(self.way)

    def at(self, which: Ints | Flags) -> Genes:
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[which] for field in fields(self)})


def together(several: list[Genes]) -> Genes:
    """Those of all."""
    return Genes(
        **{field.name: np.concatenate([getattr(one, field.name) for one in several]) for field in fields(Genes)}
    )


class Coder:
    """Turns genes of one space into mappings."""

    def __init__(self, space: Space, ways: Ints) -> None:
        """`ways` (way, level, axis, dim) over children."""
        self._space = space
        self.ways = ways
        levels, dims = space.least.shape
        taking = [
            max((at for at in range(levels) if space.most[at, dim] >= space.bounds[dim]), default=levels - 1)
            for dim in range(dims)
        ]
        self._takes_rest = np.array(taking)  # (dim): the level whose loop in time takes what is left
        self._parts = [self._largest_parts(dim) for dim in range(dims)]
        self._spatial_order = self._orders_of_children()

    def _largest_parts(self, dim: int) -> Ints:
        """(divisor, wanted divisor) -> the largest divisor of the one up to the other; divisors by their place."""
        found = [int(one) for one in self._space.divisors[dim] if one]
        return np.array(
            [[max(part for part in found if left % part == 0 and part <= most) for most in found] for left in found]
        )

    def _orders_of_children(self) -> Ints:
        """(level, axis, place) -> dim, the innermost first: as the rules have it, else as in the problem."""
        space = self._space
        found = []
        for rules in space.rules.levels:
            inner, outer = rules.spatial.inner, rules.spatial.outer
            free = [dim for dim in space.dims if dim not in inner and dim not in outer]
            found.append([[space.dims.index(dim) for dim in (*inner, *free, *outer)]] * 2)
        return np.array(found, np.int64)

    def coded(self, genes: Genes) -> tuple[Coded, Flags]:
        """The mappings, and which of them make up every dimension within the rules."""
        temporal, spatial, fine = self._counts(genes)
        temporal_last, spatial_last = self._last(temporal, spatial)
        many, levels, dims = temporal.shape
        keys = genes.keys + 10.0 * self._space.order_keys
        coded = Coded(
            temporal=temporal,
            temporal_last=temporal_last,
            order=np.argsort(keys, axis=2, kind="stable"),
            spatial=spatial,
            spatial_last=spatial_last,
            spatial_order=np.broadcast_to(self._spatial_order, (many, levels, 2, dims)),
            kept=genes.kept,
        )
        return coded, fine

    def _counts(self, genes: Genes) -> tuple[Ints, Ints, Flags]:
        space = self._space
        spatial = self.ways[genes.way].copy()
        temporal = np.ones_like(genes.wanted)
        fine = np.ones(len(genes), bool)
        wanted = np.clip(genes.wanted, space.least, space.most)
        for dim in range(len(space.dims)):
            if space.is_ragged:
                left = self._share_out(dim, wanted[:, :, dim], temporal[:, :, dim], spatial[:, :, :, dim])
            else:
                left = self._divide(dim, wanted[:, :, dim], temporal[:, :, dim], spatial[:, :, :, dim])
            fine &= left == 1
            fine &= np.all(temporal[:, :, dim] >= space.least[:, dim], axis=1)
            fine &= np.all(temporal[:, :, dim] <= space.most[:, dim], axis=1)
            fine &= np.all(spatial[:, :, :, dim].prod(axis=2) >= space.least_children[:, dim], axis=1)
        fine &= spatial.reshape(len(genes), -1).prod(axis=1) >= space.rules.least_units
        return temporal, spatial, fine

    def _share_out(self, dim: int, wanted: Ints, temporal: Ints, spatial: Ints) -> Ints:
        """Write iterations of a dimension, where parts need not divide it. -> (mapping): what no loop has; 1: nothing.

        wanted, temporal (mapping, level), spatial (mapping, level, axis): no loop has more than what those inside leave of it.
        """
        bound, rest = self._space.bounds[dim], self._takes_rest[dim]
        left, outside = np.full(len(wanted), bound), np.ones_like(wanted[:, 0])
        for level in range(rest + 1, wanted.shape[1]):
            for count in (wanted[:, level], *spatial[:, level].T):
                outside = np.minimum(outside * count, bound)
        for level in range(wanted.shape[1]):
            for axis in (X, Y):
                spatial[:, level, axis] = np.minimum(spatial[:, level, axis], left)
                left = -(-left // spatial[:, level, axis])
            temporal[:, level] = np.minimum(wanted[:, level], left)
            if level == rest:
                temporal[:, level] = np.maximum(temporal[:, level], -(-left // outside))
            left = -(-left // temporal[:, level])
        return left

    def _divide(self, dim: int, wanted: Ints, temporal: Ints, spatial: Ints) -> Ints:
        """The same where parts divide it: each loop has the largest divisor of what is left up to what it wants."""
        rest = self._takes_rest[dim]
        left: Ints = self._space.bounds[dim] // spatial.prod(axis=(1, 2))
        # Loops that must have some come first.
        for level in sorted(range(wanted.shape[1]), key=lambda at: (self._space.least[at, dim] == 1, at)):
            if level != rest:
                temporal[:, level] = self._part(dim, left, wanted[:, level])
                left = left // temporal[:, level]
        temporal[:, rest] = left
        return np.ones_like(left)

    def _part(self, dim: int, left: Ints, wanted: Ints) -> Ints:
        """The largest divisor of what is left up to what is wanted."""
        each = self._space.divisors[dim]
        each = each[each > 0]
        found: Ints = self._parts[dim][np.searchsorted(each, left), np.searchsorted(each, wanted, side="right") - 1]
        return found

    def _last(self, temporal: Ints, spatial: Ints) -> tuple[Ints, Ints]:
        """Iterations in the last pass of all: digits of the last index, the innermost loop's first."""
        if not self._space.is_ragged:
            return temporal, spatial
        temporal_last, spatial_last = np.empty_like(temporal), np.empty_like(spatial)
        index = np.broadcast_to(self._space.bounds - 1, temporal[:, 0].shape)
        for level in range(temporal.shape[1]):
            for axis in (X, Y):
                spatial_last[:, level, axis] = index % spatial[:, level, axis] + 1
                index = index // spatial[:, level, axis]
            temporal_last[:, level] = index % temporal[:, level] + 1
            index = index // temporal[:, level]
        return temporal_last, spatial_last

    def words(self, coded: Coded) -> Ints:
        """(mapping, space, level) of a tile."""
        loops = coded.temporal * coded.spatial.prod(axis=2)
        box = np.minimum(loops.cumprod(axis=1), self._space.bounds)
        found = np.ones((len(box), len(self._space.problem.spaces), box.shape[1]), np.int64)
        dims = {dim: at for at, dim in enumerate(self._space.dims)}
        for at, one in enumerate(self._space.problem.spaces):
            for rank in one.ranks:
                length = np.ones(box.shape[:2], np.int64)
                for term in rank:
                    length += abs(term.factor) * (box[:, :, dims[term.dim]] - 1)
                found[:, at] *= length
        return found

    def nest(self, coded: Coded, at: int) -> LoopNest:
        """One of them, with the flags that the rules bear."""
        tilings = []
        for level, bare in enumerate(flags(self._space.rules).tilings):
            tilings.append(
                replace(
                    bare,
                    temporal=self._loops(
                        coded.order[at, level], coded.temporal[at, level], coded.temporal_last[at, level]
                    ),
                    spatial_x=self._children(coded, at, level, X),
                    spatial_y=self._children(coded, at, level, Y),
                    kept=frozenset(
                        one.name for row, one in enumerate(self._space.problem.spaces) if coded.kept[at, row, level]
                    ),
                )
            )
        return LoopNest(tilings=tuple(tilings))

    def _children(self, coded: Coded, at: int, level: int, axis: int) -> tuple[Loop, ...]:
        return self._loops(
            coded.spatial_order[at, level, axis], coded.spatial[at, level, axis], coded.spatial_last[at, level, axis]
        )

    def _loops(self, order: Ints, counts: Ints, last: Ints) -> tuple[Loop, ...]:
        return tuple(
            Loop(dim=self._space.dims[dim], count=int(counts[dim]), last=int(last[dim]))
            for dim in order
            if counts[dim] > 1
        )
