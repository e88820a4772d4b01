"""The engine's time of a step, and that of the trace written from it, simulated message by message, are one."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from gnomon.api.names import system
from gnomon.core.errors import GnomonError
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

ENGINE = TrainingEngine(lambda _: RooflineEngine(), lambda _: AstraSimExchanges(), {"exchanges": "astra-sim"})


def scenario(name: str, on: str, seq: int, training: TrainingPlan) -> Scenario:
    plan = Plan(mode="forward+backward+optimizer", seq=seq, dtype="bf16", training=training)
    return Scenario(workload=model(name).build(plan), system=system(on), plan=plan)


def simulated_ns(asked: Scenario) -> int:
    trace, fabric, rules = ENGINE.as_trace(asked)
    return total_ns(by_events(Given(trace=trace, fabric=fabric, rules=rules), "every rank, message by message"))


def random_scenario(seed: int) -> Scenario:
    draw = random.Random(seed)
    while True:
        try:
            asked = _drawn(draw)
            if not ENGINE.missing(asked):
                return asked
        except GnomonError:
            pass


def _drawn(draw: random.Random) -> Scenario:
    name, on, options = drawn_options(draw)
    seq = options.pop("seq")
    return scenario(name, on, seq, TrainingPlan(**options))


def drawn_options(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    """A model, a system, and a plan as a user writes it; many of them cannot be."""
    on = draw.choice(["dgx-h100", "hgx-h100:4", "hgx-h100:2x4", "hgx-h100:4x2", "hgx-h100:2", "hgx-h100:2x3"])
    name = draw.choice(["gpt2", "gpt2-medium", "llama-2-7b", "mixtral-8x7b", "bert-base"])
    tp, pp, cp = draw.choice([1, 2, 4]), draw.choice([1, 2, 3, 4]), draw.choice([1, 1, 2])
    schedule = draw.choice(["1f1b", "gpipe", "zero-bubble", "interleaved"]) if pp > 1 else "1f1b"
    options = {
        "tp": tp,
        "pp": pp,
        "cp": cp,
        "ep": draw.choice([1, 2]) if name == "mixtral-8x7b" else 1,
        "zero": draw.choice([0, 1, 2, 3]),
        "sp": tp > 1 and draw.random() < 0.5,
        "schedule": schedule,
        "virtual": 2 if schedule == "interleaved" else 1,
        "recompute": draw.choice(["none", "selective", "full"]),
        "overlap": draw.choice([True, False]),
        "global_batch": max(1, system(on).count // (tp * pp * cp)) * draw.choice([1, 2]) * pp,
        "seq": draw.choice([64, 128]),
    }
    chunks = pp * options["virtual"]
    if name == "gpt2" and chunks > 1 and draw.random() < 0.5:
        cuts = [0, *sorted(draw.sample(range(1, 12), chunks - 1)), 12]
        options["stage_layers"] = ",".join(str(after - before) for before, after in pairwise(cuts))
    return name, on, options


@pytest.mark.slow  # the same with packages of any version
@pytest.mark.parametrize("seed", range(24))
def test_random_plans_take_what_their_traces_take(seed: int) -> None:
    asked = random_scenario(seed)
    assert round(ENGINE.predict(asked).value * 1e9) == simulated_ns(asked)
