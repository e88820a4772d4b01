"""Timeloop's statistics -> an answer. Pure.

Counts and energies of memories are exact in its XML; its text, of two decimals, has the wires, the leaks and the cycles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

from gnomon.adapters.timeloop.card import CARD
from gnomon.adapters.timeloop.run import EXACT, STATS
from gnomon.core.errors import ToolError
from gnomon.core.tool import Answer, Counts, EnergyPart, Files, Question

_ROOT_END = "</boost_serialization>"  # which timeloop-model leaves out
_CYCLES = re.compile(r"^Cycles: (\d+)\s*$", re.MULTILINE)
_ENERGY = re.compile(r"(?:Energy|Link transfer energy) \(total\)\s*: (\S+) pJ")
_LEAK = re.compile(r"Leakage energy \(total\)\s*: (\S+) pJ")
_NETWORK = re.compile(r"^(?P<outer>.+) <==> (?P<inner>.+)$")
_LEVEL = re.compile(r"^=== (?P<name>.+) ===$")


def read(output: Files, question: Question) -> Answer:
    """Its totals with their terms, and every count. ToolError where something is missing."""
    text, levels = output.get(STATS, ""), _levels(output.get(EXACT, ""))
    units, *memories = levels
    told = _CYCLES.findall(text)
    if not told:
        raise ToolError("timeloop gave no cycles: its statistics are cut short")
    cycles, compute = float(told[-1]), _number(units, "cycles_")
    parts = [
        EnergyPart(part=question.accelerator.units.name, energy_pj=_number(units, "energy_")),
        *_energies(memories, question),
    ]
    parts += _in_text(text)
    ideal = question.problem.macs / question.accelerator.units.instances
    wires = float(
        sum(round(one.network.fill_cycles + one.network.drain_cycles) for one in question.accelerator.memories)
    )
    return Answer(
        tool="timeloop",
        version=CARD.version,
        card=CARD if question.nest is None else replace(CARD, tiles="given"),
        cycles=cycles,
        cycle_terms={
            "ideal": ideal,
            "idle units": compute - ideal,
            "stalls": cycles - wires - compute,
            "array": wires,
        },
        energy_pj=sum(part.energy_pj for part in parts),
        energy_parts=tuple(parts),
        counts=tuple(_counts(memories, question)),
        mapping=output.get("map.txt", "").strip(),
        notes=("the programs do not tell their version; the card is that of 4cf6d4c",),
    )


def _levels(xml: str) -> list[ElementTree.Element]:
    """The units and each memory, from inside out."""
    whole = xml if _ROOT_END in xml else f"{xml}\n{_ROOT_END}"
    try:
        root = ElementTree.fromstring(whole)
    except ElementTree.ParseError as fault:
        raise ToolError(f"timeloop gave statistics that cannot be read: {fault}") from None
    found = root.findall("engine/topology_/levels_/item/px")
    if len(found) < 2:
        raise ToolError("timeloop gave statistics without memories")
    return found


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path)
    try:
        return float(text or "")
    except ValueError:
        raise ToolError(f"timeloop gave {text!r} for {path}") from None


def _by_space(memory: ElementTree.Element, statistic: str, question: Question) -> list[float]:
    """A statistic of each data space, in the problem's order; it has room for more of them than there are."""
    items = memory.findall(f"stats_/{statistic}/PerDataSpace/item")
    spaces = question.problem.spaces
    if len(items) < len(spaces):
        raise ToolError(f"timeloop gave {len(items)} data spaces for {statistic}, {len(spaces)} were asked")
    return [_number(item, ".") for item, _ in zip(items, spaces, strict=False)]


def _name(memory: ElementTree.Element) -> str:
    return memory.findtext("specs_/LevelSpecs/level_name") or ""


def _energies(memories: list[ElementTree.Element], question: Question) -> Iterator[EnergyPart]:
    for memory in memories:
        each, instances = (_by_space(memory, name, question) for name in ("energy", "utilized_instances"))
        kept = _by_space(memory, "keep", question)
        for space, energy_pj, count, is_kept in zip(question.problem.spaces, each, instances, kept, strict=True):
            if is_kept:
                yield EnergyPart(part=_name(memory), space=space.name, energy_pj=energy_pj * count)


def _counts(memories: list[ElementTree.Element], question: Question) -> Iterator[Counts]:
    for memory in memories:
        found = {name: _by_space(memory, name, question) for name in ("keep", "reads", "fills", "updates")}
        for at, space in enumerate(question.problem.spaces):
            if found["keep"][at]:
                reads, fills, updates = (round(found[name][at]) for name in ("reads", "fills", "updates"))
                yield Counts(part=_name(memory), space=space.name, reads=reads, fills=fills, updates=updates)


def _in_text(text: str) -> Iterator[EnergyPart]:
    """Leaks of each memory and energy of the wires inside it, where there is any."""
    found: dict[str, float] = {}
    part = ""
    for line in text.splitlines():
        if level := _LEVEL.match(line.strip()):
            part = f"leaks of {level['name']}"
        elif network := _NETWORK.match(line.strip()):
            part = f"wires of {network['outer']}"
        pattern = _ENERGY if part.startswith("wires") else _LEAK
        if written := pattern.search(line):
            found[part] = found.get(part, 0.0) + _picojoules(written[1])
    yield from (EnergyPart(part=part, energy_pj=energy_pj) for part, energy_pj in found.items() if energy_pj)


def _picojoules(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ToolError(f"timeloop gave {text!r} for an energy") from None
