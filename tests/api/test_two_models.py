"""Services with a second model on their devices: what is answered of both, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gnomon
from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.api.scenarios import read_scenario, write_scenario
from gnomon.api.services import serve
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.slo import parse_limits
from gnomon.engines.serving.capacity import Capacity
from gnomon.engines.serving.engine import ServingEngine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
SETTINGS = {"timer": "roofline", "software": "none"}
TRAFFIC = {"qps": 300, "prompts": 100, "answers": 10, "requests": 60}
OTHERS = {"qps": 300, "prompts": [50, 200], "answers": 20, "requests": 50}
SECOND = {"model": "gpt2-large", "gpu_memory_utilization": 0.4, "traffic": OTHERS}
SERVICE = """schema: gnomon/scenario/1
model: gpt2
on: t4
mode: serve
gpu_memory_utilization: 0.5
usd_per_device_hour: 2.0
traffic: {qps: 300, prompts: 100, answers: 10, requests: 60}
beside:
  model: gpt2-large
  gpu_memory_utilization: 0.4
  traffic: {qps: 300, prompts: [50, 200], answers: 20, requests: 50}
"""


def engine() -> ServingEngine:
    found = plugins.tuned("serving", SETTINGS)
    assert isinstance(found, ServingEngine)
    return found


def asked(on: str = "t4", beside: dict[str, Any] | None = None, **options: Any) -> dict[str, Scenario]:
    usual = {"mode": "serve", "gpu_memory_utilization": 0.5, "traffic": TRAFFIC}
    return question("gpt2", on, **{**usual, **options}, beside={**SECOND, **(beside or {})}).scenarios()  # type: ignore[arg-type]


def test_parts_add_up_and_the_wait_for_the_other_model_is_one_of_them():
    found = {name: engine().predict(one) for name, one in asked().items()}
    other = "waits for the other model"
    assert {name: [part.name for part in one.parts] for name, one in found.items()} == {
        "ttft": ["waiting", "prompt", other],
        "tpot": [other, "answer"],
        "e2e": ["waiting", "prompt", other, "answer"],
    }
    for one in found.values():
        assert sum(part.value for part in one.parts) == pytest.approx(one.value)
        assert all(part.value >= 0 for part in one.parts)
        assert next(part for part in one.parts if part.name == other).value > 0


def test_of_both_models_and_of_their_devices_all_is_told(tmp_path: Path):
    file = tmp_path / "two.yaml"
    file.write_text(SERVICE)
    run = serve(file, settings=SETTINGS)
    facts, beside = run.facts, run.facts.beside
    assert beside is not None
    assert beside.model == "gpt2-large"
    assert (facts.completed, beside.service.completed) == (60, 50)
    assert {one.quantity for one in beside.service.spreads} == {"ttft", "tpot", "e2e", "queueing", "device_wait"}
    devices = beside.devices
    assert devices.answer_tokens == 60 * 10 + 50 * 20
    assert max(facts.busy * facts.span_s, beside.service.busy * beside.service.span_s) <= devices.busy * devices.span_s
    assert devices.usd_per_s == 2.0 / 3600
    assert devices.usd_per_million_answer_tokens == pytest.approx(2.0 / 3600 * devices.span_s / 1600 * 1e6)
    assert facts.usd_per_s is facts.energy is beside.service.energy is None
    rows = run.table()
    assert rows["model"].value_counts(sort=True).rows() == [("gpt2", 60), ("gpt2-large", 50)]
    of_first = rows.filter(rows["model"] == "gpt2")
    assert of_first["device_wait_s"].mean() == pytest.approx(
        next(one for one in facts.spreads if one.quantity == "device_wait")["mean"]
    )
    assert json.dumps(run.to_dict())


def test_two_alike_fare_as_if_both_streams_had_half_a_device_at_worst():
    alone = engine().predict(
        question("gpt2", "t4", mode="serve", gpu_memory_utilization=0.5, traffic=TRAFFIC).scenarios()["e2e"]
    )
    both = engine().predict(asked(beside={"model": "gpt2", "traffic": TRAFFIC})["e2e"])
    assert alone.value < both.value
    assert both.service is not None and both.service.beside is not None
    its = both.service.beside.service.spreads
    assert {one.quantity: one["mean"] for one in its} == pytest.approx(
        {one.quantity: one["mean"] for one in both.service.spreads}
    )


def test_a_model_that_is_alone_for_long_is_warned_of():
    made = engine().predict(asked(beside={"traffic": {**OTHERS, "answers": 1, "requests": 2}})["e2e"])
    assert made.service is not None
    assert any(
        "gpt2 is served for" in warning and "gpt2-large has no requests" in warning for warning in made.service.warnings
    )


def test_the_capacity_of_a_service_is_lower_beside_a_model_whose_requests_go_on():
    limits = parse_limits("ttft_p90=60ms")
    alone = engine().capacity(
        question("gpt2", "t4", mode="serve", gpu_memory_utilization=0.5, traffic=TRAFFIC).scenarios()["e2e"],
        limits,
        precision=0.2,
    )
    beside = {"traffic": {**OTHERS, "qps": 30, "requests": 5}}
    both = engine().capacity(asked(beside=beside)["e2e"], limits, precision=0.2)
    assert isinstance(alone, Capacity)
    assert isinstance(both, Capacity)
    assert both.rate_per_s < alone.rate_per_s


def test_a_file_is_the_question_again(tmp_path: Path):
    file = tmp_path / "two.yaml"
    file.write_text(SERVICE)
    found = read_scenario(file)
    again = read_scenario(write_scenario(found.question, tmp_path / "again.yaml"))
    digests = [[one.digest for one in each.question.scenarios().values()] for each in (found, again)]
    assert digests[0] == digests[1]
    assert "beside gpt2-large (" in serve(file, settings=SETTINGS).answer.title


def test_both_have_as_many_devices_and_formats_of_their_own():
    plan = asked("hgx-h100", tp=2, replicas=2, beside={"dtype": "fp32"})["e2e"].plan.serving
    assert plan is not None and plan.beside is not None
    assert (plan.beside.serving.tp, plan.beside.serving.replicas) == (2, 2)
    assert (plan.beside.plan.dtype, asked()["e2e"].plan.dtype) == ("fp32", "fp16")


@pytest.mark.parametrize(
    ("options", "beside", "field", "said"),
    [
        ({"gpu_memory_utilization": 0.9}, {}, "beside.gpu_memory_utilization", "add up to 1 at most"),
        ({}, {"tp": 2}, "beside.tp", "in the same way: 1, not 2"),
        ({}, {"replicas": 2}, "beside.replicas", "as many as the devices allow, not 2"),
        ({}, {"model": "gtp2"}, "beside.model", "unknown"),
        ({}, {"policy": "vllm"}, "beside.policy", "Input should be"),
        ({}, {"autoscale": {"max": 2}}, "beside.autoscale", "unknown"),
        ({}, {"max_model_len": 100}, "beside.traffic.prompts", "more than the 100 of a sequence"),
        ({}, {"traffic": None}, "beside.traffic", "a service needs requests"),
        ({}, {"model": "llama-2-7b"}, "beside.tp", "llama-2-7b does not fit"),
        ({"mode": "prefill", "traffic": None, "gpu_memory_utilization": None}, {}, "beside", "only a service has it"),
    ],
)
def test_what_cannot_be_is_told_with_its_field(options, beside, field, said):
    with pytest.raises(BadInput) as fault:
        engine().missing(next(iter(asked(beside=beside, **options).values())))
    assert fault.value.field == field
    assert said in str(fault.value)


@pytest.mark.parametrize(
    ("options", "beside", "said"),
    [
        ({"autoscale": {"max": 2, "target_outstanding": 4, "start_s": 1}}, {}, "autoscale"),
        ({"prefill_replicas": 1}, {}, "by the same replicas"),
        (
            {},
            {"policy": "sglang", "block_size": 8},
            "gpt2-large, beside it: sglang is simulated with pages of one token",
        ),
    ],
)
def test_what_is_not_simulated_is_a_reason_before_anything_runs(options, beside, said):
    (reason,) = engine().missing(asked("hgx-h100", beside=beside, **options)["e2e"])
    assert said in reason


def test_a_capacity_beside_a_trace_is_refused(tmp_path: Path):
    trace = tmp_path / "t.csv"
    trace.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,20,5\n0.01,20,4\n")
    with pytest.raises(Unsupported, match="has a trace, which ends"):
        engine().capacity(asked(beside={"traffic": {"trace": str(trace)}})["e2e"], parse_limits("ttft=1s"))


def test_steps_of_two_models_are_refused_as_a_table_and_drawn_as_a_timeline(tmp_path: Path):
    file = tmp_path / "two.yaml"
    file.write_text(SERVICE)
    with pytest.raises(Unsupported, match="steps of two models"):
        serve(file, settings=SETTINGS, records=True)
    tracks = {span.track for span in engine().timeline(asked()["e2e"], 50).spans}
    assert tracks == {"replica 0", "other model, replica 0"}


@pytest.mark.parametrize("tool", ["vidur", "genz", "aiconfigurator"])
def test_tools_of_one_model_decline(tool):
    reasons = plugins.tuned(tool, {}).missing(asked()["ttft"])
    assert any("another model" in reason or "leave out beside" in reason for reason in reasons), reasons


def test_a_sweep_weighs_limits_and_formats_of_the_second_model(tmp_path: Path):
    plans = tmp_path / "plans.yaml"
    plans.write_text(
        "schema: gnomon/sweep/1\nengine: serving\nbase:\n"
        + "".join(f"  {line}\n" for line in SERVICE.splitlines()[1:])
        + "vary:\n  beside.dtype: [fp16, fp32]\n  beside.max_num_seqs: [1, 64]\n"
    )
    rows = gnomon.sweep(plans, out=tmp_path / "out", workers=1).table()
    assert len(set(rows["e2e_s"].drop_nulls())) == 4
    assert rows["usd_per_hour"].to_list() == [2.0] * 4
