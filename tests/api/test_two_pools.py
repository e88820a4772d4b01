"""Services whose prompts are computed by replicas of their own: what is answered of them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gnomon
from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.api.scenarios import read_scenario, write_scenario
from gnomon.core.errors import BadInput
from gnomon.core.scenario import Scenario
from gnomon.core.slo import parse_limits
from gnomon.engines.serving.capacity import Capacity
from gnomon.engines.serving.engine import ServingEngine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
SETTINGS = {"timer": "roofline", "software": "none"}
TRAFFIC = {"qps": 20, "prompts": 400, "answers": [1, 20, 40], "requests": 60}
SERVICE = """schema: gnomon/scenario/1
model: llama-2-7b
on: hgx-h100
mode: serve
replicas: 2
prefill_replicas: 1
prefill_tp: 2
kv_transfer: layerwise
traffic: {qps: 20, prompts: 400, answers: [1, 20, 40], requests: 60}
"""


def engine() -> ServingEngine:
    found = plugins.tuned("serving", SETTINGS)
    assert isinstance(found, ServingEngine)
    return found


def asked(on: str = "hgx-h100", **options: Any) -> dict[str, Scenario]:
    traffic = {**TRAFFIC, **options.pop("traffic", {})}
    return question(
        "llama-2-7b", on, **{"mode": "serve", "prefill_replicas": 1, "replicas": 2, **options}, traffic=traffic
    ).scenarios()


def test_parts_add_up_and_the_transfer_is_one_of_them():
    found = {name: engine().predict(one) for name, one in asked().items()}
    between = ["KV transfer", "waiting to decode"]
    names = {name: [part.name for part in one.parts] for name, one in found.items()}
    assert names == {
        "ttft": ["waiting", "prompt"],
        "tpot": [*between, "answer"],
        "e2e": ["waiting", "prompt", *between, "answer"],
    }
    for one in found.values():
        assert sum(part.value for part in one.parts) == pytest.approx(one.value)
        assert all(part.value >= 0 for part in one.parts)
    transfer = found["e2e"].parts[2]
    seconds = 25 * 16 * 32 * 2 * 4096 * 2 / 450e9  # of 25 blocks of KV cache over NVLink, where nothing is lost
    assert transfer.kind == "network"
    assert seconds * 2 / 3 < transfer.value < 3 * seconds * 2 / 3  # a third of the answers needs none


def test_facts_name_both_pools():
    told = engine().predict(asked(prefill_tp=2)["e2e"]).service
    assert told is not None
    prefill, decode = told.pools
    assert (prefill.name, prefill.device, prefill.replicas, prefill.tensor_parallel) == ("prefill", "h100-sxm", 1, 2)
    assert (decode.name, decode.replicas, decode.tensor_parallel) == ("decode", 2, 1)
    assert told.steps == prefill.steps + decode.steps
    assert (told.replicas, told.kv_blocks) == (2, decode.kv_blocks)
    assert prefill.kv_blocks > decode.kv_blocks  # two devices hold half of the weights each
    spreads = {one.quantity: one.count for one in told.spreads}
    assert spreads == {"ttft": 60, "tpot": 40, "e2e": 60, "queueing": 60, "kv_transfer": 40, "decode_queueing": 40}
    alone = engine().predict(asked(prefill_replicas=None)["e2e"]).service
    assert alone is not None
    assert alone.pools == ()


def test_each_pool_has_the_blocks_that_are_said_of_it():
    def blocks(**options: Any) -> list[int]:
        return [pool.kv_blocks for pool in engine().service(asked(**options)["e2e"])[0].pools]

    usual = blocks()
    assert blocks(kv_blocks=100) == [usual[0], 100]
    assert blocks(prefill_kv_blocks=90) == [90, usual[1]]
    assert blocks(kv_blocks=100, prefill_kv_blocks=90) == [90, 100]


def test_the_cost_is_that_of_the_devices_of_both_pools():
    def usd_per_hour(**options: Any) -> float | None:
        told = engine().predict(asked(prefill_tp=2, **options)["e2e"]).service
        assert told is not None
        return None if told.usd_per_s is None else told.usd_per_s * 3600

    assert usd_per_hour(usd_per_device_hour=3.0) == pytest.approx(4 * 3.0)
    assert usd_per_hour(usd_per_device_hour=3.0, prefill_usd_per_device_hour=1.0) == pytest.approx(2 * 3.0 + 2 * 1.0)
    assert usd_per_hour() is None


def test_a_price_of_one_pool_alone_is_not_taken_for_a_cost():
    with pytest.raises(BadInput, match=r"prefill_usd_per_device_hour: no cost .* try usd_per_device_hour 1\.5 where"):
        asked(prefill_usd_per_device_hour=1.5)


def test_replicas_that_are_not_said_are_what_the_others_leave():
    def replicas(**options: Any) -> list[int]:
        service, _ = engine().service(asked(**options)["e2e"])
        return [pool.replicas for pool in service.pools]

    assert replicas(replicas=None) == [1, 7]
    assert replicas(replicas=None, prefill_replicas=2, prefill_tp=2) == [2, 4]
    assert replicas(prefill_replicas=None, prefill_on="dgx-a100-80gb:4", prefill_tp=2) == [2, 2]
    assert replicas(replicas=None, prefill_on="dgx-a100-80gb:4") == [1, 8]


def test_each_pool_has_the_steps_and_the_memory_of_its_own_device():
    service, _ = engine().service(asked(prefill_on="dgx-a100-80gb", prefill_max_num_batched_tokens=512)["e2e"])
    prefill, decode = service.pools
    assert (prefill.device, decode.device) == ("a100-sxm-80gb", "h100-sxm")
    assert prefill.batching.most_tokens == 512
    assert decode.batching.most_tokens == 8192
    assert (
        prefill.times.by_tokens_s[-1] / prefill.times.tokens[-1]
        > decode.times.by_tokens_s[-1] / decode.times.tokens[-1]
    )  # type: ignore[union-attr]


def test_a_rate_of_the_link_is_the_time_of_a_cache():
    found = engine().outcome(asked(kv_transfer_gbit_per_s=100.0, traffic={"qps": 0.5})["e2e"]).handover
    assert found is not None
    took_s = (found.sent_s - found.left_s)[~np.isnan(found.sent_s)]
    assert took_s.min() == pytest.approx(25 * 16 * 32 * 2 * 4096 * 2 * 8 / 100e9)


def test_layer_by_layer_hides_what_a_prompt_covers():
    slow = {"kv_transfer_gbit_per_s": 200.0, "traffic": {"qps": 0.5}}
    whole, layered = (engine().predict(asked(**slow, kv_transfer=sent)["e2e"]) for sent in ("whole", "layerwise"))
    assert layered.parts[2].value < whole.parts[2].value
    assert layered.parts[:2] == whole.parts[:2]


def test_what_is_taken_for_granted_is_said():
    found = engine().predict(asked()["e2e"])
    for words in (
        "first token comes from the prefill pool",
        "keeps a request's blocks until",
        "a device of the decode pool",
    ):
        assert any(words in one for one in found.assumptions)
    assert "no service was measured whose prompts and answers are computed by replicas of their own" in found.outside
    alone = engine().predict(asked(prefill_replicas=None)["e2e"])
    assert not any("prefill pool" in one for one in alone.assumptions)


def test_a_capacity_is_found():
    found = engine().capacity(asked(traffic={"requests": 40})["e2e"], parse_limits("ttft_p90=200ms"), precision=0.1)
    assert isinstance(found, Capacity)
    assert 0 < found.low_per_s <= found.rate_per_s <= found.high_per_s


def test_an_overloaded_pool_of_answers_is_told():
    busy = asked(traffic={"qps": 200, "answers": 300, "requests": 200}, max_num_seqs=2)
    told = engine().predict(busy["e2e"]).service
    assert told is not None
    assert any("load exceeds capacity" in warning for warning in told.warnings)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "service.yaml"
    path.write_text(SERVICE)
    return path


def test_the_table_of_requests_has_the_transfer(file):
    rows = gnomon.serve(file, settings=SETTINGS).table()
    assert rows["decode_replica"].to_list()[:4] == [None, 0, 1, None]
    sent = rows.drop_nulls("sent_s")
    assert len(sent) == 40
    assert np.allclose(sent["kv_transfer_s"], sent["sent_s"] - sent["first_token_s"])
    assert np.allclose(sent["decode_queueing_s"], sent["decode_scheduled_s"] - sent["sent_s"])


def test_steps_of_both_pools_are_in_a_timeline(file):
    scenario = next(iter(read_scenario(file).question.scenarios().values()))
    found = engine().timeline(scenario, 50)
    assert {span.track for span in found.spans} >= {"prefill replica 0", "decode replica 0"}
    assert len(found.spans) == 50
    assert found.left_out > 0
    starts = [span.start_s for span in found.spans]
    assert starts == sorted(starts)


def test_a_scenario_is_written_and_read_again(tmp_path, file):
    first = read_scenario(file).question
    again = read_scenario(write_scenario(first, tmp_path / "again.yaml")).question
    assert [one.digest for one in again.scenarios().values()] == [one.digest for one in first.scenarios().values()]
    far = question("gpt2", "t4", mode="serve", prefill_on="t4:2", kv_transfer_gbit_per_s=10.0, traffic=TRAFFIC)
    back = read_scenario(write_scenario(far, tmp_path / "far.yaml")).question
    assert [one.digest for one in back.scenarios().values()] == [one.digest for one in far.scenarios().values()]


def test_what_joins_a_system_to_another_counts_only_where_there_is_another():
    one, other = (asked(on, prefill_on="dgx-a100-80gb")["e2e"] for on in ("hgx-h100", "hgx-h100-roce"))
    assert one.digest != other.digest or one.system.scale_out == other.system.scale_out


@pytest.mark.parametrize(
    ("on", "options", "field", "said"),
    [
        ("hgx-h100", {"prefill_replicas": 0}, "prefill_replicas", "not a positive whole number"),
        (
            "hgx-h100",
            {"prefill_replicas": 9},
            "prefill_replicas",
            "more than the 8 of hgx-h100; try prefill_replicas 8 or fewer",
        ),
        ("hgx-h100", {"prefill_replicas": 7}, "replicas", "more than the 1 of hgx-h100 that are not for prompts alone"),
        (
            "hgx-h100",
            {"prefill_replicas": 8},
            "prefill_replicas",
            "no device is left for answers: prompts take 8 of the 8 of hgx-h100; try prefill_replicas 7 or fewer, or prefill_on",
        ),
        (
            "hgx-h100",
            {"prefill_replicas": 7, "tp": 2, "prefill_tp": 1, "replicas": None},
            "prefill_replicas",
            "1 device left for answers, whose replicas need 2 (tp x pp): prompts take 7 of the 8 of hgx-h100; try prefill_replicas 6",
        ),
        ("hgx-h100", {"prefill_tp": 16}, "prefill_tp", "needs 16 devices"),
        ("hgx-h100", {"prefill_on": "t4:2"}, "prefill_tp", "does not fit"),
        ("hgx-h100", {"prefill_on": "hgx-h1000"}, "prefill_on", "unknown"),
        ("hgx-h100", {"kv_transfer": "later"}, "kv_transfer", "known: whole, layerwise"),
        ("hgx-h100", {"kv_transfer_gbit_per_s": 0.0}, "kv_transfer_gbit_per_s", "not a rate above 0"),
        ("hgx-h100", {"prefill_usd_per_device_hour": -1.0}, "prefill_usd_per_device_hour", "not a price"),
        ("hgx-h100", {"prefill_replicas": None, "prefill_tp": 2}, "prefill_tp", "say prefill_replicas or prefill_on"),
        ("hgx-h100", {"prefill_replicas": None, "kv_transfer": "layerwise"}, "kv_transfer", "say prefill_replicas"),
        (
            "hgx-h100",
            {"prefill_on": "hgx-h100", "overrides": gnomon.Overrides(efficiency="0.5")},
            "prefill_on",
            "whose numbers",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_field(on, options, field, said):
    with pytest.raises(BadInput) as fault:
        engine().missing(asked(on, **options)["e2e"])
    assert fault.value.field == field
    assert said in str(fault.value)


@pytest.mark.parametrize(
    ("on", "options", "said"),
    [
        ("hgx-h100", {"policy": "sarathi"}, "simulated by vllm-v1, not by sarathi"),
        ("hgx-h100", {"traffic": {"qps": None, "arrivals": "at-once", "most_open": 4}}, "closed loop"),
        ("hgx-h100", {"traffic": {"conversations": {"turns": 2, "think_s": 1.0}}}, "conversations"),
        ("h100-sxm:4", {}, "no network of h100-sxm:4 is described"),
    ],
)
def test_what_is_not_simulated_is_a_reason_before_anything_runs(on, options, said):
    (reason,) = engine().missing(asked(on, **options)["e2e"])
    assert said in reason


@pytest.mark.parametrize("tool", ["vidur", "genz", "aiconfigurator"])
def test_tools_of_one_pool_decline(tool):
    reasons = plugins.tuned(tool, {}).missing(asked()["ttft"])
    assert any("replicas of their own" in reason or "one pool" in reason for reason in reasons), reasons


def test_a_sweep_weighs_numbers_of_replicas(tmp_path):
    plans = tmp_path / "plans.yaml"
    plans.write_text(
        "schema: gnomon/sweep/1\nengine: serving\nbase:\n"
        + "".join(f"  {line}\n" for line in SERVICE.splitlines()[1:] if not line.startswith("prefill_replicas"))
        + "vary:\n  prefill_replicas: [1, 2]\n  prefill_on: [hgx-h100, dgx-a100-80gb]\n"
    )
    rows = gnomon.sweep(plans, out=tmp_path / "out", workers=1).table()
    assert len(set(rows["e2e_s"].drop_nulls())) == 4
    assert rows["devices"].to_list() == [16] * 4  # of both systems


def test_a_report_draws_the_times_between_both_pools(file):
    from gnomon.report.facts.services import shares_of_requests
    from gnomon.report.figures.services import shares_of_requests as drawn

    service = gnomon.serve(file, settings=SETTINGS).to_dict()["rows"][0]["quantities"][0]["service"]
    table = shares_of_requests(service)
    assert {"KV transfer", "to decode"} <= set(table["time"])
    names = [curve["name"] for curve in drawn("a service", table, service).data]
    assert names == list(dict.fromkeys(table["time"]))


def test_steps_and_series_name_their_pool(tmp_path: Path):
    (tmp_path / "s.yaml").write_text(SERVICE)
    made = gnomon.serve(tmp_path / "s.yaml", settings=SETTINGS, records=True)
    made.write_decisions(tmp_path / "d.csv")
    steps, told = pl.read_csv(tmp_path / "d.csv", infer_schema=False), {one.name: one for one in made.facts.pools}
    assert dict(steps["pool"].value_counts().iter_rows()) == {name: one.steps for name, one in told.items()}
    assert steps["start_s"].cast(pl.Float64).is_sorted()
    tokens = dict(steps.group_by("pool").agg(pl.col("tokens").cast(pl.Int64).sum()).iter_rows())
    assert tokens == {"prefill": made.facts.prompt_tokens, "decode": made.facts.answer_tokens - 60}
    series = made.series()
    assert len(series) == made.facts.steps
    for name, one in told.items():
        own = series.filter(pl.col("pool") == name)
        assert own["time_s"].is_sorted()
        assert own["waiting"].min() >= 0
        assert own["replicas"].unique().to_list() == [one.replicas]
        assert 0 < own["kv_blocks"].max() <= one.kv_blocks
