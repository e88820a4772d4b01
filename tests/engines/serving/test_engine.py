"""The serving engine: what it answers, of what its answers are made, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.digest import plain
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.slo import parse_limits
from gnomon.engines.serving.capacity import NoCapacity
from gnomon.engines.serving.engine import ServingEngine
from gnomon.engines.serving.model_work import model_flop
from gnomon.testing import EngineContract
from gnomon.testing.scenarios import tiny_scenarios

pytestmark = pytest.mark.xdist_group("compiled")
SETTINGS = {"timer": "roofline", "software": "none"}
TRAFFIC = {"qps": 5, "prompts": 200, "answers": 30, "requests": 60}


def engine() -> ServingEngine:
    found = plugins.tuned("serving", SETTINGS)
    assert isinstance(found, ServingEngine)
    return found


def asked(
    name: str = "llama-2-7b", on: str = "h100-sxm", *, traffic: Any = None, **options: Any
) -> dict[str, Scenario]:
    return question(name, on, mode="serve", traffic={**TRAFFIC, **(traffic or {})}, **options).scenarios()


class TestItDeclinesSinglePasses(EngineContract):
    engine = engine()
    declines_everything = True


class TestServices(EngineContract):
    engine = engine()

    def scenarios(self) -> Mapping[str, Scenario]:
        return asked() | {"two replicas": asked(on="h100-sxm:2", traffic={"system_prompts": {"tokens": 64}})["e2e"]}

    def another(self) -> ServingEngine:
        return engine()

    def test_flop_is_the_work_of_the_graph(self, answered: Scenario) -> None:
        arrivals = self.engine.service(answered)[1]  # the graph is one step; the work is that of the requests
        work = model_flop(answered.workload, arrivals.prefill_tokens, arrivals.decode_tokens)
        assert self.answer(answered).flop == pytest.approx(work)

    # A step of any size is made from the graph of one: which nodes are a layer is told by names, order and repetition.
    test_renaming_nodes_changes_nothing = None  # type: ignore[assignment]
    test_reordering_independent_nodes_changes_nothing = None  # type: ignore[assignment]
    test_repeated_node_equals_written_out_copies = None  # type: ignore[assignment]


@pytest.mark.parametrize("scenario", tiny_scenarios().values(), ids=tiny_scenarios())
def test_a_single_pass_has_one_reason(scenario):
    assert engine().missing(scenario) == ("serving simulates services only: use mode serve",)


@pytest.mark.parametrize(("name", "on"), [("roofline", "h100-sxm"), ("kernel", "h100-sxm"), ("mapper", "eyeriss")])
def test_engines_of_single_passes_have_a_reason_for_a_service(name, on):
    reasons = plugins.tuned(name, {}).missing(asked("gpt2", on)["ttft"])
    assert any("serv" in reason for reason in reasons), reasons


def test_a_step_of_training_is_no_service():
    assert plugins.tuned("training", {}).missing(asked()["ttft"]) == (
        "training predicts whole steps of training only: use mode train",
    )


def test_parts_are_waiting_prompt_and_answer():
    found = {name: engine().predict(one) for name, one in asked().items()}
    names = {name: [part.name for part in one.parts] for name, one in found.items()}
    assert names == {"ttft": ["waiting", "prompt"], "tpot": ["answer"], "e2e": ["waiting", "prompt", "answer"]}
    for one in found.values():
        assert sum(part.value for part in one.parts) == pytest.approx(one.value)
    assert [part.value for part in found["e2e"].parts[:2]] == [part.value for part in found["ttft"].parts]
    assert found["e2e"].value == pytest.approx(found["ttft"].value + 29 * found["tpot"].value)  # 30 tokens each


def test_what_is_not_known_of_a_service_is_not_told():
    for found in engine().predict_many(list(asked().values())):
        assert (found.bound, found.moved_bytes) == (None, None)
        assert {part.kind for part in found.parts} <= {"idle", "mixed"}


def test_the_answer_is_the_mean_over_the_requests_that_were_simulated():
    this = engine()
    scenarios = asked()
    made = this.outcome(scenarios["e2e"])
    served = made.requests
    assert this.predict(scenarios["e2e"]).value == pytest.approx((served.completed_s - served.arrived_s).mean())
    assert this.predict(scenarios["ttft"]).value == pytest.approx((served.first_token_s - served.arrived_s).mean())
    facts = this.predict(scenarios["tpot"]).service
    assert facts is not None
    assert (facts.requests, facts.completed, facts.policy, facts.replicas) == (60, 60, "vllm-v1", 1)
    assert facts.answer_tokens == 60 * 30


def test_one_simulation_answers_all_quantities_of_a_service(monkeypatch):
    from gnomon.engines.serving import engine as module

    runs = []
    simulated = module.simulated
    monkeypatch.setattr(module, "simulated", lambda *words, **others: runs.append(1) or simulated(*words, **others))
    engine().predict_many(list(asked().values()))
    assert runs == [1]


def test_memory_is_weights_blocks_activations_and_the_runtime():
    whole, half = (engine().predict(asked(**plan)["e2e"]).memory for plan in ({}, {"kv_blocks": 1000}))
    assert half.kv_cache_bytes == 1000 * 16 * 32 * 2 * 4096 * 2
    assert whole.weights_bytes == half.weights_bytes == pytest.approx(13.48e9, rel=0.001)
    assert whole.total_bytes > 0.85 * 80e9


def test_found_prefixes_are_told_unless_they_are_not_to_be_cached():
    shared = {"system_prompts": {"tokens": 64}}
    found = engine().predict(asked(traffic=shared)["ttft"])
    without = engine().predict(asked(traffic=shared, prefix_caching=False)["ttft"])
    assert found.service is not None
    assert without.service is not None
    # All but the first find it, unless they come before the first step of that one has ended.
    assert 50 * 64 < found.service.hit_tokens <= 59 * 64
    assert without.service.hit_tokens == 0
    assert found.value < without.value


def test_a_price_gives_a_cost_and_without_one_there_is_none():
    cheap = engine().predict(asked(usd_per_device_hour=3.6)["e2e"]).service
    assert cheap is not None
    assert cheap.usd_per_s == pytest.approx(0.001)
    assert cheap.usd_per_million_answer_tokens == pytest.approx(0.001 * cheap.span_s / 1800 * 1e6)
    free = engine().predict(asked()["e2e"]).service
    assert free is not None
    assert free.usd_per_million_answer_tokens is None


def test_an_answer_is_json():
    found = plain(engine().predict(asked()["e2e"]))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "sglang", "block_size": 8}, "sglang is simulated with pages of one token only"),
        ({"policy": "sglang", "mixed_chunk": True, "chunk_tokens": 100}, "may leave none for prompts"),
        ({"schedule_policy": "lpm"}, "vllm-v1: schedule_policy and mixed_chunk are of the policy sglang"),
        ({"mixed_chunk": True}, "vllm-v1: schedule_policy and mixed_chunk are of the policy sglang"),
        (
            {"autoscale": {"max": 1, "target_outstanding": 1, "start_s": 1}, "max_loras": 1},
            "does not simulate which LoRA adapters a new one has",
        ),
        ({"scheduling": "priority", "policy": "sarathi"}, "sarathi knows no priorities; vllm-v1 does"),
        ({"policy": "sglang", "traffic": {"priorities": [[0, 1], [1, 1]]}}, "sglang knows no priorities; vllm-v1 does"),
        ({"max_loras": 2, "policy": "sarathi"}, "sarathi knows no LoRA adapters; vllm-v1 does"),
        ({"kv_blocks": 2}, "60 requests can never be scheduled"),
    ],
)
def test_what_is_not_simulated_is_a_reason(options, said):
    scenario = asked(**options)["e2e"]
    with pytest.raises(Unsupported) as fault:
        engine().predict(scenario)
    assert said in str(fault.value)


def test_what_a_policy_cannot_do_is_told_before_any_work():
    (reason,) = engine().missing(asked(on="hgx-h100", policy="sglang", pp=2)["e2e"])
    assert reason == "sglang is simulated without pipeline stages only"


def test_of_sglang_the_answer_says_what_is_taken_from_vllm_and_its_interval_is_wider():
    fitted = plugins.tuned("serving", {"timer": "kernel", "software": "vllm-v1"})
    this, other = (fitted.predict(asked(policy=policy)["e2e"]) for policy in ("sglang", "vllm-v1"))
    assert this.service.follows.startswith("SGLang 0.5.3")
    assert this.service.block_tokens == 1
    assert any("nothing was fitted to SGLang" in one for one in this.assumptions)
    assert not any("SGLang" in one for one in other.assumptions)
    assert "services of vLLM were measured, none of sglang" in this.outside
    assert this.interval.high / this.interval.low > (other.interval.high / other.interval.low) ** 3


def test_sglangs_share_of_memory_is_of_weights_and_cache_alone():
    this, other = (engine().predict(asked(policy=policy)["e2e"]).memory for policy in ("sglang", "vllm-v1"))
    assert this.kv_cache_bytes > other.kv_cache_bytes
    assert this.kv_cache_bytes + this.weights_bytes < 0.9 * 80 * 2**30


def test_answers_of_one_token_have_no_time_of_a_further_one():
    scenarios = asked(traffic={"answers": 1})
    (reason,) = engine().missing(scenarios["tpot"])
    assert reason == "no answer has a second token, so there is no time per output token"
    fitted = plugins.tuned("serving", {"timer": "kernel", "software": "vllm-v1"})  # with intervals
    whole, first = fitted.predict(scenarios["e2e"]), fitted.predict(scenarios["ttft"])
    assert whole.value == pytest.approx(first.value)
    assert whole.interval is not None
    assert first.interval is not None
    assert (whole.interval.low, whole.interval.high) == pytest.approx((first.interval.low, first.interval.high))


def test_what_the_reader_of_a_trace_took_for_granted_is_an_assumption(tmp_path):
    trace = tmp_path / "chats.json"
    talk = [{"from": "human", "value": "How long? " * 20}, {"from": "gpt", "value": "Longer. " * 20}]
    trace.write_text(json.dumps([{"id": "a", "conversations": talk}] * 4))
    given = {"trace": str(trace), "qps": 2.0}
    scenario = question("llama-2-7b", "h100-sxm", mode="serve", traffic=given).scenarios()["e2e"]
    notes = scenario.plan.serving.traffic.notes
    assert notes
    assert set(notes) <= set(engine().predict(scenario).assumptions)


def test_of_a_closed_loop_as_many_are_under_way_as_are_let_in():
    made = engine().outcome(asked(traffic={"arrivals": "at-once", "qps": None, "most_open": 4})["e2e"]).requests
    ends = np.sort(made.completed_s)
    for comes_s in made.arrived_s:
        begun, gone = np.count_nonzero(made.arrived_s <= comes_s), np.searchsorted(ends, comes_s, "right")
        assert begun - gone <= 4
    assert np.count_nonzero(made.arrived_s == 0) == 4


def test_a_turn_of_a_conversation_comes_when_the_answer_before_it_is_there():
    made = engine().outcome(asked(traffic={"conversations": {"turns": 2, "think_s": 1.0}})["e2e"])
    before = made.arrivals.after
    assert before is not None
    later = before >= 0
    assert later.any()
    waited_s = made.requests.arrived_s[later] - made.requests.completed_s[before[later]]
    assert waited_s == pytest.approx(1.0)


def test_a_spatial_accelerator_has_no_service():
    (reason,) = engine().missing(asked("gpt2", "eyeriss")["e2e"])
    assert reason == "serving knows devices with a data sheet; eyeriss is a spatial accelerator"


@pytest.mark.parametrize(
    ("name", "on", "options", "field", "said"),
    [
        ("llama-2-70b", "h100-sxm", {}, "tp", "does not fit on 1 x h100-sxm"),
        ("llama-2-7b", "h100-sxm", {"gpu_memory_utilization": 0.1}, "tp", "leave nothing of"),
        ("llama-2-7b", "h100-sxm", {"max_model_len": 500_000}, "max_model_len", "fewer than the 500,000"),
        ("llama-2-7b", "h100-sxm", {"max_model_len": 220}, "traffic.prompts", "more than the 220 of a sequence"),
        (
            "llama-2-7b",
            "h100-sxm",
            {"traffic": {"prompts": 4090}},
            "traffic.prompts",
            "request 0 has 4,090 tokens in its prompt and 30 in its answer, more than the 4,096 of a sequence "
            "that the model was made for",
        ),
        ("llama-2-7b", "h100-sxm", {"tp": 2}, "tp", "a replica needs 2 devices"),
        ("llama-2-7b", "h100-sxm:2", {"replicas": 3}, "replicas", "3 replicas of 1 device"),
    ],
)
def test_a_plan_that_cannot_be_names_its_field(name, on, options, field, said):
    scenario = asked(name, on, **options)["e2e"]
    with pytest.raises(BadInput) as fault:
        engine().missing(scenario)
    assert fault.value.field == field
    assert said in str(fault.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tmer": "roofline"}, r"^serving\.tmer: no setting of serving's; did you mean 'timer'\?"),
        ({"timer": "rooflin"}, r"^serving\.timer: .*did you mean 'roofline'\?"),
        ({"exchanges": "nccll"}, r"^serving\.exchanges: .*did you mean 'nccl'\?"),
        ({"software": "vllm"}, r"^serving\.software: unknown 'vllm'; did you mean 'vllm-v1'\?"),
    ],
)
def test_a_wrong_setting_is_one_line(settings, said):
    with pytest.raises(BadInput, match=said):
        plugins.tuned("serving", {"software": "none", **settings})


def test_the_capacity_keeps_the_limits_and_a_little_more_does_not():
    this = engine()
    scenario = asked(traffic={"requests": 150})["e2e"]
    (limit,) = parse_limits("ttft_p90=60ms")
    found = this.capacity(scenario, [limit])
    assert not isinstance(found, NoCapacity)
    assert found.binding in ("ttft_p90", "overload")
    seed = 0
    first = found.draws_per_s[0]

    def p90_s(rate: float) -> float:
        made = this.outcome(asked(traffic={"requests": 150, "qps": rate, "seed": seed})["e2e"]).requests
        return float(np.quantile(made.first_token_s - made.arrived_s, 0.9, method="inverted_cdf"))

    assert p90_s(first) <= limit.most_s < p90_s(first * 1.05)


def test_limits_below_what_a_request_takes_alone_are_kept_at_no_rate():
    found = engine().capacity(asked()["e2e"], parse_limits("tpot=1us"))
    assert isinstance(found, NoCapacity)
    assert found.alone["tpot_p99"] > 1e-3


def test_traffic_all_at_once_has_no_capacity():
    at_once = {"prompts": 50, "answers": 5, "arrivals": "at-once", "requests": 20}
    scenario = question("llama-2-7b", "h100-sxm", mode="serve", traffic=at_once).scenarios()["e2e"]
    with pytest.raises(BadInput, match=r"traffic\.arrivals: requests that come all at once have no rate"):
        engine().capacity(scenario, parse_limits("ttft=1s"))
