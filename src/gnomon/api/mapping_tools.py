"""One tensor operation asked of several models of mappings: Gnomon's own mapper and outside tools."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

from gnomon.api import plugins
from gnomon.api.tools import tool
from gnomon.core.card import Card
from gnomon.core.errors import Unsupported
from gnomon.core.tool import Answer, Counts, EnergyPart, Limits, Question
from gnomon.engines.mapper import conventions
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.card import CARD
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.tools.answers import ask, checked

MAPPER = "mapper"


def cards(names: Sequence[str] = ()) -> tuple[Card, ...]:
    """The semantics cards of these models; of all where none is named. BadInput."""
    chosen = names or (MAPPER, *plugins.mapping_tools())
    return tuple(CARD if name == MAPPER else tool(name).card for name in chosen)


def answer(name: str, question: Question, limits: Limits) -> Answer:
    """What a model says of a question. BadInput, Unsupported, ToolError."""
    return mapper_answer(question) if name == MAPPER else ask(tool(name), question, limits)


def mapper_answer(question: Question) -> Answer:
    """What Gnomon's own mapper says of the mapping that is given. Unsupported without one."""
    if question.nest is None:
        raise Unsupported("mapper: no mapping is given, and it evaluates the one that is")
    problem, accelerator, nest = question.problem, question.accelerator, question.nest
    found = evaluate(problem, accelerator, nest, conventions.of_environment(os.environ))
    costs, activity = found.costs, found.activity
    ideal = activity.macs / accelerator.units.instances
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
