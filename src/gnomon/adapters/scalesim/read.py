"""SCALE-Sim's reports -> an answer. Pure.

Its "total" goes from the first word out of DRAM to the last one in, its "stalls" are none in it all the same: what lies before
and after the array's own cycles is told apart here.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from gnomon.adapters.scalesim.card import CARD
from gnomon.adapters.scalesim.layer import Layer
from gnomon.adapters.scalesim.machine import Machine
from gnomon.adapters.scalesim.translate import parts
from gnomon.core.tool import Answer, Files, Question, Term
from gnomon.tools.results import Result


def read(output: Files, question: Question) -> Answer:
    """Its cycles with their terms. ToolError where a number is missing."""
    said = Result.of("scalesim", output)
    layer, machine = parts(question)
    compute, detail = said.part("COMPUTE_REPORT"), said.part("DETAILED_ACCESS_REPORT")
    array, stalls = compute.number("Total Cycles"), compute.number("Stall Cycles")
    streamed = float(streaming_cycles(layer, machine))
    ideal = question.problem.macs / question.accelerator.units.instances
    terms: dict[Term, float] = {
        "ideal": ideal,
        "idle units": streamed - ideal,
        "stalls": stalls,
        "array": array - stalls - streamed,
    }
    if machine.dram_words_per_cycle is not None:
        starts = [detail.signed(f"DRAM {operand} Start Cycle") for operand in ("IFMAP", "Filter")]
        terms["first load"] = max(-min(starts), 0.0)
        terms["last store"] = max(detail.signed("DRAM OFMAP Stop Cycle") - array, 0.0)
    told = compute.number("Total Cycles (incl. prefetch)")
    return Answer(
        tool="scalesim",
        version=said.text("version"),
        card=CARD if machine.dram_words_per_cycle else replace(CARD, first_load="apart", last_store="apart"),
        cycles=sum(terms.values()),
        cycle_terms=terms,
        energy_pj=None,
        mapping=f"{machine.dataflow}: {_folds(layer, machine)} folds of {machine.rows} x {machine.columns}",
        notes=(
            *machine.notes,
            f"the array is at work for {array:,.0f} cycles; with all of DRAM's, it says {told:,.0f}",
        ),
    )


def streaming_cycles(layer: Layer, machine: Machine) -> int:
    """Cycles in which new words enter a filled array: the length of what streams, for each fold."""
    streamed = {"ws": layer.m, "is": layer.n, "os": layer.k}[machine.dataflow]
    return streamed * _folds(layer, machine)


def _folds(layer: Layer, machine: Machine) -> int:
    """How often the array is filled: what stays, cut into pieces of its size."""
    down, across = {"ws": (layer.k, layer.n), "is": (layer.k, layer.m), "os": (layer.m, layer.n)}[machine.dataflow]
    return ceil(down / machine.rows) * ceil(across / machine.columns)
