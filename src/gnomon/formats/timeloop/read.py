"""Timeloop's files, any number of them -> what it needs to evaluate or search mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gnomon.core.accelerator import Accelerator, Memory
from gnomon.core.design import Design
from gnomon.core.errors import BadInput
from gnomon.core.loop_nest import LoopNest
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.formats.timeloop import architecture, energy_tables, nodes, wires
from gnomon.formats.timeloop.attributes import memory, power_gate, units
from gnomon.formats.timeloop.constraints_file import map_rules
from gnomon.formats.timeloop.files import CONSTRAINTS, MAP_SPACE, load
from gnomon.formats.timeloop.hardware import Hardware, Part
from gnomon.formats.timeloop.mapping_file import loop_nest
from gnomon.formats.timeloop.node import Node
from gnomon.formats.timeloop.problem_file import problem
from gnomon.formats.timeloop.search_settings import SearchSettings, search_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeloopInput:
    """What a set of files says."""

    problem: Problem
    accelerator: Accelerator
    nest: LoopNest | None  # None: no mapping is given
    has_ert: bool  # else the energies are those that Timeloop has built in
    places: Mapping[str, str]  # file and line of each top-level key
    rules: MapRules  # for the mappings that a search may take
    search: SearchSettings
    passing: frozenset[str]  # memories that stand for a fan-out and keep nothing


def read(paths: Sequence[Path], design: Design | None = None) -> TimeloopInput:
    """The problem, the accelerator with its energies, and the mapping if there is one. BadInput, Unsupported.

    `design`: an accelerator with its dataflow, in place of architecture, energies and constraints in the files.
    """
    parts = load(paths)
    told = ", ".join(str(path) for path in paths)
    if "problem" not in parts:
        raise BadInput("no 'problem:' in any of the files", where=told)
    asked = problem(parts["problem"])
    if design is not None:
        return _on_design(parts, asked, design)
    drawn = _architecture(parts, told)
    hardware = architecture.hardware(drawn)
    table = energy_tables.energy_table(parts["ERT"]) if "ERT" in parts else None
    areas_um2 = energy_tables.area_table(parts["ART"]) if "ART" in parts else {}
    accelerator = _accelerator(hardware, tuple(space.name for space in asked.spaces), table, areas_um2)
    passing = frozenset(part.name for part in hardware.memories if part.fans_out)
    return TimeloopInput(
        problem=asked,
        accelerator=accelerator,
        nest=loop_nest(parts["mapping"], asked, accelerator, hardware.memories) if "mapping" in parts else None,
        has_ert=table is not None,
        places={key: node.place for key, node in parts.items()},
        rules=_rules(parts, drawn, asked, accelerator, hardware.memories),
        search=search_settings(parts.get("mapper"), [parts[key] for key in MAP_SPACE if key in parts]),
        passing=passing,
    )


def _on_design(parts: Mapping[str, Node], asked: Problem, design: Design) -> TimeloopInput:
    """A problem on an accelerator that is known already."""
    for key in ("architecture", "arch", "ERT", "ART", "mapping", *CONSTRAINTS):
        if key in parts:
            raise parts[key].fault(f"stands beside {design.accelerator.name}, which has its own; leave one of them out")
    return TimeloopInput(
        problem=asked,
        accelerator=design.accelerator,
        nest=None,
        has_ert=True,
        places={key: node.place for key, node in parts.items()},
        rules=design.rules(asked),
        search=search_settings(parts.get("mapper"), [parts[key] for key in MAP_SPACE if key in parts]),
        passing=frozenset(),
    )


def _rules(
    parts: Mapping[str, Node], drawn: Node, asked: Problem, accelerator: Accelerator, memories: tuple[Part, ...]
) -> MapRules:
    """Those of every list of constraints; the first forms of architectures hold one, the newest some beside its parts."""
    listed = [parts[key] for key in CONSTRAINTS if key in parts and parts[key].data is not None]
    if drawn.get("nodes"):
        return map_rules(listed, nodes.level_constraints(drawn), asked, accelerator, memories)
    within = drawn.get("constraints")
    return map_rules([within, *listed] if within else listed, {}, asked, accelerator, memories)


def _architecture(parts: Mapping[str, Node], told: str) -> Node:
    given = [parts[key] for key in ("architecture", "arch") if key in parts]
    if not given:
        raise BadInput("no 'architecture:' in any of the files", where=told)
    if len(given) > 1:
        raise given[1].fault(f"given twice, as 'architecture' in {given[0].place} too")
    return given[0]


def _accelerator(
    hardware: Hardware,
    spaces: tuple[str, ...],
    table: energy_tables.EnergyTable | None,
    areas_um2: Mapping[str, float],
) -> Accelerator:
    bare = [memory(part, spaces) for part in hardware.memories]
    tiles_um2 = wires.tile_areas_um2(hardware, bare, areas_um2)
    wire_pj = table.wire_pj_per_bit_mm if table else 0.0
    memories: list[Memory] = []
    instances = {found.name: found.instances for found in bare}
    for part, found, tile_um2 in zip(hardware.memories, bare, tiles_um2, strict=True):
        memories.append(
            replace(
                found,
                power_gated_by=power_gate(part, instances),
                actions=energy_tables.memory_actions(part, found, table),
                network=wires.network(part, tile_um2, wire_pj, found.word_bits),
            )
        )
    plain = units(hardware.units)
    mac_pj = energy_tables.unit_mac_pj(hardware.units, plain.word_bits, table)
    return Accelerator(name=hardware.name, units=replace(plain, mac_pj=mac_pj), memories=tuple(memories))
