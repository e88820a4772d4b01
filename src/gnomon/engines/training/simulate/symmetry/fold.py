"""Which rank stands for which: a network that looks the same from every NPU is cut where the programs of its ranks repeat.

In each dimension the programs have a period, a divisor of its NPUs. Rings, switches and all to all look the same after a step
along a dimension, and so do the algorithms that run in it; ranks that are a period apart do the same at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules
from gnomon.core.fabric import Fabric


@dataclass(frozen=True)
class Fold:
    """A cluster, cut."""

    fabric: Fabric
    periods: tuple[int, ...]  # by dimension; 1: all its ranks do the same

    @cached_property
    def ranks(self) -> list[int]:
        """Those that stand for others."""
        made = [0]
        for stride, period in zip(self.fabric.strides, self.periods, strict=True):
            made = [rank + place * stride for place in range(period) for rank in made]
        return made

    @property
    def weight(self) -> int:
        """Ranks that each stands for."""
        return self.fabric.npus // len(self.ranks)

    def stand_in(self, rank: int) -> int:
        """The rank that stands for a rank."""
        places = zip(self.fabric.strides, self.fabric.dimensions, self.periods, strict=True)
        return sum(rank // stride % one.npus % period * stride for stride, one, period in places)

    def stand_ins(self) -> npt.NDArray[np.int64]:
        """Of each rank, `(ranks,)`, where the one that stands for it is among `ranks`."""
        all_ranks = np.arange(self.fabric.npus)
        made, count = np.zeros_like(all_ranks), 1
        for stride, one, period in zip(self.fabric.strides, self.fabric.dimensions, self.periods, strict=True):
            made += all_ranks // stride % one.npus % period * count
            count *= period
        return made

    def moved(self, source: int, destination: int, *, swaps: bool) -> tuple[int, int]:
        """A message as the rank sends it that stands for its sender.

        Partners that swap differ in the bits of their places; else a receiver is so many places on.
        """
        moved_source = moved_destination = 0
        for stride, one, period in zip(self.fabric.strides, self.fabric.dimensions, self.periods, strict=True):
            here, there = source // stride % one.npus, destination // stride % one.npus
            cut = here % period
            moved_source += cut * stride
            moved_destination += (cut ^ here ^ there if swaps else (there + cut - here) % one.npus) * stride
        return moved_source, moved_destination


def fold_of(program: npt.NDArray[np.int64], fabric: Fabric, rules: ClusterRules) -> Fold:
    """The cut of a cluster; where no two ranks do the same, each stands for itself."""
    shape = tuple(one.npus for one in reversed(fabric.dimensions))
    table, last = program.reshape(shape), len(shape) - 1
    is_one = bool((program == program[0]).all())
    periods = []
    for at, one in enumerate(fabric.dimensions):
        used = {algorithms[at] for algorithms in rules.algorithms.values() if at < len(algorithms)}
        used |= {
            algorithm for algorithms in rules.algorithms.values() for algorithm in algorithms if algorithm.spans_all
        }
        if not all(_looks_the_same(algorithm, one.npus) for algorithm in used):
            periods.append(one.npus)
        else:
            periods.append(1 if is_one else _period(table, last - at))
    return Fold(fabric=fabric, periods=tuple(periods))


def _looks_the_same(algorithm: Algorithm, ranks: int) -> bool:
    """Whether an algorithm does from each place what it does from the others."""
    match algorithm.name:
        case AlgorithmName.DOUBLE_BINARY_TREE:
            return False
        case AlgorithmName.HALVING_DOUBLING:
            return not ranks & (ranks - 1)
    return True


def _period(table: npt.NDArray[np.int64], axis: int) -> int:
    """After how many places of a dimension the programs come again."""
    npus = table.shape[axis]
    divisors = (one for one in range(1, npus + 1) if npus % one == 0)
    return next(one for one in divisors if np.array_equal(table, np.roll(table, -one, axis)))
