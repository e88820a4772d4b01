"""What a step of GPT-3 costs to predict, on up to 65,536 devices, and that its trace takes the same, rank by rank.

`pytest -s benchmarks/bench_step.py`; of the traces the larger take minutes.
"""

from __future__ import annotations

import time

import pytest

from gnomon.api.names import system
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.training_plan import TrainingPlan
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.engines.training.engine import TrainingEngine
from gnomon.engines.training.simulate.events import by_events
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.statistics import total_ns
from gnomon.engines.training.step.exchanges import AstraSimExchanges
from gnomon.zoo.models import model

_MOST_S = 10.0  # of the largest
_TP, _PP = 8, 8


def _engine() -> TrainingEngine:
    return TrainingEngine(lambda _: RooflineEngine(), lambda _: AstraSimExchanges(), {"exchanges": "astra-sim"})


def _gpt3(replicas: int) -> Scenario:
    """TP 8 x PP 8 x DP, micro-batches of 1, 8 of them for each replica, 1F1B."""
    training = TrainingPlan(tp=_TP, pp=_PP, dp=replicas, global_batch=8 * replicas)
    plan = Plan(mode="forward+backward+optimizer", batch=1, seq=2048, dtype="fp16", training=training)
    on = system(f"hgx-h100:{_TP}x{_PP * replicas}")
    return Scenario(workload=model("gpt3-175b").build(plan), system=on, plan=plan)


@pytest.mark.parametrize("replicas", [1, 4, 16, 64, 256, 1024])
def test_a_step_of_gpt3_is_predicted_in_seconds(replicas: int) -> None:
    begin = time.perf_counter()
    found = _engine().predict(_gpt3(replicas))
    taken = time.perf_counter() - begin
    print(f"\n{_TP * _PP * replicas:,} devices: a step of {found.value:.3f} s predicted in {taken:.2f} s")
    assert taken < _MOST_S


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_its_trace_takes_the_same_message_by_message(replicas: int) -> None:
    asked, engine = _gpt3(replicas), _engine()
    trace, fabric, rules = engine.as_trace(asked)
    begin = time.perf_counter()
    simulated = total_ns(by_events(Given(trace=trace, fabric=fabric, rules=rules), "every rank"))
    taken = time.perf_counter() - begin
    print(f"\n{fabric.npus} ranks: {simulated:,} ns by messages in {taken:.1f} s")
    assert simulated == round(engine.predict(asked).value * 1e9)
