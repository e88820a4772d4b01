"""The search: a population that gets better, and a bound that rises, until they meet or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper.search.bounding import Bounding
from gnomon.engines.mapper.search.counting import CountingRules
from gnomon.engines.mapper.search.genes import Coder
from gnomon.engines.mapper.search.judge import Judge, Judged
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.population import Population
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.spatial import spatials
from gnomon.engines.mapper.search.terms import terms

_SLICE_S = 0.1  # of work on one side before the other goes on
_SETTLED = 50  # generations without a better one
_EQUAL = 1e-9  # relative: sums of the same energies in another order


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A mapping and what it costs."""

    nest: LoopNest
    cycles: int
    energy_pj: float  # as it is counted
    weighed_pj: float  # as it was searched by: of all instances at work (see `whole`)


class Search:
    """A search of one space. Where several objectives are given it is one for the mappings that no other is better than."""

    def __init__(self, space: Space, rules: CountingRules, objectives: tuple[Objective, ...], seed: int) -> None:
        """`rules`: how mappings are counted. BadInput where the rules of the space leave nothing."""
        space.check()
        self.space, self.objectives = space, objectives
        ways = spatials(space)
        if not len(ways.ways):
            raise BadInput(
                f"no way over the children of the memories has {space.rules.least_units} units at work",
                where=space.rules.units_place,
            )
        numbers = terms(space, rules)
        self.coder = Coder(space, ways.ways)
        self._place_of = {way.tobytes(): at for at, way in enumerate(ways.ways)}
        self.judge = Judge(space, self.coder, rules, keeps_front=len(objectives) > 1)
        self.rng = np.random.default_rng(seed)
        self.boundings = [Bounding(space, ways, numbers, objective) for objective in objectives]
        self.populations = [
            Population(space, self.judge, bounding.ways, objective, self.rng)
            for objective, bounding in zip(objectives, self.boundings, strict=True)
        ]
        self.spent_s = 0.0
        self._compile()
        self._even = self._with_even_parts(rules, seed) if space.is_ragged else None

    def _compile(self) -> None:
        """Have everything compiled before a search is on the clock; leaves no trace."""
        state = self.rng.bit_generator.state
        self.populations[0].try_some()
        self.boundings[0].try_walk()
        self.judge.forget()
        self.rng.bit_generator.state = state

    def _with_even_parts(self, rules: CountingRules, seed: int) -> Search | None:
        """A search of the mappings whose parts divide their dimensions: fewer, and quicker to evaluate. None: there are none."""
        try:
            return Search(replace(self.space, is_ragged=False), rules, self.objectives, seed)
        except BadInput:
            return None

    def run(self, budget_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Go on until the time is over or nothing better is left; what is found so far stays when it is interrupted.

        Where the best is proved, equal ones are still compared by their other figures for a while.
        """
        started, before = clock(), self.spent_s
        end = started + budget_s
        try:
            while clock() < end and not (self.is_proved() and self.populations[0].stale >= _SETTLED):
                for at in range(len(self.objectives)):
                    self._improve(at, min(clock() + _SLICE_S, end), clock)
                    self._raise_bound(at, min(clock() + _SLICE_S, end), clock)
        finally:
            self.spent_s = before + clock() - started

    def _improve(self, at: int, until: float, clock: Callable[[], float]) -> None:
        population = self.populations[at]
        if self._even:
            half = (clock() + until) / 2
            while clock() < half:
                self._even.populations[at].step()
            self._take_over(at, self._even)
        while clock() < until:
            population.step()

    def _take_over(self, at: int, even: Search) -> None:
        """Let the mappings with even parts in that are better than any here."""
        members = even.populations[at].members
        if members is None:
            return
        ways = even.coder.ways[members.genes.way]
        places = [self._place_of.get(way.tobytes(), -1) for way in ways]
        coded, _ = even.coder.coded(members.genes)
        genes = replace(members.genes, way=np.array(places), wanted=coded.temporal)
        is_here = genes.way >= 0
        taken = replace(members, genes=genes).at(is_here)
        self.judge.keep(taken)
        self.populations[at].add(taken)

    def _raise_bound(self, at: int, until: float, clock: Callable[[], float]) -> None:
        population, bounding = self.populations[at], self.boundings[at]
        while clock() < until:
            pointed = bounding.work(self.best(at), lambda: clock() < until)
            if not pointed:
                return
            for genes in pointed:
                population.add(self.judge.judged(genes))

    def best(self, at: int) -> float:
        """The least of this objective that was found, under whichever objective; inf: none was found."""
        front = self.judge.front
        if front is None:
            return self.populations[at].best()
        return min(map(self.objectives[at].of, front.cycles, front.energy_pj))

    def is_proved(self) -> bool:
        """Whether nothing of the space is better than what is found, under each objective."""
        return len(self.objectives) == 1 and self._is_proved(0)

    def _is_proved(self, at: int) -> bool:
        best, bounding = self.best(at), self.boundings[at]
        return bounding.is_done(best) or bounding.value >= best * (1 - _EQUAL)

    def bound(self, at: int) -> float:
        """No mapping has less of this objective."""
        best = self.best(at)
        return best if self._is_proved(at) else min(self.boundings[at].value, best)

    def found(self) -> list[Found]:
        """The best, or those than which no other is better, the quickest first; nothing: none was found."""
        members = self.judge.front if len(self.objectives) > 1 else self.populations[0].members
        if members is None:
            return []
        if len(self.objectives) == 1:
            members = members.at(np.array([0]))
        return self._decoded(members)

    def _decoded(self, members: Judged) -> list[Found]:
        coded, _ = self.coder.coded(members.genes)
        figures = self.judge.figures(members)
        return [
            Found(
                nest=self.coder.nest(coded, at),
                cycles=int(figures.cycles[at]),
                energy_pj=float(figures.energy_pj[at]),
                weighed_pj=float(members.energy_pj[at]),
            )
            for at in range(len(members))
        ]
