"""Mappings of tensor operations on spatial accelerators, from Timeloop's own files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper import conventions
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import Evaluation, evaluate
from gnomon.engines.mapper.exact.evaluate import Evaluation as ExactEvaluation
from gnomon.engines.mapper.exact.evaluate import evaluate as evaluate_exactly
from gnomon.engines.mapper.explain import Explained, explained
from gnomon.formats.timeloop.read import TimeloopInput, read

SCHEMA = "gnomon/mapping-evaluation/1"
RULES = ("timeloop", "gnomon")  # whose counts can be asked for; gnomon: its own


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEvaluation:
    """A mapping and everything that is counted of it."""

    given: TimeloopInput
    switches: Switches | None  # of Timeloop; None: Gnomon's own rules count, which have none
    nest: LoopNest
    evaluation: Evaluation | ExactEvaluation

    @property
    def loops(self) -> str:
        """The mapping as an indented loop nest."""
        return as_text(self.given.problem, self.given.accelerator, self.nest)

    def explain(self) -> list[Explained]:
        """Every count with the loops that cause it, the innermost memory first.

        Unsupported under `updated_rmw` and under Gnomon's own rules.
        """
        switches = explained_switches(self.switches)
        assert isinstance(self.evaluation, Evaluation)  # by switches
        return list(explained(self.given.problem, self.given.accelerator, self.nest, switches, self.evaluation))

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: counts per instance, energy in picojoules of all instances, the innermost level first."""
        costs, memories = self.evaluation.costs, self.given.accelerator.memories
        if isinstance(self.evaluation, ExactEvaluation):
            levels = [_exact_memory(self.given, self.evaluation, level) for level in range(len(memories))]
            networks = [_exact_network(self.given, self.nest, self.evaluation, level) for level in range(len(memories))]
        else:
            levels = [_memory(self.given, self.evaluation, level) for level in range(len(memories))]
            networks = [_network(self.given, self.evaluation, level) for level in range(len(memories))]
        return {
            "schema": SCHEMA,
            "problem": self.given.problem.name,
            "architecture": self.given.accelerator.name,
            "conventions": told_conventions(self.switches),
            "energy_table": "given" if self.given.has_ert else "built in",
            "cycles": costs.cycles,
            "macs": self.evaluation.activity.macs,
            "utilization": costs.utilization,
            "energy_pj": costs.energy_pj,
            "levels": [_units(self.given, self.evaluation), *levels],
            "networks": networks,
        }


def evaluate_mapping(
    paths: Sequence[str | Path], settings: Mapping[str, str] | None = None, *, rules: str = "timeloop"
) -> MappingEvaluation:
    """Evaluate the mapping that the files hold by the rules of a tool. BadInput where they are wrong or it does not fit.

    `settings` turns Timeloop's switches by name, over its own variables in the environment; Gnomon's own rules have none.
    """
    given, switches = read([Path(path) for path in paths]), switches_of(rules, settings or {})
    if given.nest is None:
        raise BadInput("no 'mapping:' in any of the files", where=", ".join(map(str, paths)))
    try:
        return evaluated(given, given.nest, switches)
    except BadInput as fault:
        raise fault.at(where=given.places["mapping"]) from None


def switches_of(rules: str, settings: Mapping[str, str]) -> Switches | None:
    """Timeloop's switches, from the environment and by name; None: Gnomon's own rules, which have none. BadInput."""
    if rules not in RULES:
        raise BadInput(
            f"unknown rules {rules!r}{near_match(rules, RULES)} (known: {', '.join(RULES)})", field="conventions"
        )
    if rules == "timeloop":
        return conventions.turned(conventions.of_environment(os.environ), settings)
    if settings:
        raise BadInput("the switches are those of timeloop's conventions; leave them out", field="set")
    return None


def explained_switches(switches: Switches | None) -> Switches:
    """The switches, where counts by them can be explained. Unsupported."""
    if switches is None:
        raise Unsupported("counts under gnomon's conventions are not explained: ask for those of timeloop")
    if switches.updated_rmw:
        raise Unsupported("counts under updated_rmw are not explained: turn it off")
    return switches


