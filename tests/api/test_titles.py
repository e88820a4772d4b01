"""Two questions that differ in one option have different titles, different rows and a history each: nothing is mixed up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import gnomon
from gnomon.api.answers import Answer
from gnomon.api.questions import Options
from gnomon.report.documents import document_of
from gnomon.report.facts.history import time_history
from gnomon.report.facts.passes import passes
from gnomon.zoo.models import model

TRACED = replace(model("resnet-50"), kind="graph")  # takes sizes as a traced graph does
DECODE = {"mode": "decode", "context": 128}
TRAIN = {"mode": "train", "engine": "training", "seq": 64}
STREAM = {"qps": 2.0, "prompts": 50, "answers": 5, "requests": 20}
SERVE = {"mode": "serve", "engine": "serving", "settings": {"timer": "roofline"}, "traffic": STREAM}
APART = {**SERVE, "prefill_replicas": 1}
SGLANG = {**SERVE, "policy": "sglang"}
DRAFTED = {"num_speculative_tokens": 2, "draft_acceptance": 0.7}
REMOTE = {"kv_remote_size_gib": 1.0, "kv_remote_gbit_per_s": 10.0}

# Option -> a model, its other options, and the value that is not the default.
CHANGED: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "mode": ("resnet-50", {}, "forward+backward"),
    "batch": ("resnet-50", {}, 2),
    "seq": ("gpt2", {"mode": "prefill"}, 64),
    "context": ("gpt2", {"mode": "decode"}, 64),
    "image": ("resnet-50", {}, 448),
    "dtype": ("resnet-50", {}, "fp32"),
    "weight_dtype": ("gpt2", DECODE, "int4"),
    "kv_dtype": ("gpt2", DECODE, "int8"),
    "attention": ("gpt2", {"mode": "prefill"}, "eager"),
    "head": ("gpt2", DECODE, "none"),
    "classes": ("resnet-50", {}, 10),
    "sizes": (TRACED, {}, {"frames": 300}),
    "overrides": ("resnet-50", {}, gnomon.Overrides(memory_bandwidth="100 GB/s", device_peak="fp16=20 TFLOP/s")),
    "global_batch": ("gpt2", TRAIN, 64),
    "tp": ("gpt2", TRAIN, 2),
    "sp": ("gpt2", {**TRAIN, "tp": 2}, True),
    "pp": ("gpt2", TRAIN, 2),
    "virtual": ("gpt2", {**TRAIN, "pp": 2, "schedule": "interleaved", "virtual": 2}, 3),
    "stage_layers": ("gpt2", {**TRAIN, "pp": 2}, "5,7"),
    "schedule": ("gpt2", {**TRAIN, "pp": 2}, "gpipe"),
    "dp": ("gpt2", TRAIN, 8),
    "zero": ("gpt2", TRAIN, 1),
    "ep": ("mixtral-8x7b", TRAIN, 2),
    "cp": ("gpt2", TRAIN, 2),
    "imbalance": ("mixtral-8x7b", {**TRAIN, "ep": 2}, 1.5),
    "recompute": ("gpt2", TRAIN, "full"),
    "overlap": ("gpt2", TRAIN, False),
    "gradient_dtype": ("gpt2", TRAIN, "fp32"),
    "dropout": ("gpt2", TRAIN, True),
    "lora_rank": ("gpt2", TRAIN, 8),
    "lora_base": ("gpt2", {**TRAIN, "lora_rank": 8}, "int4"),
    "policy": ("gpt2", SERVE, "sarathi"),
    "replicas": ("gpt2", SERVE, 2),
    "router": ("gpt2", SERVE, "lor"),
    "router_weights": ("gpt2", {**SERVE, "router": "weighted", "router_weights": [1] * 8}, [2] * 7 + [1]),
    "autoscale": ("gpt2", SERVE, {"max": 4, "target_outstanding": 8, "start_s": 1}),
    "max_waiting": ("gpt2", SERVE, 9),
    "max_wait_s": ("gpt2", SERVE, 60.0),
    "scheduling": ("gpt2", SERVE, "priority"),
    "max_num_seqs": ("gpt2", SERVE, 2),
    "max_num_batched_tokens": ("gpt2", SERVE, 64),
    "max_model_len": ("gpt2", SERVE, 512),
    "block_size": ("gpt2", SERVE, 32),
    "gpu_memory_utilization": ("gpt2", SERVE, 0.5),
    "kv_blocks": ("gpt2", SERVE, 100),
    "prefix_caching": ("gpt2", SERVE, False),
    "chunk_tokens": ("gpt2", SERVE, 32),
    "schedule_policy": ("gpt2", SGLANG, "lpm"),
    "mixed_chunk": ("gpt2", {**SGLANG, "max_num_seqs": 8}, True),
    "kv_offloading_size_gib": ("gpt2", SERVE, 1.0),
    "kv_offloading_gbit_per_s": ("gpt2", {**SERVE, "kv_offloading_size_gib": 1.0}, 10.0),
    "kv_remote_size_gib": ("gpt2", {**SERVE, **REMOTE}, 2.0),
    "kv_remote_gbit_per_s": ("gpt2", {**SERVE, **REMOTE}, 20.0),
    "max_loras": ("gpt2", SERVE, 4),
    "max_lora_rank": ("gpt2", {**SERVE, "max_loras": 4}, 64),
    "num_speculative_tokens": ("gpt2", {**SERVE, **DRAFTED}, 5),
    "draft_acceptance": ("gpt2", {**SERVE, **DRAFTED}, 0.1),
    "draft_model": ("gpt2", {**SERVE, **DRAFTED}, "gpt2"),
    "usd_per_device_hour": ("gpt2", SERVE, 2.0),
    "warmup_s": ("gpt2", SERVE, 0.001),
    "beside": (
        "gpt2",
        {**SERVE, "gpu_memory_utilization": 0.5},
        {"model": "gpt2", "gpu_memory_utilization": 0.4, "traffic": STREAM},
    ),
    "prefill_replicas": ("gpt2", SERVE, 2),
    "prefill_tp": ("gpt2", APART, 2),
    "prefill_pp": ("gpt2", APART, 2),
    "prefill_on": ("gpt2", SERVE, "dgx-a100-80gb:4"),
    "prefill_max_num_batched_tokens": ("gpt2", APART, 64),
    "prefill_kv_blocks": ("gpt2", APART, 100),
    "prefill_usd_per_device_hour": ("gpt2", {**APART, "usd_per_device_hour": 3.0}, 2.0),
    "kv_transfer": ("gpt2", APART, "layerwise"),
    "kv_transfer_gbit_per_s": ("gpt2", APART, 10.0),
    "traffic": ("gpt2", SERVE, {**STREAM, "qps": 4.0}),
}


def _marked(name: str) -> Any:
    """Services are simulated by what is compiled once, by one worker."""
    return pytest.param(name, marks=pytest.mark.xdist_group("compiled")) if "traffic" in CHANGED[name][1] else name


@pytest.fixture(params=[_marked(name) for name in CHANGED])
def pair(request: pytest.FixtureRequest) -> tuple[Answer, Answer]:
    """Answers to a usual question, and to the same with one option changed."""
    asked, others, value = CHANGED[request.param]
    on = "hgx-h100" if "engine" in others else "t4"
    return gnomon.predict(asked, on, **others), gnomon.predict(asked, on, **{**others, request.param: value})


def _document(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.to_json())
    return found


def test_every_option_is_tried() -> None:
    assert set(CHANGED) == set(Options.__annotations__)


@pytest.mark.slow
def test_another_question_is_no_run_of_the_same(pair: tuple[Answer, Answer]) -> None:
    usual, changed = map(_document, pair)
    assert time_history([("a", usual), ("b", changed)]) is None
    again = time_history([("a", changed), ("b", changed)])
    assert again is not None
    assert set(again["of_first"]) == {1.0}


def test_another_question_has_another_title_everywhere(pair: tuple[Answer, Answer]) -> None:
    usual, changed = (document_of("a", _document(answer)).data for answer in pair)
    titles = [{one.title for one in passes(document)} for document in (usual, changed)]
    assert not titles[0] & titles[1]
    assert titles == [{answer.pass_title(outcome) for outcome in answer.outcomes} for answer in pair]
    assert repr(pair[0]).partition(" interval")[0] != repr(pair[1]).partition(" interval")[0]


def test_another_question_is_another_row_before_any_number_of_the_answer(pair: tuple[Answer, Answer]) -> None:
    columns = pair[0].table().columns
    question = columns[: columns.index("value_s")]
    question.remove("parameters")  # follow from the question
    rows = [answer.table().select(question).to_dicts() for answer in pair]
    assert rows[0] != rows[1]


def test_a_usual_question_is_called_by_its_model_system_batch_and_format_alone() -> None:
    assert gnomon.predict("resnet-50", "t4").title == "resnet-50 on t4, batch 1, fp16, roofline"


def test_what_is_unusual_is_said_in_the_title() -> None:
    numbers = gnomon.Overrides(memory_bandwidth="100 GB/s", device_peak=("fp16=20 TFLOP/s", "fp32=5 TFLOP/s"))
    found = gnomon.predict(
        "gpt2", "t4", **DECODE, weight_dtype="int4", attention="eager", head="none", overrides=numbers
    )
    assert found.pass_title(found.outcomes[0]) == (
        "gpt2 on t4, batch 1, TPOT decode @128, fp16, int4 weights, eager attention, no head, "
        "device peak fp16=20 TFLOP/s, device peak fp32=5 TFLOP/s, memory bandwidth 100 GB/s, roofline"
    )


def test_sizes_and_overrides_are_objects_in_json_and_one_cell_in_a_table() -> None:
    numbers = gnomon.Overrides(device_peak=("fp16=20 TFLOP/s", "fp32=5 TFLOP/s"), efficiency="0.5")
    found = gnomon.predict(TRACED, "t4", sizes={"steps": 4, "frames": 300}, overrides=numbers)
    row = found.to_dict()
    assert row["sizes"] == {"frames": 300, "steps": 4}
    assert row["overrides"] == {"device_peak": ["fp16=20 TFLOP/s", "fp32=5 TFLOP/s"], "efficiency": "0.5"}
    assert found.rows()[0]["sizes"] == "frames=300;steps=4"
    assert found.rows()[0]["overrides"] == ("device_peak=fp16=20 TFLOP/s;device_peak=fp32=5 TFLOP/s;efficiency=0.5")
    assert found.table().schema["sizes"] == pl.String
    plain = gnomon.predict("resnet-50", "t4")
    assert (plain.to_dict()["sizes"], plain.rows()[0]["sizes"]) == ({}, None)
