"""Asking a tool: its three steps one after another, and the checks that hold for all tools."""

from __future__ import annotations

from math import isclose, isfinite

from gnomon.core.errors import ToolError, Unsupported
from gnomon.core.tool import Answer, Limits, MappingTool, Question

_SAME = 1e-6  # of a sum that the tool adds up in another order, and prints rounded


def ask(tool: MappingTool, question: Question, limits: Limits) -> Answer:
    """Its answer. Unsupported with the reasons of `missing`; ToolError from the tool."""
    if reasons := tool.missing(question):
        raise Unsupported(f"{tool.name}: {'; '.join(reasons)}")
    return checked(tool.read(tool.run(tool.translate(question), limits), question))


def checked(answer: Answer) -> Answer:
    """The same answer. ToolError where a total cannot be one, or is not the sum of its parts."""
    name, cycles, energy_pj = answer.tool, answer.cycles, answer.energy_pj
    if not (isfinite(cycles) and cycles > 0):
        raise ToolError(f"{name} gave a total of {cycles:g} cycles: something was not counted")
    if not isclose(sum(answer.cycle_terms.values()), cycles, rel_tol=_SAME):
        told = ", ".join(f"{term} {value:g}" for term, value in answer.cycle_terms.items())
        raise ToolError(f"{name} gave a total of {cycles:g} cycles, which is not the sum of {told}")
    if energy_pj is None:
        return answer
    if not (isfinite(energy_pj) and energy_pj > 0):
        raise ToolError(f"{name} gave a total of {energy_pj:g} pJ: something was not counted")
    if answer.energy_parts:
        total = sum(part.energy_pj for part in answer.energy_parts)
        if not isclose(total, energy_pj, rel_tol=_SAME):
            raise ToolError(f"{name} gave a total of {energy_pj:g} pJ, but its parts add up to {total:g} pJ")
    return answer
