"""What an answer says of services that are unlike those that were measured, and which of them have no interval."""

from __future__ import annotations

from typing import Any

import pytest

import gnomon
from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.prediction import Prediction

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
TRAFFIC = {"qps": 2, "prompts": 200, "answers": 8, "requests": 20}


def told(
    name: str = "llama-2-7b",
    on: str = "h100-sxm",
    settings: dict[str, str] | None = None,
    traffic: Any = None,
    **options: Any,
) -> Prediction:
    asked = question(name, on, mode="serve", traffic={**TRAFFIC, **(traffic or {})}, **options).scenarios()
    return plugins.tuned("serving", settings or {}).predict(asked["e2e"])


def width(found: Prediction) -> float:
    assert found.interval is not None
    return found.interval.high / found.interval.low


def test_a_service_like_those_that_were_measured_has_an_interval_and_nothing_to_say():
    found = told()
    assert found.outside == ()
    assert width(found) < 1.2
    assert found.provenance.calibration


def test_operator_times_that_the_software_was_not_fitted_to_leave_no_interval():
    found = told(settings={"timer": "roofline"})
    assert found.interval is None
    assert found.outside == (
        "what the software adds was fitted to operator times of kernel, not of roofline: no interval",
    )
    assert found.provenance.calibration == found.provenance.calibration_sha256 == ""


def test_exchanges_that_the_software_was_not_fitted_to_leave_no_interval_where_devices_exchange():
    assert told(settings={"exchanges": "astra-sim"}).outside == ()  # one device exchanges nothing
    found = told("llama-2-70b", "hgx-h100", {"exchanges": "astra-sim"}, tp=4)
    assert found.interval is None
    assert found.outside == ("what the software adds was fitted to exchanges of nccl, not of astra-sim: no interval",)


def test_numbers_of_the_users_own_leave_no_interval():
    found = told(overrides=gnomon.Overrides(memory_bandwidth="4 TB/s"))
    assert found.interval is None
    assert found.provenance.overrides
    assert found.outside == (
        "numbers of the device were overridden, and services were measured on devices as they are: no interval",
    )


def test_a_model_smaller_than_any_measured_one_has_a_wider_interval():
    found = told("gpt2")
    assert width(found) > width(told()) ** 3
    assert any("takes the host longer than the device is predicted too fast" in one for one in found.outside)


def test_a_service_under_more_load_than_it_can_take_has_a_wider_interval():
    found = told(traffic={"qps": 200, "requests": 120}, max_num_seqs=4)
    assert found.outside == (
        "services were measured below saturation, and here the queue grows as long as requests come",
    )
    assert width(found) > width(told()) ** 3


@pytest.mark.parametrize(("ep", "is_said"), [(2, False), (4, True)])
def test_replicas_that_share_experts_are_said_to_step_each_by_itself(ep, is_said):
    found = told("mixtral-8x7b", "hgx-h100:4", tp=2, ep=ep)
    assert any("replicas that share experts step each by itself" in one for one in found.assumptions) == is_said
    assert ("10 times as wide" in found.interval.method) == is_said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kv_offloading_size_gib": 50.0}, "no service was measured with slower memories behind its KV cache"),
        (
            {
                "gpu_memory_utilization": 0.5,
                "beside": {"model": "gpt2", "gpu_memory_utilization": 0.4, "traffic": TRAFFIC},
            },
            "no service was measured beside another model on its devices",
        ),
    ],
)
def test_what_no_measured_service_had_makes_the_interval_wider_and_is_said(options, reason):
    found = told(**options)
    assert reason in found.outside
    assert "4 times as wide" in found.interval.method


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kv_offloading_size_gib": 50.0}, "is not asked for services with slower memories behind the KV cache"),
        (
            {
                "gpu_memory_utilization": 0.5,
                "beside": {"model": "gpt2", "gpu_memory_utilization": 0.4, "traffic": TRAFFIC},
            },
            "is not asked for services with another model on their devices",
        ),
    ],
)
@pytest.mark.parametrize("tool", ["genz", "aiconfigurator"])
def test_tools_that_know_of_neither_are_not_asked(tool, options, reason):
    asked = question("llama-2-7b", "h100-sxm", mode="serve", traffic=TRAFFIC, **options).scenarios()["e2e"]
    assert any(reason in one for one in plugins.tuned(tool, {}).missing(asked))
