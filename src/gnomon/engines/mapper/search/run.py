"""The search: a population that gets better, and a bound that rises, until they meet or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.bounding import Bounding, Stand
from gnomon.engines.mapper.search.bounds import Floats, Ints
from gnomon.engines.mapper.search.genes import Coder
from gnomon.engines.mapper.search.judge import Evaluator, Judge, Judged
from gnomon.engines.mapper.search.population import Population
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.spatial import spatials
from gnomon.engines.mapper.search.terms import terms

_SLICE_S = 0.1  # of work on one side before the other goes on
_EQUAL = 1e-9  # relative: sums of the same energies in another order


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best mapping under one objective, and how good it is at least."""

    nest: LoopNest
    cycles: int
    energy_pj: float
    value: float  # of the objective
    bound: float  # no mapping of the space has less
    is_optimal: bool  # proved

    @property
    def gap(self) -> float:
        return max((self.value - self.bound) / self.value, 0.0)


class Search:
    """A search of one space under one objective."""

    def __init__(self, space: Space, evaluator: Evaluator, switches: Switches, objective: int, seed: int) -> None:
        self._space, self._objective = space, objective
        ways = spatials(space)
        if not len(ways.ways):
            raise BadInput("no way over the children of the memories obeys the rules")
        rng = np.random.default_rng(seed)
        self.bounding = Bounding(space, ways, terms(space, switches), objective)
        self.coder = Coder(space, ways.ways[self.bounding.order_of_ways()])
        self.judge = Judge(space, self.coder, evaluator)
        self.population = Population(space, self.judge, len(ways.ways), objective, rng)
        self.spent_s = 0.0

    def run(self, budget_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Search until the time is over or the best is proved."""
        started = clock()
        while clock() - started < budget_s and not self.is_proved():
            until = min(clock() + _SLICE_S, started + budget_s)
            while clock() < until:
                self.population.step()
            until = min(clock() + _SLICE_S, started + budget_s)
            while clock() < until:
                found = self.bounding.work(self.population.best(), lambda: clock() < until)
                if not found:
                    break
                for genes in found:
                    self.population.add(self.judge.judged(genes))
        self.spent_s += clock() - started

    def is_proved(self) -> bool:
        best = self.population.best()
        return self.bounding.is_done(best) or self.bounding.value >= best * (1 - _EQUAL)

    def best(self) -> Best:
        """BadInput where nothing was found."""
        members = self.population.members
        if members is None:
            raise BadInput("no mapping was found that fits")
        coded, _ = self.coder.coded(members.genes.at(np.array([0])))
        value = self.population.best()
        return Best(
            nest=self.coder.nest(coded, 0),
            cycles=int(members.cycles[0]),
            energy_pj=float(members.energy_pj[0]),
            value=value,
            bound=min(self.bounding.value, value),
            is_optimal=self.is_proved(),
        )
