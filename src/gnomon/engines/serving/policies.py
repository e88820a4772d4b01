"""The policies by name: what software each follows, and what it is not written down for."""

from __future__ import annotations

from gnomon.core.errors import Unsupported, near_match
from gnomon.core.service import Batching, Pool
from gnomon.engines.serving.simulator.policies import (
    faster_transformer,
    lightllm,
    orca,
    sarathi,
    sglang,
    vidur_vllm,
    vllm_v1,
)

POLICIES = ("vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm", "vllm-v1", "sglang")  # as in state.py
_FOLLOWS: tuple[str, ...] = tuple(
    policy.FOLLOWS for policy in (vidur_vllm, sarathi, orca, faster_transformer, lightllm, vllm_v1, sglang)
)


def follows(batching: Batching) -> str:
    """The software whose rules a policy has, with its version. Unsupported."""
    if batching.scheduling == "priority":
        return vllm_v1.FOLLOWS_BY_PRIORITY
    return _FOLLOWS[policy_named(batching.policy)]


def policy_named(name: str) -> int:
    """Its place in POLICIES. Unsupported."""
    if name not in POLICIES:
        raise Unsupported(f"no policy {name!r}{near_match(name, POLICIES)} (there are {', '.join(POLICIES)})")
    return POLICIES.index(name)


def check(pool: Pool) -> None:
    """Unsupported where the policy of a pool is not written down for what it is to do."""
    batching = pool.batching
    name = batching.policy
    policy_named(name)
    if name != "vllm-v1":
        _check_is_plain(pool)
    elif not batching.most_tokens:
        raise Unsupported("vllm-v1 needs most_tokens, of a step")
    if name == "sglang":
        _check_sglang(pool)
        return
    if name == "lightllm" and (batching.block_tokens != 1 or pool.stages != 1):
        raise Unsupported("lightllm: blocks of one token and one stage only")
    if name != "vllm-v1" and pool.steps_ahead:
        raise Unsupported(f"{name}: no step is made up while another is under way; vllm-v1 and sglang do that")
    if batching.order != "fcfs" or batching.is_mixed:
        raise Unsupported(f"{name}: schedule_policy and mixed_chunk are of the policy sglang")
    if batching.speculation is not None and pool.stages > 1:
        raise Unsupported("serving does not simulate speculative decoding on several pipeline stages")
    if batching.speculation is not None and pool.steps_ahead:
        raise Unsupported("no step is made up ahead of one whose drafts are not accepted yet")
    if pool.tiers is not None and (batching.speculation is not None or batching.most_adapters is not None):
        raise Unsupported(
            "slower memories of the KV cache are not simulated with speculative decoding or LoRA adapters"
        )


def _check_is_plain(pool: Pool) -> None:
    batching = pool.batching
    asked = {
        "priorities": batching.scheduling != "fcfs",
        "LoRA adapters": batching.most_adapters is not None,
        "speculative decoding": batching.speculation is not None,
        "slower memories of the KV cache": pool.tiers is not None,
    }
    for what, is_asked in asked.items():
        if is_asked:
            raise Unsupported(f"{batching.policy} knows no {what}; vllm-v1 does")


def _check_sglang(pool: Pool) -> None:
    batching = pool.batching
    if pool.stages != 1:
        raise Unsupported("sglang is simulated without pipeline stages only")
    if batching.block_tokens != 1:
        raise Unsupported("sglang is simulated with pages of one token only")
    if pool.steps_ahead > 1:
        raise Unsupported("sglang: one batch at most is made up while another is under way")
    if not batching.most_tokens or not batching.chunk_tokens:
        raise Unsupported("sglang needs most_tokens, of the prompts of a batch, and chunk_tokens")
    if batching.is_mixed and batching.chunk_tokens <= batching.most_requests:
        raise Unsupported(
            f"sglang: of the {batching.chunk_tokens:,} tokens of a mixed step the answers of {batching.most_requests:,} "
            "requests may leave none for prompts; take a greater chunk_tokens or a smaller max_num_seqs"
        )
