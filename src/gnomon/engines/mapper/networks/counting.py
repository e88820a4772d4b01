"""What a mapping of a layer costs: many for a search, and one with the share of every part of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import BadInput
from gnomon.core.loop_nest import LoopNest
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.coded import coded
from gnomon.engines.mapper.conventions import TIMELOOP, Switches
from gnomon.engines.mapper.costs import priced
from gnomon.engines.mapper.counts import Activity, Counts
from gnomon.engines.mapper.exact import evaluate as exact
from gnomon.engines.mapper.fast import Fast, Figures
from gnomon.engines.mapper.search.counting import CountingRules, flags, of_gnomon, of_timeloop

TOLD = {"gnomon": "gnomon's own, ragged parts too", "timeloop": f"{TIMELOOP}, parts that divide their dimensions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One mapping."""

    cycles: int
    energy_pj: Mapping[str, float]  # by part of the machine, the units first
    outside_words: int  # that the outermost memory reads and writes
    utilization: float
    slowest: str | None  # the memory that takes longer than the units; None: they take longest


class Counting(Protocol):
    """One problem on one accelerator, its mappings counted by some conventions."""

    @property
    def rules(self) -> CountingRules:
        """How, for a search."""
        ...

    def price(self, nest: LoopNest) -> Price | None:
        """What a mapping costs; None: its tiles do not fit."""
        ...


def counting(problem: Problem, accelerator: Accelerator, rules: MapRules, conventions: str) -> Counting:
    """By the conventions of that name. Unsupported where many mappings cannot be counted quickly."""
    by = _ByGnomon if conventions == "gnomon" else _ByTimeloop
    return by(problem, accelerator, rules)


class _ByGnomon:
    def __init__(self, problem: Problem, accelerator: Accelerator, rules: MapRules) -> None:
        self._problem, self._accelerator = problem, accelerator
        self.rules = of_gnomon(problem, accelerator, rules)

    def price(self, nest: LoopNest) -> Price | None:
        try:
            made = exact.evaluate(self._problem, self._accelerator, nest)
        except BadInput:
            return None
        costs, activity = made.costs, made.activity
        memories = self._accelerator.memories
        slowest = max(range(len(memories)), key=costs.level_cycles.__getitem__)
        return Price(
            cycles=costs.cycles,
            energy_pj={self._accelerator.units.name: costs.units_pj}
            | {
                memory.name: sum(costs.memories_pj[level].values()) + costs.leaks_pj[level]
                for level, memory in enumerate(memories)
            },
            outside_words=sum(one.reads + one.fills + one.updates for one in activity.levels[-1].values()),
            utilization=costs.utilization,
            slowest=memories[slowest].name if costs.level_cycles[slowest] > activity.steps else None,
        )


class _ByTimeloop:
    def __init__(self, problem: Problem, accelerator: Accelerator, rules: MapRules) -> None:
        self._problem, self._accelerator = problem, accelerator
        self._quick = Fast(problem, accelerator, flags(rules), Switches())
        self.rules = of_timeloop(problem, accelerator, rules, Switches())

    def price(self, nest: LoopNest) -> Price | None:
        figures = self._quick.evaluate(coded(self._problem, [nest]))
        if not figures.fits[0]:
            return None
        memories = self._accelerator.memories
        activity = _activity(self._problem, nest, figures)
        costs = priced(self._problem, self._accelerator, activity)
        energy_pj = {self._accelerator.units.name: costs.units_pj}
        for level, memory in enumerate(memories):
            wires_pj = sum(costs.networks_pj[level].values())
            energy_pj[memory.name] = sum(costs.memories_pj[level].values()) + costs.leaks_pj[level] + wires_pj
        slowest = max(range(len(memories)), key=costs.level_cycles.__getitem__)
        return Price(
            cycles=costs.cycles,
            energy_pj=energy_pj,
            outside_words=sum(one.accesses for one in activity.levels[-1].values()) * activity.instances[-1],
            utilization=costs.utilization,
            slowest=memories[slowest].name if costs.level_cycles[slowest] > activity.cycles else None,
        )


def _activity(problem: Problem, nest: LoopNest, figures: Figures) -> Activity:
    """The first of the figures as an activity: every part divides its dimension, so all places of the mapping have work."""
    fanout = [tiling.children for tiling in nest.tilings]
    places = tuple(prod(fanout[level:]) for level in range(len(fanout) + 1))
    levels = []
    for level, tiling in enumerate(nest.tilings):
        counts = {}
        for at, space in enumerate(problem.spaces):
            reads, fills, updates, partition = (int(count) for count in figures.counts[0, at, level])
            counts[space.name] = Counts(
                is_kept=space.name in tiling.kept,
                words=int(figures.words[0, at, level]),
                partition=partition,
                reads=reads,
                fills=fills,
                updates=updates,
            )
        levels.append(counts)
    return Activity(
        levels=tuple(levels),
        fanout=tuple(fanout),
        instances=places[1:],
        expansions=places[1:],
        units=places[0],
        macs=problem.macs,
        cycles=problem.macs // places[0],
    )
