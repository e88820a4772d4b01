from dataclasses import fields

from gnomon.core.op import FAMILIES
from gnomon.core.workload import PASSES
from gnomon.testing import single_op_scenarios, tiny_scenarios


def test_tiny_scenarios_are_tiny_and_all_different():
    found = tiny_scenarios()
    assert len(found) == len({scenario.digest for scenario in found.values()})
    assert all(scenario.workload.parameters < 6e6 for scenario in found.values())


def test_tiny_scenarios_are_the_same_each_time():
    assert [s.digest for s in tiny_scenarios().values()] == [s.digest for s in tiny_scenarios().values()]


def test_tiny_scenarios_cover_every_mode_of_a_pass_and_family():
    found = tiny_scenarios().values()
    assert {scenario.workload.mode for scenario in found} == set(PASSES)
    assert {node.op.family for scenario in found for node in scenario.workload.nodes} == set(FAMILIES)


def test_plan_and_workload_of_a_tiny_scenario_agree():
    for scenario in tiny_scenarios().values():
        for field in {f.name for f in fields(scenario.plan)} & {"mode", "batch", "dtype", "weight_dtype"}:
            assert getattr(scenario.plan, field) == getattr(scenario.workload, field)


def test_single_operators_cover_every_family():
    assert {s.workload.nodes[0].op.family for s in single_op_scenarios().values()} == set(FAMILIES)
