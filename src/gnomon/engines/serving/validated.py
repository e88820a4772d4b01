"""Which services were measured, and how much wider an interval is for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gnomon.core.op import Attention, GroupedMatMul
from gnomon.core.scenario import Scenario
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.units import show
from gnomon.engines.serving.set_up import Ready

MEASURED_DEVICE = "h100-sxm"
_MEASURED_FORMATS = ("fp16", "bf16")
_MOST_TP = 4  # devices of a measured stage
_MOST_EXPERTS = 8  # Mixtral 8x7B
# Of a model on one device, the least among measured stages: Llama-2-7B in fp16 has 13.48 GB. A step of less may take the host
# longer than the device, and is then predicted too fast. [step_times/README.md, known gaps]
_LEAST_WEIGHTS_BYTES = 13.4e9
# Twice what the one service like these needs that was measured on another device, with nothing fitted to it: its means lie 8 %
# off end to end where the interval of H100 has 4.6 %, and no further in TTFT and TPOT. [serving/per_request: Llama-3.1-8B, vLLM
# 0.19, RTX PRO 6000; benchmarks.serving_requests]
ELSEWHERE = 4.0
# Little more than the one service needs that was measured with replicas that share experts, predicted 21 % too fast: its means lie 5
# to 9 half widths off. [serving/per_request: Qwen3-30B-A3B on two of them, vLLM 0.19, RTX PRO 6000; benchmarks.serving_requests]
SHARED_EXPERTS = 10.0


def no_interval(scenario: Scenario, plan: ServingPlan, ready: Ready, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Why the residuals of measured services say nothing of this one."""
    return tuple(_void(scenario, plan, ready, settings))


def unlike(scenario: Scenario, plan: ServingPlan, ready: Ready) -> tuple[str, ...]:
    """Why a service is none of the kind that was measured."""
    return tuple(_reasons(scenario, plan, ready))


def widening(plan: ServingPlan, is_alike: bool) -> float:
    """How many times as wide as of measured services the interval is."""
    if plan.ep > plan.tp:
        return SHARED_EXPERTS
    return 1.0 if is_alike else ELSEWHERE


def _void(scenario: Scenario, plan: ServingPlan, ready: Ready, settings: Mapping[str, str]) -> Iterator[str]:
    software = ready.software
    if software is None:
        return
    if any(one.device.overrides() for one in (scenario.system, plan.prefill_on) if one is not None):
        yield "numbers of the device were overridden, and services were measured on devices as they are: no interval"
    if (timer := settings["timer"]) != software.timer:
        yield f"what the software adds was fitted to operator times of {software.timer}, not of {timer}: no interval"
    does_exchange = plan.ep > plan.tp or plan.has_prefill_pool or any(pool.devices > 1 for pool in ready.service.pools)
    if does_exchange and (exchanges := settings["exchanges"]) != software.exchanges:
        yield f"what the software adds was fitted to exchanges of {software.exchanges}, not of {exchanges}: no interval"


def _reasons(scenario: Scenario, plan: ServingPlan, ready: Ready) -> Iterator[str]:
    device, workload = scenario.system.device.name, scenario.workload
    if device != MEASURED_DEVICE:
        yield f"services were measured on {MEASURED_DEVICE}, not on {device}"
    formats = {workload.dtype, workload.weight_dtype or workload.dtype, scenario.plan.kv_dtype or "fp16"}
    if unmeasured := sorted(formats.difference(_MEASURED_FORMATS)):
        yield f"services were measured in fp16 and bf16, not in {', '.join(unmeasured)}"
    if plan.policy != "vllm-v1":
        yield f"services of vLLM were measured, none of {plan.policy}"
    if plan.scheduling != "fcfs":
        yield "services were measured first come first served, none by priority"
    if plan.max_loras is not None:
        yield "no service was measured with LoRA adapters"
    if plan.num_speculative_tokens is not None:
        yield "no service was measured with speculative decoding"
    if (weights_bytes := min(one.weights_bytes for one in ready.memories)) < _LEAST_WEIGHTS_BYTES:
        yield (
            f"a device has {show(weights_bytes, 'B')} of weights, where measured services had {show(_LEAST_WEIGHTS_BYTES, 'B')} and "
            "more: a step that takes the host longer than the device is predicted too fast"
        )
    if plan.tp > _MOST_TP:
        yield f"up to {_MOST_TP} devices shared a layer where services were measured, not {plan.tp}"
    if plan.has_prefill_pool:
        yield "no service was measured whose prompts and answers are computed by replicas of their own"
        if plan.prefill_on is not None and plan.prefill_on.device.name not in (MEASURED_DEVICE, device):
            yield f"services were measured on {MEASURED_DEVICE}, not on {plan.prefill_on.device.name}"
    if plan.has_kv_tiers:
        yield "no service was measured with slower memories behind its KV cache"
    if plan.beside is not None:
        yield "no service was measured beside another model on its devices"
    if plan.pp > 1:
        yield "no service was measured with pipeline stages"
    if plan.ep > plan.tp:
        yield (
            "replicas that share experts are not simulated in step with each other, and the one measured service of that kind was "
            "predicted 21 % too fast"
        )
    if 1 < plan.ep <= plan.tp:
        yield "no service was measured whose devices hold whole experts"
    if any(isinstance(node.op, Attention) and node.op.kept_dim is not None for node in workload.nodes):
        yield "no service was measured of a model with latent attention"
    if any(isinstance(node.op, GroupedMatMul) and node.op.groups > _MOST_EXPERTS for node in workload.nodes):
        yield f"up to {_MOST_EXPERTS} experts had the models of measured services"
