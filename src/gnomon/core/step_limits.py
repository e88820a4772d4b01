"""How much a step of a service may hold where its plan does not say: what vLLM or SGLang chooses by the device."""

from __future__ import annotations

from gnomon.core.device import Device
from gnomon.core.serving_plan import ServingPlan

# Of a server: more on devices of at least 70 GiB that are no A100. [vLLM 0.15, vllm/engine/arg_utils.py]
_LARGE_BYTES = 70 * 2**30
_SMALL, _LARGE = (256, 2048), (1024, 8192)  # requests, tokens of a step
# Memory of a device below which a step takes so many tokens of prompts, with more memory 16,384. [SGLang 0.5.3, server_args.py]
_CHUNKS = ((35 * 2**30, 2048), (60 * 2**30, 4096), (160 * 2**30, 8192))
_LARGEST_CHUNK = 16_384
PROMPT_TOKENS = 16_384  # of a step, after whose first prompt no more come in [likewise, max_prefill_tokens]
_FEWEST_RUNNING, _MOST_RUNNING = 2048, 4096  # requests [SGLang 0.5.3, model_runner.py: max_running_requests]
_SEQUENCES = 512  # likewise, for each of the longest that the cache holds


def step_limits(plan: ServingPlan, device: Device) -> tuple[int, int]:
    """Requests and tokens of a step at most: what the plan says, else as vLLM or SGLang chooses."""
    size = device.memory_bytes.value
    if plan.policy == "sglang":
        chunk = next((tokens for below, tokens in _CHUNKS if size < below), _LARGEST_CHUNK)
        return plan.max_num_seqs or _FEWEST_RUNNING, plan.chunk_tokens or chunk
    is_large = size >= _LARGE_BYTES and "a100" not in device.name
    requests, tokens = _LARGE if is_large else _SMALL
    return plan.max_num_seqs or requests, plan.max_num_batched_tokens or tokens


def most_running(cache_tokens: int, sequence_tokens: int) -> int:
    """Requests that SGLang runs at once, by how many tokens its cache holds, and a sequence may have."""
    return min(max(int(cache_tokens / sequence_tokens * _SEQUENCES), _FEWEST_RUNNING), _MOST_RUNNING)
