"""What AccelForge finds -> an answer. Pure."""

from __future__ import annotations

from gnomon.adapters.accelforge import names
from gnomon.adapters.accelforge.card import CARD
from gnomon.core.tool import Answer, EnergyPart, Files, Question
from gnomon.tools.results import Result


def read(output: Files, question: Question) -> Answer:
    """Its totals with their terms. ToolError where a number is missing."""
    said = Result.of("accelforge", output)
    cycles = said.number("cycles")
    compute = said.part("component_cycles").number(names.UNITS)
    ideal = question.problem.macs / question.accelerator.units.instances
    pareto = round(said.number("pareto"))
    return Answer(
        tool="accelforge",
        version=said.text("version"),
        card=CARD,
        cycles=cycles,
        cycle_terms={"ideal": ideal, "idle units": compute - ideal, "stalls": cycles - compute},
        energy_pj=said.number("energy_pj"),
        energy_parts=tuple(part for row in said.rows("parts") if (part := _part(row, question)) is not None),
        mapping=_named(said.text("mapping"), question),
        notes=(f"one of {pareto} mappings of which none is better in time and in energy",) if pareto > 1 else (),
    )


def _part(row: Result, question: Question) -> EnergyPart | None:
    """None for a leak, of which there is none."""
    parts = {short: name for name, short in names.memories(question).items()}
    parts[names.UNITS] = question.accelerator.units.name
    spaces = {short: name for name, short in names.tensors(question).items()}
    energy_pj, component, tensor = row.number("energy_pj"), row.text("component"), row.text("tensor")
    if tensor not in spaces and not energy_pj:
        return None
    return EnergyPart(part=parts.get(component, component), space=spaces.get(tensor, ""), energy_pj=energy_pj)


def _named(mapping: str, question: Question) -> str:
    """The mapping as it writes it, and what its names stand for."""
    told = [
        f"{short} is {name}"
        for table in (names.tensors(question), names.variables(question), names.memories(question))
        for name, short in table.items()
    ]
    return f"{mapping}\n({', '.join(told)})"
