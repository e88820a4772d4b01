"""Blocks of KV cache: known services, and what does not fit."""

from __future__ import annotations

import pytest

from gnomon.api.names import model, system
from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.engines.serving.step_times.memory import KvMemory, board_bytes, kv_memory
from tests.engines.serving.cases import VLLM_LIMITS

GIB = 2**30


def graph(name: str, **plan: str) -> Workload:
    return model(name).build(Plan(mode="decode", batch=1, context=1, **{"dtype": model(name).dtype, **plan}))  # type: ignore[arg-type]


def of(name: str, on: str, layout: Layout | None = None, limits: Limits = VLLM_LIMITS, **plan: str) -> KvMemory:
    return kv_memory(graph(name, **plan), system(on).device, layout or Layout(), limits)


def test_a_published_count_of_blocks_is_met() -> None:
    """7,351 for Llama-2-7B on an A100 of 80 GB [vLLM's pull request 2031], which the runtime's share is fitted to."""
    limits = Limits(step_tokens=4096, requests=256, sequence_tokens=4096)
    assert of("llama-2-7b", "a100-sxm-80gb", limits=limits).blocks == pytest.approx(7351, rel=0.001)


@pytest.mark.parametrize(
    ("name", "gib"),
    [("a100-sxm-80gb", 79.22), ("l40s", 44.4), ("rtx-pro-6000", 94.97), ("a100-sxm-40gb", 39.5), ("h200", 139.8)],
)
def test_boards_hold_what_their_drivers_say(name: str, gib: float) -> None:
    assert board_bytes(system(name).device) / GIB == pytest.approx(gib, rel=0.007)


def test_blocks_by_hand() -> None:
    found = of("llama-2-7b", "h100-sxm")
    assert found.weights_bytes == graph("llama-2-7b").weight_bytes
    assert found.block_bytes == 16 * 32 * 2 * 4096 * 2  # tokens, layers, keys and values, width, bytes
    left = found.usable_bytes - found.weights_bytes - found.activations_bytes - found.runtime_bytes
    assert found.blocks == int(left // found.block_bytes)


def test_what_a_token_keeps_is_shared_by_heads_stages_and_formats() -> None:
    whole = of("llama-2-7b", "h100-sxm").block_bytes
    assert of("llama-2-7b", "hgx-h100", Layout(tensor=2)).block_bytes == whole / 2
    assert of("llama-2-7b", "hgx-h100", Layout(stages=4)).block_bytes == whole / 4
    assert of("llama-2-7b", "h100-sxm", kv_dtype="fp8").block_bytes == whole / 2
    grouped = of("llama-2-70b", "hgx-h100", Layout(tensor=8)).block_bytes
    assert grouped == 16 * 80 * 2 * 128 * 2
    # A latent is kept whole by every device: 512 + 64 numbers.
    assert of("deepseek-v2", "hgx-h200", Layout(tensor=8)).block_bytes == 16 * 60 * 576 * 2


def test_weights_are_shared_by_devices_and_stages() -> None:
    whole = graph("llama-2-70b").weight_bytes
    for layout in (Layout(tensor=4), Layout(tensor=2, stages=2)):
        assert of("llama-2-70b", "hgx-h100", layout).weights_bytes == pytest.approx(whole / 4, rel=0.005)
    experts = of("mixtral-8x7b", "hgx-h100", Layout(tensor=2, experts=2)).weights_bytes
    assert experts == pytest.approx(of("mixtral-8x7b", "hgx-h100", Layout(tensor=2)).weights_bytes, rel=1e-6)


def test_a_model_that_does_not_fit_is_one_line_with_its_numbers() -> None:
    with pytest.raises(BadInput, match=r"llama-2-70b does not fit on 1 x h100-sxm: 128.5 GiB of weights") as fault:
        of("llama-2-70b", "h100-sxm")
    assert "\n" not in str(fault.value)


def test_where_activations_come_on_top_they_are_not_what_leaves_nothing() -> None:
    llama, device = graph("llama-2-70b"), system("h100-sxm").device
    with pytest.raises(BadInput, match=r"128.5 GiB of weights and 0.9 of the runtime leave nothing of the 71.3 GiB"):
        kv_memory(llama, device, Layout(), VLLM_LIMITS, is_static=True)
    with pytest.raises(BadInput, match=r"128.5 GiB of weights, [\d.]+ of activations and 0.9 of the runtime leave"):
        kv_memory(llama, device, Layout(), VLLM_LIMITS)


def test_a_request_that_does_not_fit_is_one_line_with_its_numbers() -> None:
    limits = Limits(step_tokens=2048, requests=128, sequence_tokens=200_000)
    with pytest.raises(BadInput, match="fewer than the 200,000 that a request may have"):
        of("llama-2-7b", "h100-sxm", limits=limits)
