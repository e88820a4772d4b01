"""Mappings of tensor operations on spatial accelerators, from Timeloop's own files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper import conventions
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import Evaluation, evaluate
from gnomon.engines.mapper.explain import Explained, explained
from gnomon.formats.timeloop.read import TimeloopInput, read

SCHEMA = "gnomon/mapping-evaluation/1"
RULES = ("timeloop",)  # whose counts can be asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEvaluation:
    """A mapping and everything that is counted of it."""

    given: TimeloopInput
    switches: Switches
    nest: LoopNest
    evaluation: Evaluation

    @property
    def loops(self) -> str:
        """The mapping as an indented loop nest."""
        return as_text(self.given.problem, self.given.accelerator, self.nest)

    def explain(self) -> list[Explained]:
        """Every count with the loops that cause it, the innermost memory first. Unsupported under `updated_rmw`."""
        if self.switches.updated_rmw:
            raise Unsupported("counts under updated_rmw are not explained: turn it off")
        return list(explained(self.given.problem, self.given.accelerator, self.nest, self.switches, self.evaluation))

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: counts per instance, energy in picojoules of all instances, the innermost level first."""
        accelerator, activity, costs = self.given.accelerator, self.evaluation.activity, self.evaluation.costs
        return {
            "schema": SCHEMA,
            "problem": self.given.problem.name,
            "architecture": accelerator.name,
            "conventions": {"name": conventions.TIMELOOP, "switches": self.switches.told()},
            "energy_table": "given" if self.given.has_ert else "built in",
            "cycles": costs.cycles,
            "macs": activity.macs,
            "utilization": costs.utilization,
            "energy_pj": costs.energy_pj,
            "levels": [_units(self), *(_memory(self, level) for level in range(len(accelerator.memories)))],
            "networks": [_network(self, level) for level in range(len(accelerator.memories))],
        }


def evaluate_mapping(
    paths: Sequence[str | Path], settings: Mapping[str, str] | None = None, *, rules: str = "timeloop"
) -> MappingEvaluation:
    """Evaluate the mapping that the files hold by the rules of a tool. BadInput where they are wrong or it does not fit.

    `settings` turns Timeloop's switches by name, over its own variables in the environment.
    """
    if rules not in RULES:
        raise BadInput(
            f"unknown rules {rules!r}{near_match(rules, RULES)} (known: {', '.join(RULES)})", field="conventions"
        )
    given = read([Path(path) for path in paths])
    if given.nest is None:
        raise BadInput("no 'mapping:' in any of the files", where=", ".join(map(str, paths)))
    switches = conventions.turned(conventions.of_environment(os.environ), settings or {})
    try:
        found = evaluate(given.problem, given.accelerator, given.nest, switches)
    except BadInput as fault:
        raise fault.at(where=given.places["mapping"]) from None
    return MappingEvaluation(given=given, switches=switches, nest=given.nest, evaluation=found)


def _units(made: MappingEvaluation) -> dict[str, Any]:
    units, activity = made.given.accelerator.units, made.evaluation.activity
    return {
        "name": units.name,
        "type": "compute",
        "instances": units.instances,
        "utilized_instances": activity.units,
        "dataspaces": {},
        "energy_pj": made.evaluation.costs.units_pj,
        "leakage_pj": 0.0,
        "cycles": activity.cycles,
    }


def _memory(made: MappingEvaluation, level: int) -> dict[str, Any]:
    memory, activity, costs = made.given.accelerator.memories[level], made.evaluation.activity, made.evaluation.costs
    spaces = {
        name: {
            "keep": one.is_kept,
            "reads": one.reads,
            "fills": one.fills,
            "updates": one.updates,
            "utilized_capacity": one.words,
            "partition_size": one.partition,
            "energy_pj": costs.memories_pj[level][name],
        }
        for name, one in activity.levels[level].items()
    }
    return {
        "name": memory.name,
        "type": "storage",
        "instances": memory.instances,
        "utilized_instances": activity.instances[level],
        "dataspaces": spaces,
        "energy_pj": sum(costs.memories_pj[level].values()),
        "leakage_pj": costs.leaks_pj[level],
        "cycles": costs.level_cycles[level],
    }


def _network(made: MappingEvaluation, level: int) -> dict[str, Any]:
    accelerator, activity, costs = made.given.accelerator, made.evaluation.activity, made.evaluation.costs
    inner = accelerator.memories[level - 1].name if level else accelerator.units.name
    spaces = {
        name: {
            "multicast": [
                {"children": children, "groups": groups, "words": shared.accesses}
                for (children, groups), shared in one.shared
            ],
            "link_transfers": one.link_words,
            "energy_pj": costs.networks_pj[level][name],
        }
        for name, one in activity.levels[level].items()
    }
    return {
        "name": f"{accelerator.memories[level].name} <==> {inner}",
        "fanout": activity.fanout[level],
        "dataspaces": spaces,
        "energy_pj": sum(costs.networks_pj[level].values()),
    }
