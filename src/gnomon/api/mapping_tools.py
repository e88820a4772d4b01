"""One tensor operation asked of several models of mappings: Gnomon's own mapper and outside tools."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from gnomon.api import plugins
from gnomon.api.mapping_search import MappingSearch
from gnomon.api.tools import mapping_tool
from gnomon.core.card import Card
from gnomon.core.loop_nest import LoopNest
from gnomon.core.tool import Answer, Counts, EnergyPart, Question
from gnomon.engines.mapper import conventions
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.card import CARD, SEARCHING
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.tools.answers import checked

MAPPER = "mapper"


def cards(names: Sequence[str] = ()) -> tuple[Card, ...]:
    """The semantics cards of these models; of all where none is named. BadInput."""
    chosen = names or (MAPPER, *plugins.mapping_tools())
    return tuple(CARD if name == MAPPER else mapping_tool(name).card for name in chosen)


def searched(paths: Sequence[str | Path], question: Question, budget_s: float) -> Answer:
    """What Gnomon's own mapper says of the mapping that is given; without one, of the best that it finds in that time."""
    if question.nest is not None:
        return mapper_answer(question, question.nest)
    search = MappingSearch(paths, objective=question.objective)
    search.run(budget_s)
    best = search.mappings()[0]
    told = search.bounds()[question.objective]
    note = f"the best found in {budget_s:g} s; no mapping of its space is below {told['bound']:,.6g} {told['unit']}"
    return replace(mapper_answer(question, best.found.nest), card=SEARCHING, notes=(note,))


def mapper_answer(question: Question, nest: LoopNest) -> Answer:
    """What Gnomon's own mapper says of a mapping. BadInput where its tiles do not fit."""
    problem, accelerator = question.problem, question.accelerator
    found = evaluate(problem, accelerator, nest, conventions.of_environment(os.environ))
    costs, activity = found.costs, found.activity
    ideal = problem.macs / accelerator.units.instances  # as for every tool; what Timeloop rounds off is still asked
    longest = max(activity.cycles, *costs.level_cycles)
    parts = [EnergyPart(part=accelerator.units.name, energy_pj=costs.units_pj)]
    for level, memory in enumerate(accelerator.memories):
        parts += [
            EnergyPart(part=memory.name, space=space, energy_pj=energy_pj)
            for space, energy_pj in costs.memories_pj[level].items()
            if energy_pj or space in nest.tilings[level].kept
        ]
        wires_pj = sum(costs.networks_pj[level].values())
        parts += [EnergyPart(part=f"wires of {memory.name}", energy_pj=wires_pj)] * bool(wires_pj)
        parts += [EnergyPart(part=f"leaks of {memory.name}", energy_pj=costs.leaks_pj[level])] * bool(
            costs.leaks_pj[level]
        )
    return checked(
        Answer(
            tool=MAPPER,
            version=version("gnomon"),
            card=CARD,
            cycles=costs.cycles,
            cycle_terms={
                "ideal": ideal,
                "idle units": activity.cycles - ideal,
                "stalls": longest - activity.cycles,
                "array": costs.cycles - longest,
            },
            energy_pj=costs.energy_pj,
            energy_parts=tuple(parts),
            counts=tuple(
                Counts(part=memory.name, space=space, reads=one.reads, fills=one.fills, updates=one.updates)
                for memory, level in zip(accelerator.memories, activity.levels, strict=True)
                for space, one in level.items()
                if one.is_kept
            ),
            mapping=as_text(problem, accelerator, nest),
        )
    )
