"""An answer says where no step of its kind was measured, and has a wider interval there."""

from __future__ import annotations

import re
from typing import Any

import pytest

import gnomon
from gnomon.engines.training.calibration import calibration

MEASURED = {"mode": "train", "engine": "training", "seq": 128, "dtype": "fp16", "overlap": False}

UNLIKE: list[tuple[str, str, dict[str, Any], str]] = [
    ("gpt2", "hgx-h100", {}, r"h100-sxm \(only with GA100\)"),
    ("gpt2", "hgx-a100:8x512", {}, "more than 3,072 devices"),
    ("mixtral-8x7b", "hgx-a100", {"ep": 8}, "a mixture of experts"),
    ("gpt2", "hgx-a100", {"dtype": "bf16"}, "bf16 arithmetic"),
    ("gpt2", "hgx-a100", {"zero": 1}, "ZeRO-1"),
    (
        "gpt2",
        "hgx-a100",
        {"zero": 3},
        r"ZeRO-3 \(six published ones of 2021 took 1.5 to 5 times as long as predicted\)",
    ),
    ("gpt2", "hgx-a100", {"cp": 2}, "context parallelism"),
    ("gpt2", "hgx-a100", {"pp": 2, "schedule": "gpipe"}, "schedule gpipe"),
    ("gpt2", "hgx-a100", {"lora_rank": 8}, "LoRA adapters"),
    ("resnet-50", "hgx-a100", {"seq": None}, "a model that is not a decoder"),
    ("bert-base", "hgx-a100", {}, "a model that is not a decoder"),
]


def ratio(answer: gnomon.Answer) -> tuple[float, float]:
    found = answer["time"]
    assert found.interval is not None
    return found.interval.low / found.value, found.interval.high / found.value


def test_a_step_like_those_that_were_measured_has_their_interval_and_no_doubt() -> None:
    answer = gnomon.predict("gpt2", "hgx-a100", **MEASURED)
    assert answer["time"].outside == ()
    low, high = ratio(answer)
    assert 0.8 < low < 1 < high < 1.3
    assert answer["time"].provenance.calibration == calibration().data
    assert len(answer["time"].provenance.calibration_sha256) == 64


@pytest.mark.parametrize(("model", "on", "options", "reason"), UNLIKE)
def test_a_step_unlike_those_says_why_and_has_the_interval_of_devices_left_out(
    model: str, on: str, options: dict[str, Any], reason: str
) -> None:
    answer = gnomon.predict(model, on, **{**MEASURED, **options})
    (told,) = answer["time"].outside
    assert re.search(f"no measured training steps with .*{reason}", told), told
    low, high = ratio(answer)
    assert low < 0.7
    assert high > 1.7
