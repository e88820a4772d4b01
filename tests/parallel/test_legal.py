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


def test_values_that_would_do_are_the_nearest_on_either_side() -> None:
    fault = refused("llama-2-7b", 96, TrainingPlan(tp=6))
    assert (fault.field, fault.text.split("; ")[1]) == ("tp", "tp 2, 4, 8 or 16 would do")


def test_where_the_field_at_fault_has_no_such_value_another_s_is_told() -> None:
    # 24 chunks do not divide 32 layers whatever the number of stages is; two or four chunks a stage would.
    fault = refused("llama-2-7b", 8, TrainingPlan(pp=8, schedule="interleaved", virtual=3))
    assert (fault.field, fault.text.split("; ")[1]) == ("pp", "virtual 2 or 4 would do")


def test_values_that_would_do_keep_what_else_was_asked_for() -> None:
    fault = refused("llama-2-7b", 12, TrainingPlan(tp=2, pp=3, dp=2))
    assert fault.text.endswith("; pp 1 or 2 would do with another dp")


def test_a_plan_that_no_single_change_mends_is_said_to_be_such() -> None:
    fault = refused("gpt2-xl", 14, TrainingPlan(tp=7, ep=2))
    assert fault.text.endswith("; no other tp, pp, dp, cp or ep alone would do")


@pytest.mark.parametrize("training", [TrainingPlan(tp=3), TrainingPlan(pp=5, dp=7), TrainingPlan(ep=2)])
def test_a_plan_with_a_value_that_would_do_is_taken(training: TrainingPlan) -> None:
    fault = refused("llama-2-7b", 16, training)
    told = fault.text.split("; ")[1]
    name, value = told.split()[:2]
    changes: dict[str, Any] = {name: int(value.rstrip(","))} | ({"dp": None} if "another dp" in told else {})
    plan = Plan(mode="forward+backward+optimizer", seq=128, training=replace(training, **changes))
    assert checked_share(model("llama-2-7b").build(plan), plan, 16).stages
