"""What ZigZag's cost model says -> an answer. Pure."""

from __future__ import annotations

from gnomon.adapters.zigzag.card import CARD
from gnomon.adapters.zigzag.translate import names_of
from gnomon.core.tool import Answer, EnergyPart, Files, Question
from gnomon.tools.results import Result


def read(output: Files, question: Question) -> Answer:
    """Its totals with their terms. ToolError where a number is missing."""
    said = Result.of("zigzag", output)
    spaces = names_of(question)
    # The array is rounded up to whole cycles of all units, and fractional tiles to whole iterations.
    ideal, compute = said.number("ideal_cycles"), said.number("compute_cycles")
    return Answer(
        tool="zigzag",
        version=said.text("version"),
        card=CARD,
        cycles=said.number("cycles"),
        cycle_terms={
            "ideal": ideal,
            "idle units": compute - ideal,
            "stalls": said.number("stall_cycles"),
            "first load": said.number("load_cycles"),
            "last store": said.number("store_cycles"),
        },
        energy_pj=said.number("energy_pj"),
        energy_parts=(
            EnergyPart(part=question.accelerator.units.name, energy_pj=said.number("units_pj")),
            *(
                EnergyPart(
                    part=level.text("memory"), space=spaces[level.text("operand")], energy_pj=level.number("energy_pj")
                )
                for level in said.rows("levels")
            ),
        ),
        mapping=said.text("mapping"),
        notes=_notes(question),
    )


def _notes(question: Question) -> tuple[str, ...]:
    """What was filled in where the accelerator says nothing."""
    free = [
        memory.name
        for memory, kept in zip(question.accelerator.memories, question.kept, strict=True)
        if kept and memory.read_words_per_cycle is None and memory.shared_words_per_cycle is None
    ]
    told = (
        f"{', '.join(free)}: no bandwidth is given; a port for each move, a block in each cycle for each unit inside"
        if free
        else ""
    )
    return (told,) if told else ()
