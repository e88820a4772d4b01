"""`ERT:` and `ART:`, the tables of energies and areas that Accelergy writes -> energies of actions, areas of parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gnomon.core.accelerator import Actions, Memory
from gnomon.formats.timeloop.attributes import is_dram
from gnomon.formats.timeloop.built_in_energy import dram_access_pj, mac_pj, sram_access_pj
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.node import Node

# The names that an action goes by, the first that is there counts.
_READ = ("random_read", "read")
_FILL = ("random_fill", "random_write", "fill", "write")
_UPDATE = ("random_update", "random_write", "update", "write")
_MAC = ("mac_random", "mult_random", "mac", "mult", "compute")
_LEAK = "leak"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTable:
    """Energy of each action of each part, in picojoules."""

    node: Node
    actions_pj: Mapping[str, Mapping[str, float]]  # of a part, by name
    wire_pj_per_bit_mm: float  # of every wire; 0: not given


def energy_table(node: Node) -> EnergyTable:
    """The table; of an action with several rows of arguments the dearest counts."""
    found: dict[str, dict[str, float]] = {}
    written: dict[str, str] = {}
    for component in node.need("tables").items():
        whole = component.need("name").text()
        name = _last_name(whole)
        if written.setdefault(name, whole) != whole:
            raise component.need("name").fault(
                f"{written[name]!r} is there too, and parts go by their last name, {name!r}"
            )
        actions = found.setdefault(name, {})
        for action in component.need("actions").items():
            energy_pj = action.need("energy").number()
            called = action.need("name").text()
            actions[called] = max(energy_pj, actions.get(called, 0.0))
    wires = found.get("wire") or found.get("Wire") or {}
    return EnergyTable(node=node, actions_pj=found, wire_pj_per_bit_mm=wires.get("transfer_random", 0.0))


def area_table(node: Node) -> dict[str, float]:
    """Area of an instance of each part, in square micrometres."""
    rows = node.need("tables").items()
    return {_last_name(row.need("name").text()): row.need("area").number() for row in rows}


def memory_actions(part: Part, memory: Memory, table: EnergyTable | None) -> Actions:
    """What its accesses cost: as its attribute says, else the table, else what Timeloop has built in."""
    stated = part.attributes.get("vector_access_energy")
    if stated:
        return _alike(stated.number())
    if table is None or (part.name not in table.actions_pj and _is_placeholder(part)):
        return _alike(dram_access_pj(memory) if is_dram(part) else sram_access_pj(memory))
    actions = _actions(part, table)
    return Actions(
        read_pj=_energy(part, table, actions, _READ),
        fill_pj=_energy(part, table, actions, _FILL),
        update_pj=_energy(part, table, actions, _UPDATE),
        leak_pj=actions.get(_LEAK, 0.0),
    )


def unit_mac_pj(part: Part, word_bits: int, table: EnergyTable | None) -> float:
    """What a multiply-accumulate costs: as the table says, else its attribute, else what Timeloop has built in.

    Timeloop reads no leakage of units from the table, so there is none here.
    """
    stated = part.attributes.get("energy")
    if table is not None and (stated is None or part.name in table.actions_pj):
        return _energy(part, table, _actions(part, table), _MAC)
    return stated.number() if stated else mac_pj(word_bits)


def _alike(access_pj: float) -> Actions:
    return Actions(read_pj=access_pj, fill_pj=access_pj, update_pj=access_pj)


def _is_placeholder(part: Part) -> bool:
    """Whether it stands for a fan-out: Accelergy has no row for such a part."""
    return part.fans_out is not None or "dummy" in part.class_name


def _actions(part: Part, table: EnergyTable) -> Mapping[str, float]:
    known = table.actions_pj
    if part.name not in known:
        there = ", ".join(known) or "none"
        raise table.node.fault(f"no row for {part.name} (there: {there})")
    return known[part.name]


def _energy(part: Part, table: EnergyTable, actions: Mapping[str, float], names: tuple[str, ...]) -> float:
    for name in names:
        if name in actions:
            return actions[name]
    there = ", ".join(actions) or "none"
    raise table.node.fault(f"{part.name} has no action {', '.join(names[:-1])} or {names[-1]} (there: {there})")


def _last_name(written: str) -> str:
    """`system.PE[0..15].RF[1..1]` is RF."""
    return re.sub(r"\[[^\]]*\]", "", written).rpartition(".")[2]
