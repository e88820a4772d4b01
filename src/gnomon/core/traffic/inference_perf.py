"""The traffic of inference-perf's `shared_prefix` data under its `constant` load."""

from __future__ import annotations

from gnomon.core.traffic.arrival_processes import ScaledPoisson
from gnomon.core.traffic.checks import check_whole
from gnomon.core.traffic.lengths import Fixed, Lengths
from gnomon.core.traffic.sharing import Repetition, SystemPrompts
from gnomon.core.traffic.traffic import Traffic


def shared_prefix_traffic(
    *,
    rate_per_s: float,
    duration_s: float,
    system_prompts: int,
    users_per_system_prompt: int,
    system_tokens: int,
    question_tokens: int,
    answer_tokens: int,
    seed: int = 0,
) -> Traffic:
    """So many users, each with one question behind a system prompt, who send it in turn, again and again.

    As that tool works at the beginning of 2026 [kubernetes-sigs/inference-perf at e60b98d, shared_prefix_datagen.py and
    load_timer.py]: questions are made once and taken round robin, so from the second round on a prompt is the same to its last
    token; what it calls constant is a stream of random intervals. Its `enable_multi_turn_chat` is left out: requests neither
    wait for one another nor carry a history.
    """
    check_whole(users_per_system_prompt, "users_per_system_prompt")
    check_whole(system_prompts, "system_prompts")
    return Traffic(
        arrivals=ScaledPoisson(rate_per_s=rate_per_s),
        lengths=Lengths(prompts=Fixed(tokens=question_tokens), answers=Fixed(tokens=answer_tokens)),
        duration_s=duration_s,
        system_prompts=SystemPrompts(tokens=Fixed(tokens=system_tokens), count=system_prompts),
        repetition=Repetition(prompts=system_prompts * users_per_system_prompt, is_in_turn=True),
        seed=seed,
    )
