from __future__ import annotations

from math import prod

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gnomon.api.names import system
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.training_plan import Axis, TrainingPlan
from gnomon.parallel.layout import axis_sizes, spread, strips

POWERS = st.sampled_from([1, 2, 4, 8])


def sizes(tp: int = 1, cp: int = 1, dp: int = 1, pp: int = 1) -> dict[Axis, int]:
    return {"tp": tp, "cp": cp, "dp": dp, "pp": pp}


def test_tensor_parallel_groups_fill_a_node_and_the_others_lie_across() -> None:
    machine, of = system("hgx-h100:8x4"), sizes(tp=8, dp=2, pp=2)
    assert spread("tp", of, machine) == (8, 1)
    assert spread("dp", of, machine) == (1, 2)
    assert spread("pp", of, machine) == (1, 2)


def test_a_group_may_lie_partly_within_a_node() -> None:
    machine, of = system("hgx-h100:8x4"), sizes(tp=2, dp=16)
    assert spread("tp", of, machine) == (2, 1)
    assert spread("dp", of, machine) == (4, 4)
    assert spread("ep", of, machine, ep=8) == (4, 2)
    assert spread("edp", of, machine, ep=8) == (1, 2)


@given(tp=POWERS, cp=POWERS, dp=POWERS, pp=POWERS, per_node=st.sampled_from([2, 4, 8]))
def test_the_strips_of_all_axes_make_up_the_cluster(tp: int, cp: int, dp: int, pp: int, per_node: int) -> None:
    of = sizes(tp, cp, dp, pp)
    devices = prod(of.values())
    machine = system("hgx-h100" if devices == 8 == per_node else f"hgx-h100:{per_node}x{max(1, devices // per_node)}")
    assume(machine.count == devices)
    grid = strips(of, machine)
    assert prod(strip.size for strip in grid) == devices
    for axis in ("tp", "cp", "data", "pp"):
        members = prod(strip.size for strip in grid if axis in strip.axes)
        assert members == prod(spread(axis, of, machine)) == {**of, "data": cp * dp}[axis]


def test_replicas_are_as_many_as_the_devices_allow() -> None:
    assert axis_sizes(TrainingPlan(tp=2, pp=2), 16)["dp"] == 4


@pytest.mark.parametrize(("plan", "field"), [(TrainingPlan(tp=3), "tp"), (TrainingPlan(dp=3), "dp")])
def test_axes_that_do_not_make_up_the_devices_are_refused(plan: TrainingPlan, field: str) -> None:
    with pytest.raises(BadInput) as fault:
        axis_sizes(plan, 8)
    assert fault.value.field == field


def test_groups_of_experts_that_cut_across_groups_of_a_sequence_are_refused() -> None:
    with pytest.raises(Unsupported, match="one must divide the other"):
        strips(sizes(cp=2, dp=12), system("hgx-h100:8x3"), ep=3)
