"""A golden case: the files of one mapping, and how what is counted of it differs from what Timeloop gave."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnomon.engines.mapper.conventions import of_environment
from gnomon.engines.mapper.evaluate import Evaluation, evaluate
from gnomon.formats.timeloop.read import TimeloopInput, read

ROOT = Path(__file__).parents[3]
_OWN = ROOT / "tests" / "golden" / "timeloop"
SHARED = ROOT / os.environ.get("GNOMON_SHARED", "../shared") / "reference" / "timeloop"
_NO_INPUT = {"constraints.yaml", "mapper.yaml"}  # of a search, beside the mapping that it found
COUNTS = {
    "reads": "reads",
    "fills": "fills",
    "updates": "updates",
    "utilized_capacity": "words",
    "partition_size": "partition",
}


def own_cases() -> list[Path]:
    return sorted(path.parent for path in _OWN.glob("*/expected.json"))


def shared_cases(*folders: str) -> list[Path]:
    """Those beside the repository, of these folders or of all."""
    return sorted(path.parent for folder in folders or ("*",) for path in SHARED.glob(f"{folder}/*/expected.json"))


def given(case: Path) -> TimeloopInput:
    return read([path for path in sorted(case.glob("*.yaml")) if path.name not in _NO_INPUT])


def environment(case: Path) -> dict[str, str]:
    return json.loads((case / "meta.json").read_text()).get("env") or {} if (case / "meta.json").exists() else {}


def evaluated(asked: TimeloopInput, case: Path) -> Evaluation:
    assert asked.nest is not None
    return evaluate(asked.problem, asked.accelerator, asked.nest, of_environment(environment(case)))


def differences(case: Path) -> Iterator[tuple[Any, ...]]:
    """What is counted otherwise: what, ours, Timeloop's."""
    asked, expected = given(case), json.loads((case / "expected.json").read_text())
    made = evaluated(asked, case)
    outputs = {space.name for space in asked.problem.spaces if space.is_output}
    activity, costs = made.activity, made.costs
    if activity.macs != expected["macs"]:
        yield "macs", activity.macs, expected["macs"]
    if costs.cycles != expected["cycles"]:
        yield "cycles", costs.cycles, expected["cycles"]
    if not _near(costs.utilization, expected["utilization"]):
        yield "utilization", costs.utilization, expected["utilization"]
    storage = [level for level in expected["levels"] if level["type"] == "storage"]
    for level, theirs in enumerate(storage):
        for name, figures in theirs["dataspaces"].items():
            ours = activity.levels[level][name]
            if not figures.get("keep", 1):
                assert not ours.is_kept
                continue
            for word, field in COUNTS.items():
                if getattr(ours, field) != figures[word]:
                    yield theirs["name"], name, word, getattr(ours, field), figures[word]
        energy_pj = sum(costs.memories_pj[level].values())
        if not _near(energy_pj, expected["level_energy_pJ"][theirs["name"]]):
            yield theirs["name"], "energy", energy_pj, expected["level_energy_pJ"][theirs["name"]]
        leak_pj = expected.get("leakage_energy_pJ", {}).get(theirs["name"], 0.0)
        if abs(costs.leaks_pj[level] - leak_pj) > 0.006:  # from text of two decimals
            yield theirs["name"], "leakage", costs.leaks_pj[level], leak_pj
    names = [memory.name for memory in asked.accelerator.memories]
    for network in expected["networks"]:
        level = names.index(network["name"].split(" <==> ")[0])
        for name, figures in network["dataspaces"].items():
            ours = activity.levels[level][name]
            if not _near(ours.link_words, figures["link_transfers"]):
                yield network["name"], name, "link transfers", ours.link_words, figures["link_transfers"]
            theirs_pj = figures["energy_total"] + figures["link_transfer_energy_total"]
            if abs(costs.networks_pj[level][name] - theirs_pj) > 0.02 + 1e-6 * theirs_pj:  # from text of two decimals
                yield network["name"], name, "energy", costs.networks_pj[level][name], theirs_pj
            groups = {key: one.accesses for key, one in ours.shared if one.accesses}
            if name in outputs and not asked.accelerator.memories[level].network.can_reduce:  # sums go back to be added
                groups = {key: 2 * words - ours.partition for key, words in groups.items()}
            wanted = {
                (children, count): words
                for children, count, words in figures["ingresses_by_multicast_scatter"]
                if words
            }
            if groups.keys() != wanted.keys() or not all(_near(groups[key], wanted[key]) for key in wanted):
                yield network["name"], name, "multicast", groups, wanted
    if not _near(costs.energy_pj, expected["energy_pJ_total"]):
        yield "energy", costs.energy_pj, expected["energy_pJ_total"]


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))
