import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from gnomon.core.digest import plain
from gnomon.core.op import AdamStep, Attention, Conv, Elementwise, Gather, GroupedMatMul, MatMul, Norm, Pool, Softmax
from gnomon.testing import nodes, ops, plans, scenarios, systems


@pytest.mark.parametrize(
    "kind", [MatMul, GroupedMatMul, Conv, Attention, Norm, Softmax, Elementwise, Gather, Pool, AdamStep]
)
def test_every_class_of_operator_is_drawn(kind):
    once = settings(max_examples=500, derandomize=True, database=None, phases=[Phase.generate])
    try:
        find(ops(), lambda op: isinstance(op, kind), settings=once)
    except NoSuchExample:
        pytest.fail(f"no {kind.__name__} among the operators drawn")


@given(nodes())
def test_a_graph_is_in_order(graph):
    seen = set()
    for node in graph:
        assert seen.issuperset(node.after)
        seen.add(node.name)


@given(systems(max_count=4))
def test_a_system_has_as_many_devices_as_asked_for(system):
    assert 1 <= system.count <= 4


@given(plans(mode="decode", seq=None))
def test_fixed_fields_of_a_plan_are_not_drawn(plan):
    assert (plan.mode, plan.seq) == ("decode", None)


@given(scenarios())
def test_a_scenario_has_a_plain_form(scenario):
    assert set(plain(scenario)) == {"workload", "system", "plan"}
