"""What a mapping of a layer costs: many for a search, and one with the share of every part of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import LoopNest, Tiling
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.conventions import TIMELOOP, Switches
from gnomon.engines.mapper.costs import priced
from gnomon.engines.mapper.counts import Activity, Counts
from gnomon.engines.mapper.fast import Fast, Figures

CONVENTIONS = f"{TIMELOOP}, parts that divide their dimensions"
IS_RAGGED = False
SWITCHES = Switches()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One mapping."""

    cycles: int
    energy_pj: Mapping[str, float]  # by part of the machine, the units first
    outside_words: int  # that the outermost memory reads and writes
    utilization: float
    slowest: str | None  # the memory that takes longer than the units; None: they take longest


class Counting:
    """One problem on one accelerator, its mappings counted by Timeloop's conventions."""

    def __init__(self, problem: Problem, accelerator: Accelerator, rules: MapRules) -> None:
        """Unsupported where many mappings cannot be evaluated quickly."""
        self._problem, self._accelerator = problem, accelerator
        self.evaluator = Fast(problem, accelerator, _flags(rules), SWITCHES)

    def price(self, nest: LoopNest) -> Price | None:
        """What a mapping costs; None: its tiles do not fit. Unsupported where a part does not divide its dimension."""
        figures = self.evaluator.evaluate(self.evaluator.coded([nest]))
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


def _flags(rules: MapRules) -> LoopNest:
    """A mapping that bears the flags of the rules, and nothing else."""
    return LoopNest(
        tilings=tuple(
            Tiling(
                kept=frozenset(),
                no_temporal_reuse=level.no_temporal_reuse,
                no_multicast=level.no_multicast,
                no_link_transfer=level.no_link_transfer,
                reads_first_update=level.reads_first_update,
            )
            for level in rules.levels
        )
    )


def _activity(problem: Problem, nest: LoopNest, figures: Figures) -> Activity:
    """The first of the figures as an activity: every part divides its dimension, so all places of the mapping have work."""
    fanout = [prod(loop.count for loop in (*tiling.spatial_x, *tiling.spatial_y)) for tiling in nest.tilings]
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
