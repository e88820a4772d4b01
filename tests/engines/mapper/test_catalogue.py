"""Accelerators of the catalogue and the mapper: the same machines as in Timeloop's files, and rules for every problem."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gnomon.core.accelerator import Actions
from gnomon.core.convolution import convolution, product
from gnomon.core.loop_nest import Loop, LoopNest, Tiling
from gnomon.core.map_space import LevelRules, MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.formats.accelerator_file import catalogue_accelerator, catalogue_names
from gnomon.formats.timeloop.energy_tables import energy_table, memory_actions
from gnomon.formats.timeloop.files import load
from gnomon.formats.timeloop.hardware import Part
from gnomon.formats.timeloop.node import Node
from tests.engines.mapper.golden import given, shared_cases

_LIKE = {"real_eyeriss__": "eyeriss-like", "real_simba__": "simba-like"}
CASES = [(case, _LIKE[start]) for start in _LIKE for case in shared_cases("cases") if case.name.startswith(start)]
of_timeloop = pytest.mark.skipif(not CASES, reason="the reference cases do not lie beside the repository")


@pytest.mark.slow
@of_timeloop
@pytest.mark.parametrize(("case", "name"), CASES, ids=[case.name for case, _ in CASES])
def test_a_mapping_costs_on_the_catalogue_s_accelerator_what_timeloop_says(case: Path, name: str) -> None:
    design, asked = catalogue_accelerator(name), given(case)
    assert asked.nest is not None
    expected = json.loads((case / "expected.json").read_text())
    assert design.accelerator == replace(asked.accelerator, name=name)
    found = evaluate(asked.problem, design.accelerator, asked.nest, Switches()).costs
    assert found.cycles == expected["cycles"]
    assert found.energy_pj == pytest.approx(expected["energy_pJ_total"], rel=1e-6)


@of_timeloop
@pytest.mark.parametrize(("case", "name"), CASES, ids=[case.name for case, _ in CASES])
def test_a_mapping_that_was_found_under_the_same_constraints_obeys_the_dataflow(case: Path, name: str) -> None:
    asked = given(case)
    assert asked.nest is not None
    rules = catalogue_accelerator(name).rules(asked.problem)
    for level, (tiling, rule) in enumerate(zip(asked.nest.tilings, rules.levels, strict=True)):
        assert not list(_broken(tiling, rule)), asked.accelerator.memories[level].name


def _broken(tiling: Tiling, rule: LevelRules) -> list[str]:
    """What a tiling does that the rules of the catalogue, which fix single iterations and orders, do not allow."""
    spread = (*tiling.spatial_x, *tiling.spatial_y)
    told = [f"{loop.dim} in time" for loop in tiling.temporal if rule.temporal.exactly.get(loop.dim) == 1]
    told += [f"{loop.dim} in space" for loop in spread if rule.spatial.exactly.get(loop.dim) == 1]
    if rule.along_x is not None:
        along_x = rule.spatial.inner[: rule.along_x]
        told += [f"{loop.dim} along x" for loop in tiling.spatial_x if loop.dim not in along_x]
        told += [f"{loop.dim} along y" for loop in tiling.spatial_y if loop.dim in along_x]
    order = [loop.dim for loop in tiling.temporal]
    innermost = [dim for dim in rule.temporal.inner if dim in order]
    if order[: len(innermost)] != innermost:
        told.append(f"{order} in time, not {innermost} innermost")
    if tiling.kept & rule.bypassed or not rule.kept <= tiling.kept:
        told.append(f"keeps {sorted(tiling.kept)}")
    return told


@of_timeloop
@pytest.mark.parametrize(("case", "name"), [CASES[0], CASES[-1]] if CASES else [], ids=lambda one: str(one)[-40:])
def test_a_table_of_accelergy_can_take_the_place_of_the_catalogue_s_energies(case: Path, name: str) -> None:
    accelerator = catalogue_accelerator(name).accelerator
    table = energy_table(load([case / "ert.yaml"])["ERT"])
    for memory in accelerator.memories:
        part = Part(
            name=memory.name,
            kind="memory",
            class_name="storage",
            attributes=Node(data={}, where="", lines={}),
            mesh_x=memory.mesh_x,
            mesh_y=memory.mesh_y,
        )
        assert memory_actions(part, replace(memory, actions=Actions()), table) == memory.actions


KINDS = {
    "convolution": convolution(batch=2, c_in=6, c_out=8, kernel=(3, 3), out_size=(4, 4), stride=(2, 2)),
    "depthwise": convolution(batch=1, c_in=6, c_out=6, kernel=(3, 3), out_size=(4, 4), groups=6),
    "product": product(m=8, n=6, k=4),
    "batched products": product(m=8, n=6, k=4, batch=3),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", catalogue_names())
def test_every_kind_of_problem_has_a_mapping_that_obeys_the_dataflow_and_can_be_evaluated(name: str, kind: str) -> None:
    """All loops outermost and nothing else: it fits into any memory that holds one word of each data space."""
    design, problem = catalogue_accelerator(name), KINDS[kind]
    rules = design.rules(problem)
    nest = _all_outermost(problem, rules)
    assert not [fault for pair in zip(nest.tilings, rules.levels, strict=True) for fault in _broken(*pair)]
    assert evaluate(problem, design.accelerator, nest, Switches()).costs.cycles >= problem.macs


def _all_outermost(problem: Problem, rules: MapRules) -> LoopNest:
    loops = tuple(Loop(dim=dim, count=n, last=n) for dim, n in problem.bounds.items() if n > 1)
    spaces = frozenset(space.name for space in problem.spaces)
    kept = [spaces - rule.bypassed if rule.kept | rule.bypassed else spaces for rule in rules.levels]
    inside = [Tiling(kept=one) for one in kept[:-1]]
    return LoopNest(tilings=(*inside, Tiling(temporal=loops, kept=kept[-1])))
