"""How much a step of a service may hold where its plan does not say: what vLLM chooses by the device."""

from __future__ import annotations

from gnomon.core.device import Device
from gnomon.core.serving_plan import ServingPlan

# Of a server: more on devices of at least 70 GiB that are no A100. [vLLM 0.15, vllm/engine/arg_utils.py]
_LARGE_BYTES = 70 * 2**30
_SMALL, _LARGE = (256, 2048), (1024, 8192)  # requests, tokens of a step


def step_limits(plan: ServingPlan, device: Device) -> tuple[int, int]:
    """Requests and tokens of a step at most: what the plan says, else as vLLM chooses."""
    is_large = device.memory_bytes.value >= _LARGE_BYTES and "a100" not in device.name
    requests, tokens = _LARGE if is_large else _SMALL
    return plan.max_num_seqs or requests, plan.max_num_batched_tokens or tokens
