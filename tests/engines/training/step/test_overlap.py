"""What of a step's exchanges is hidden, and behind what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from gnomon.core.exchange import Exchange
from gnomon.core.step_facts import StepFacts
from gnomon.core.system import System
from gnomon.core.training_plan import TrainingPlan
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.engines.training.engine import TrainingEngine
from tests.engines.training.step.test_step_is_its_trace import scenario

LAYERS = 12  # of gpt2


class Each:
    """An exchange takes so long, whatever it is; a message none."""

    is_simulated = False

    def __init__(self, time_s: float) -> None:
        self._time_s = time_s

    def exchange_times_s(self, exchanges: Sequence[Exchange], system: System) -> NDArray[np.float64]:
        return np.array([0.0 if one.kind == "send" else self._time_s for one in exchanges])

    def exchange_intervals_s(self, exchanges: Sequence[Exchange], system: System, times_s: NDArray[np.float64]) -> None:
        return


def step(training: TrainingPlan, each_s: float, on: str = "hgx-h100:2") -> tuple[StepFacts, float]:
    engine = TrainingEngine(lambda _: RooflineEngine(), lambda _: Each(each_s), {"host": "graphs"})
    found = engine.predict(scenario("gpt2", on, 128, training))
    assert found.step is not None
    return found.step, found.value


SHORT = 1e-9  # an exchange that any layer's computations hide


@pytest.mark.parametrize(
    ("zero", "bare"),
    [
        (0, 1),  # the last reduction, of the gradients of the first layer to be used
        (1, 2),  # and the gather before the first layer
        (2, 2),
        (3, 3),  # and the gather before the last layer's backward pass
    ],
)
def test_all_exchanges_between_replicas_but_the_first_and_the_last_are_hidden(zero: int, bare: int) -> None:
    facts, _ = step(TrainingPlan(zero=zero), SHORT)
    exposed = sum(one.exposed_s for one in facts.exposed)
    assert exposed == pytest.approx(bare * SHORT, rel=1e-3)
    assert sum(one.time_s for one in facts.exposed) > (LAYERS + bare) * SHORT


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
def test_without_overlap_nothing_is_hidden(zero: int) -> None:
    facts, _ = step(TrainingPlan(zero=zero, overlap=False), SHORT)
    assert sum(one.exposed_s for one in facts.exposed) == pytest.approx(sum(one.time_s for one in facts.exposed))


def test_replicas_exchange_beside_what_a_tensor_parallel_group_does_on_another_network() -> None:
    alone, beside, after = (
        step(TrainingPlan(tp=2, overlap=overlap), 1e-4, on)[1]
        for on, overlap in (("hgx-h100:2", True), ("hgx-h100:2x2", True), ("hgx-h100:2x2", False))
    )
    assert alone < beside <= alone + 2 * 1e-4  # the reductions but the last ones run beside
    assert after > alone


def test_a_stage_does_not_wait_for_the_gradients_that_the_stage_behind_it_exchanges() -> None:
    one_step = partial(step, on="hgx-h100:1x8")
    alone = step(TrainingPlan(pp=4, global_batch=4), 0.0, "hgx-h100:1x4")[1]
    slow_s = 0.5 * alone
    _, both = one_step(TrainingPlan(pp=4, global_batch=8), slow_s)
    chain_s = LAYERS * slow_s  # at most all of a stage's own
    assert both < alone + chain_s


@pytest.mark.parametrize("plan", [TrainingPlan(tp=2), TrainingPlan(tp=2, pp=2, zero=1), TrainingPlan(zero=3)])
def test_what_a_stage_does_adds_up_to_the_step(plan: TrainingPlan) -> None:
    facts, value_s = step(plan, 2e-5, "hgx-h100:2x4")
    for one in facts.stages:
        assert one.host_s is not None
        assert one.compute_s + one.host_s + one.exposed_s + one.idle_s == pytest.approx(value_s)
