"""A population of mappings that gets better: the best are changed at random, and the best of all stay."""

from __future__ import annotations

import numpy as np

from gnomon.engines.mapper.search.bounds import Flags, Ints
from gnomon.engines.mapper.search.genes import Genes
from gnomon.engines.mapper.search.judge import Judge, Judged
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.space import Space

# Chosen by trying on layers of ResNet-50: they decide how soon a mapping is found, not which can be.
_SIZE = 96
_CHILDREN, _RAGGED_CHILDREN = 512, 64  # of a generation; ragged ones take longer to evaluate
_UNITS = 2**20  # of all mappings of a generation together: on large arrays it is smaller, or it would take seconds
_FEWEST = 8
_PATIENCE = 25  # generations without a better one, after which all but the best few make room
_FEW = 4
_MATED, _FROM_MATE = 0.3, 0.3  # children with a second parent, and what each of these has of it
_CHANGES, _CHANGED = 3, 0.6  # changes of a child at most, and how likely each is
_NEAR = 0.4  # ragged parts that change by little
_COUNTS, _EXCHANGE, _ORDER, _KEEPING = (
    0.5,
    0.65,
    0.85,
    0.93,
)  # kinds of change, each up to here; the last lays children out too


class Population:
    """Mappings of one space under one objective."""

    def __init__(self, space: Space, judge: Judge, ways: Ints, objective: Objective, rng: np.random.Generator) -> None:
        self._space, self._judge, self._objective, self._rng = space, judge, objective, rng
        self._ways = ways  # over children, the better ones first
        self._free = [tuple(found) for found in np.argwhere(space.most > space.least)]  # loops that can be changed
        self._keeping = np.argwhere(space.may_keep & ~space.must_keep)
        self.members: Judged | None = None
        most = _RAGGED_CHILDREN if space.is_ragged else _CHILDREN
        self._children = min(most, max(_UNITS // space.accelerator.units.instances, _FEWEST))
        self.stale = 0  # generations since the best got better

    def add(self, found: Judged) -> None:
        """Let mappings in; the best stay."""
        if not len(found):
            return
        if self.members is not None:
            found = self.members.with_all(found)
        found = found.at(self._objective.ranked(found.cycles, found.energy_pj))
        is_new = np.ones(len(found), bool)
        is_new[1:] = (np.diff(found.cycles) != 0) | (np.diff(found.energy_pj) != 0)
        self.members = found.at(np.flatnonzero(is_new)[:_SIZE])

    def best(self) -> float:
        """The objective of the best."""
        return self._objective.of(*self._figures())

    def step(self) -> None:
        """One generation."""
        before = self._figures()
        found = self._random(self._children) if self.members is None else self._changed(self._children)
        self.add(self._judge.judged(found))
        self.stale = 0 if self._figures() != before else self.stale + 1
        if self.members is not None and self.stale % _PATIENCE == _PATIENCE - 1:
            self.members = self.members.at(np.arange(min(_FEW, len(self.members))))
            self.add(self._judge.judged(self._random(self._children)))

    def try_some(self) -> None:
        """Judge a few random mappings, and let none in."""
        self._judge.judged(self._random(_FEW))

    def _figures(self) -> tuple[float, float]:
        """Cycles and energy of the best."""
        if self.members is None:
            return np.inf, np.inf
        return float(self.members.cycles[0]), float(self.members.energy_pj[0])

    def _random(self, many: int) -> Genes:
        space, rng = self._space, self._rng
        levels, dims = space.least.shape
        wanted = np.ones((many, levels, dims), np.int64)
        for level, dim in self._free:
            wanted[:, level, dim] = self._counts(dim, many)
        kept = np.broadcast_to(space.must_keep, (many, *space.must_keep.shape)).copy()
        for one, level in self._keeping:
            kept[:, one, level] = rng.random(many) < 0.5
        # Small tiles inside fit more often: what is wanted is taken from the loops inside first.
        thinned = rng.random((many, levels, dims)) < rng.random((many, 1, 1))
        return Genes(
            way=self._some_ways(many),
            wanted=np.where(thinned, 1, wanted),
            keys=rng.random((many, levels, dims)),
            kept=kept,
        )

    def _some_ways(self, many: int) -> Ints:
        found: Ints = self._ways[(len(self._ways) * self._rng.random(many) ** 2).astype(np.int64)]
        return found

    def _counts(self, dim: int, many: int) -> Ints:
        """Iterations of a loop, each way to share the dimension as likely as another."""
        bound = int(self._space.bounds[dim])
        each = self._space.divisors[dim]
        found: Ints = self._rng.choice(each[each > 0], many)
        if self._space.is_ragged:
            found = np.exp(self._rng.random(many) * np.log(bound + 1)).astype(np.int64).clip(1, bound)
        return found

    def _changed(self, many: int) -> Genes:
        """Children of two of the better ones each, changed at a few places."""
        assert self.members is not None
        rng, genes = self._rng, self.members.genes
        count = len(genes)
        one, other = (np.minimum(*rng.integers(0, count, (2, many))) for _ in range(2))
        child = genes.at(one)
        mixed = rng.random(many) < _MATED
        mate = genes.at(other)
        from_mate = mixed[:, None, None] & (rng.random((many, 1, child.wanted.shape[2])) < _FROM_MATE)
        child.wanted[...] = np.where(from_mate, mate.wanted, child.wanted)
        orders_of_mate = mixed[:, None, None] & (rng.random((many, child.keys.shape[1], 1)) < _FROM_MATE)
        child.keys[...] = np.where(orders_of_mate, mate.keys, child.keys)
        for _ in range(_CHANGES):
            self._change(child, rng.random(many) < _CHANGED)
        return child

    def _change(self, child: Genes, which: Flags) -> None:
        """Change one place of some of them."""
        rng = self._rng
        rows = np.flatnonzero(which)
        kind = rng.random(len(rows))
        levels, dims = self._space.least.shape
        if self._free:
            picked = rows[kind < _COUNTS]
            loops = rng.integers(0, len(self._free), len(picked))
            for at, (level, dim) in enumerate(self._free):
                here = picked[loops == at]
                counts = self._counts(dim, len(here))
                if self._space.is_ragged:
                    near = child.wanted[here, level, dim] + rng.integers(-2, 3, len(here))
                    counts = np.where(rng.random(len(here)) < _NEAR, np.clip(near, 1, self._space.bounds[dim]), counts)
                child.wanted[here, level, dim] = counts
            moved = rows[(kind >= _COUNTS) & (kind < _EXCHANGE)]
            self._move(child, moved)
        keyed = rows[(kind >= _EXCHANGE) & (kind < _ORDER)]
        child.keys[keyed, rng.integers(0, levels, len(keyed)), rng.integers(0, dims, len(keyed))] = rng.random(
            len(keyed)
        )
        laid = rows[kind >= _ORDER]
        child.way[laid] = self._some_ways(len(laid))
        if len(self._keeping):
            flipped = rows[kind >= _KEEPING]
            one, level = self._keeping[rng.integers(0, len(self._keeping), len(flipped))].T
            child.kept[flipped, one, level] ^= True

    def _move(self, child: Genes, rows: Ints) -> None:
        """Exchange what two memories want of a dimension."""
        levels, dims = self._space.least.shape
        dim = self._rng.integers(0, dims, len(rows))
        one, other = self._rng.integers(0, levels, (2, len(rows)))
        first, second = child.wanted[rows, one, dim], child.wanted[rows, other, dim]
        child.wanted[rows, one, dim], child.wanted[rows, other, dim] = second, first
