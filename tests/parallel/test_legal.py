from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.training_plan import TrainingPlan
from gnomon.parallel.legal import checked_share
from gnomon.zoo.models import model


def refused(name: str, devices: int, training: TrainingPlan) -> BadInput:
    plan = Plan(mode="forward+backward+optimizer", seq=128, training=training)
    with pytest.raises(BadInput) as fault:
        checked_share(model(name).build(plan), plan, devices)
    return fault.value


def test_values_to_try_are_the_nearest_on_either_side() -> None:
    fault = refused("llama-2-7b", 96, TrainingPlan(tp=6))
    assert (fault.field, fault.text.split("; ")[1]) == ("tp", "try tp 2, 4, 8 or 16")


def test_where_the_field_at_fault_has_no_such_value_another_s_is_told() -> None:
    # 24 chunks do not divide 32 layers whatever the number of stages is; two or four chunks a stage would.
    fault = refused("llama-2-7b", 8, TrainingPlan(pp=8, schedule="interleaved", virtual=3))
    assert (fault.field, fault.remedies[0]) == ("pp", ("virtual", "2 or 4"))


def test_values_to_try_keep_what_else_was_asked_for() -> None:
    fault = refused("llama-2-7b", 12, TrainingPlan(tp=2, pp=3, dp=2))
    assert fault.text.endswith("; try pp 1 or 2 with another dp, or stage_layers 11x2,10")


def test_a_plan_that_no_single_change_mends_is_said_to_be_such() -> None:
    fault = refused("gpt2-xl", 14, TrainingPlan(tp=7, ep=2))
    assert fault.text.endswith("; no single change of tp, pp, dp, cp, ep or virtual helps")


@pytest.mark.parametrize("training", [TrainingPlan(tp=3), TrainingPlan(pp=5, dp=7), TrainingPlan(ep=2)])
def test_a_plan_with_a_value_to_try_is_taken(training: TrainingPlan) -> None:
    fault = refused("llama-2-7b", 16, training)
    name, told = fault.remedies[0]
    value = told.split()[0]
    changes: dict[str, Any] = {name: int(value.rstrip(","))} | ({"dp": None} if "another dp" in told else {})
    plan = Plan(mode="forward+backward+optimizer", seq=128, training=replace(training, **changes))
    assert checked_share(model("llama-2-7b").build(plan), plan, 16).stages
