"""What a service is left to choose by itself."""

import pytest

from gnomon.api.names import model, system
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.plan import Plan
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.step_limits import most_running
from gnomon.engines.serving.defaults import batching_of, block_tokens_of, layout_of, limits_of, replicas_of
from gnomon.engines.serving.step_times.layout import Layout

LLAMA = model("llama-2-7b").build(Plan(mode="serve", dtype="fp16", serving=ServingPlan()))


@pytest.mark.parametrize(
    ("on", "requests", "tokens"),
    [
        ("h100-sxm", 1024, 8192),  # 80 GB
        ("h200", 1024, 8192),
        ("mi300x", 1024, 8192),
        ("a100-sxm-80gb", 256, 2048),  # vLLM counts it among the small ones, whatever its memory
        ("a100-sxm-40gb", 256, 2048),
        ("l40s", 256, 2048),
        ("t4", 256, 2048),
    ],
)
def test_steps_are_as_large_as_vllm_makes_them_on_the_device(on, requests, tokens):
    found = limits_of(ServingPlan(), system(on), LLAMA)
    assert (found.requests, found.step_tokens) == (requests, tokens)


def test_what_the_plan_says_goes_before_what_vllm_chooses():
    plan = ServingPlan(max_num_seqs=7, max_num_batched_tokens=99, max_model_len=512)
    found = limits_of(plan, system("h100-sxm"), LLAMA)
    assert (found.requests, found.step_tokens, found.sequence_tokens) == (7, 99, 512)


def test_a_sequence_is_as_long_as_the_model_was_made_for():
    assert limits_of(ServingPlan(), system("h100-sxm"), LLAMA).sequence_tokens == 4096


def replicas(on: str, **plan: int) -> int:
    said = ServingPlan(**plan)  # type: ignore[arg-type]
    return replicas_of(said, layout_of(said), system(on))


def test_there_are_as_many_replicas_as_the_devices_make():
    assert replicas("h100-sxm") == 1
    assert replicas("h100-sxm:5") == 5
    assert replicas("hgx-h100", tp=2) == 4
    assert replicas("hgx-h100", tp=2, pp=3) == 1  # two devices are left over
    assert replicas("hgx-h100", tp=2, replicas=3) == 3


def test_experts_are_shared_by_replicas_that_step_together():
    assert layout_of(ServingPlan(tp=2, ep=8)) == Layout(tensor=2, experts=8)
    assert replicas("hgx-h100", tp=2, ep=8) == 4
    with pytest.raises(BadInput, match=r"replicas: 3 replicas cannot be divided into groups of 4 .* try replicas 4"):
        replicas("hgx-h100", tp=2, ep=8, replicas=3)
    with pytest.raises(BadInput, match=r"replicas: 8 replicas cannot be divided into groups of 3 .* try replicas 6"):
        replicas("hgx-h100", ep=3)


def test_the_replicas_for_prompts_share_experts_by_their_own_width():
    with pytest.raises(BadInput, match=r"^prefill_tp: the 2 devices .* no multiple of 4 .*; try prefill_tp 1 or 2$"):
        ServingPlan(tp=2, ep=2, prefill_replicas=1, prefill_tp=4)
    assert ServingPlan(tp=2, ep=4, prefill_replicas=1, prefill_tp=4).prefill_tp == 4


@pytest.mark.parametrize(
    ("on", "plan", "said"),
    [
        ("h100-sxm", {"tp": 2}, r"^tp: a replica needs 2 devices \(tp x pp\), and h100-sxm has 1"),
        ("h100-sxm", {"pp": 2}, r"^pp: a replica needs 2 devices"),
        (
            "h100-sxm",
            {"replicas": 2},
            r"^replicas: 2 replicas of 1 device are more than the 1 of h100-sxm; try replicas 1",
        ),
        ("hgx-h100", {"replicas": 5, "tp": 2}, r"^replicas: 5 replicas of 2 devices .*; try replicas 4 or fewer"),
    ],
)
def test_too_few_devices_are_one_line(on, plan, said):
    with pytest.raises(BadInput, match=said):
        replicas(on, **plan)


@pytest.mark.parametrize(
    ("on", "tokens"), [("t4", 2048), ("l40s", 4096), ("a100-sxm-80gb", 8192), ("h200", 8192), ("mi300x", 16384)]
)
def test_prompts_are_cut_as_sglang_cuts_them_on_the_device(on, tokens):
    plan = ServingPlan(policy="sglang")
    found = batching_of(plan, limits_of(plan, system(on), LLAMA))
    assert (found.block_tokens, found.chunk_tokens, found.most_tokens) == (1, tokens, 16384)


def test_sglang_runs_as_many_as_its_cache_has_room_for_within_bounds():
    assert most_running(1_000, 4096) == 2048
    assert most_running(200_000, 32_768) == 3125
    assert most_running(1_000_000, 4096) == 4096


def test_what_a_plan_says_of_sglang_goes_before_what_it_chooses():
    plan = ServingPlan(
        policy="sglang", chunk_tokens=512, max_num_batched_tokens=700, max_num_seqs=9, schedule_policy="lpm"
    )
    found = batching_of(plan, limits_of(plan, system("h100-sxm"), LLAMA))
    assert (found.chunk_tokens, found.most_tokens, found.most_requests, found.order) == (512, 700, 9, "lpm")


def test_blocks_have_sixteen_tokens_and_pages_of_sglang_one():
    assert block_tokens_of(ServingPlan()) == block_tokens_of(ServingPlan(block_size=16)) == 16
    assert block_tokens_of(ServingPlan(block_size=32)) == 32
    assert (
        block_tokens_of(ServingPlan(policy="sglang"))
        == block_tokens_of(ServingPlan(policy="sglang", block_size=1))
        == 1
    )
    assert block_tokens_of(ServingPlan(policy="lightllm")) == 1
    assert ServingPlan(policy="lightllm", block_size=16).block_tokens == 16  # which is refused before anything runs
    with pytest.raises(Unsupported, match="not with a block_size of 16"):
        block_tokens_of(ServingPlan(policy="sglang", block_size=16))


def test_the_usual_size_of_a_block_said_aloud_is_the_same_question():
    assert ServingPlan(block_size=16) == ServingPlan()