def told_conventions(switches: Switches | None) -> dict[str, Any]:
    """Whose rules count, for JSON."""
    if switches is None:
        return {"name": "gnomon", "switches": {}}
    return {"name": conventions.TIMELOOP, "switches": switches.told()}


def evaluated(given: TimeloopInput, nest: LoopNest, switches: Switches | None) -> MappingEvaluation:
    """A mapping by Timeloop's rules with these switches, or by Gnomon's own."""
    found: Evaluation | ExactEvaluation = (
        evaluate(given.problem, given.accelerator, nest, switches)
        if switches is not None
        else evaluate_exactly(given.problem, given.accelerator, nest)
    )
    return MappingEvaluation(given=given, switches=switches, nest=nest, evaluation=found)


def _units(given: TimeloopInput, made: Evaluation | ExactEvaluation) -> dict[str, Any]:
    units = given.accelerator.units
    if isinstance(made, ExactEvaluation):
        at_work, steps = _number(made.activity.units_at_work), made.activity.steps
    else:
        at_work, steps = made.activity.units, made.activity.cycles
    return {
        "name": units.name,
        "type": "compute",
        "instances": units.instances,
        "utilized_instances": at_work,
        "dataspaces": {},
        "energy_pj": made.costs.units_pj,
        "leakage_pj": 0.0,
        "cycles": steps,
    }


def _memory(given: TimeloopInput, made: Evaluation, level: int) -> dict[str, Any]:
    memory, activity, costs = given.accelerator.memories[level], made.activity, made.costs
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


def _network(given: TimeloopInput, made: Evaluation, level: int) -> dict[str, Any]:
    accelerator, activity, costs = given.accelerator, made.activity, made.costs
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
        "name": _wires(accelerator, level),
        "fanout": activity.fanout[level],
        "dataspaces": spaces,
        "energy_pj": sum(costs.networks_pj[level].values()),
    }


def _exact_memory(given: TimeloopInput, made: ExactEvaluation, level: int) -> dict[str, Any]:
    """Counts of an instance that has work: all of them over the instances at work on average."""
    memory, costs, at_work = given.accelerator.memories[level], made.costs, made.activity.at_work[level]
    spaces = {
        name: {
            "keep": one.is_kept,
            "reads": _number(one.reads / at_work),
            "fills": _number(one.fills / at_work),
            "updates": _number(one.updates / at_work),
            "utilized_capacity": one.words,
            "first_partial_sums": _number(one.first / at_work),
            "energy_pj": costs.memories_pj[level][name],
        }
        for name, one in made.activity.levels[level].items()
    }
    return {
        "name": memory.name,
        "type": "storage",
        "instances": memory.instances,
        "utilized_instances": _number(at_work),
        "dataspaces": spaces,
        "energy_pj": sum(costs.memories_pj[level].values()),
        "leakage_pj": costs.leaks_pj[level],
        "cycles": ceil(max(costs.level_cycles[level], Fraction(made.activity.steps))),
        "fill_cycles": _number(costs.fill_cycles[level]),
        "drain_cycles": _number(costs.drain_cycles[level]),
    }


def _exact_network(given: TimeloopInput, nest: LoopNest, made: ExactEvaluation, level: int) -> dict[str, Any]:
    """The words that are asked of an instance with work; without an energy, which is refused before."""
    at_work = made.activity.at_work[level]
    spaces = {
        name: {"words": _number(one.asked / at_work), "energy_pj": 0.0}
        for name, one in made.activity.levels[level].items()
    }
    return {
        "name": _wires(given.accelerator, level),
        "fanout": nest.tilings[level].children,
        "dataspaces": spaces,
        "energy_pj": 0.0,
    }


def _wires(accelerator: Accelerator, level: int) -> str:
    inner = accelerator.memories[level - 1].name if level else accelerator.units.name
    return f"{accelerator.memories[level].name} <==> {inner}"


def _number(value: Fraction) -> int | float:
    return int(value) if value == int(value) else float(value)
