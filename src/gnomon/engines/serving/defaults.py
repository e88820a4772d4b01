"""What a service is left to choose by itself: the limits of vLLM or SGLang, and how many replicas the devices make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gnomon.core.autoscale import Autoscale
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.in_words import counted
from gnomon.core.service import Batching, Speculation
from gnomon.core.serving_plan import PREFILL_FIELDS, ServingPlan
from gnomon.core.step_limits import PROMPT_TOKENS, step_limits
from gnomon.core.system import System
from gnomon.core.workload import Workload
from gnomon.engines.serving.step_times.layout import Layout, Limits


def layout_of(plan: ServingPlan) -> Layout:
    """How a replica lies on its devices. BadInput."""
    return Layout(tensor=plan.tp, stages=plan.pp, experts=plan.ep)


def limits_of(plan: ServingPlan, system: System, workload: Workload) -> Limits:
    """The largest step, and the longest request: what the plan says, else as vLLM or SGLang chooses."""
    requests, tokens = step_limits(plan, system.device)
    return Limits(
        step_tokens=tokens,
        requests=requests,
        sequence_tokens=plan.max_model_len or workload.context or 0,
        decode_tokens=1 + (plan.num_speculative_tokens or 0),
    )


def batching_of(plan: ServingPlan, limits: Limits, drafts: Speculation | None = None) -> Batching:
    """How a replica makes batches."""
    found = Batching(
        policy=plan.policy,
        most_requests=limits.requests,
        block_tokens=block_tokens_of(plan),
        watermark=0.01 if plan.policy in ("vidur-vllm", "sarathi") else 0.0,  # vLLM v0's and Vidur's
        most_tokens=limits.step_tokens,
        chunk_tokens=limits.step_tokens
        if plan.policy == "sarathi" and plan.chunk_tokens is None
        else plan.chunk_tokens,
        order=plan.schedule_policy,
        is_mixed=plan.mixed_chunk,
        most_waits=10 if plan.policy == "lightllm" else None,  # LightLLM's and Vidur's
        scheduling=plan.scheduling,
        most_adapters=plan.max_loras,
        speculation=drafts,
    )
    if plan.policy == "sglang":
        most_tokens = plan.max_num_batched_tokens or PROMPT_TOKENS
        return replace(found, most_tokens=most_tokens, chunk_tokens=limits.step_tokens)
    return found


def block_tokens_of(plan: ServingPlan) -> int:
    """Tokens of a block of the KV cache. Unsupported where SGLang is to have other pages than its own by default."""
    if plan.policy == "sglang" and plan.block_tokens != 1:
        raise Unsupported(
            f"sglang is simulated with pages of one token only (its page_size of 1), not with a block_size of {plan.block_size}"
        )
    return plan.block_tokens


def _most_of(plan: ServingPlan, autoscale: Autoscale, layout: Layout, system: System) -> int:
    """The most of those that come and go; there have to be devices for all. BadInput."""
    at_start, each = plan.replicas or autoscale.min, layout.tensor * layout.stages
    if not autoscale.min <= at_start <= autoscale.max:
        raise BadInput(
            f"{at_start} at the start, where autoscale keeps between {autoscale.min} and {autoscale.max}",
            field="replicas",
        )
    if autoscale.max * each > system.count:
        raise BadInput(
            f"{counted(autoscale.max, 'replica')} of {counted(each, 'device')} are more than the {system.count} of {system.name}",
            field="autoscale.max",
        )
    if layout.together > 1:
        raise BadInput("replicas that share experts cannot come and go one by one", field="autoscale")
    return autoscale.max


def prefill_plan(plan: ServingPlan) -> ServingPlan:
    """The plan of the replicas for prompts, as that of a service of its own."""
    others: dict[str, Any] = {name: "whole" if name == "kv_transfer" else None for name in PREFILL_FIELDS}
    return replace(
        plan,
        replicas=plan.prefill_replicas,
        tp=plan.prefill_tp or plan.tp,
        pp=plan.prefill_pp or plan.pp,
        max_num_batched_tokens=plan.prefill_max_num_batched_tokens or plan.max_num_batched_tokens,
        kv_blocks=plan.prefill_kv_blocks,
        **others,
    )


def replicas_of(plan: ServingPlan, layout: Layout, system: System, taken: int = 0) -> int:
    """As many as the plan says, or as the devices make but for those that are taken; of those that come and go the most.

    BadInput where they are too few.
    """
    if plan.autoscale is not None:
        return _most_of(plan, plan.autoscale, layout, system)
    each, count = layout.tensor * layout.stages, system.count - taken
    most = count // each
    if most < 1 and taken:
        raise _none_left(plan, each, system, taken)
    if most < 1:
        raise BadInput(
            f"a replica needs {counted(each, 'device')} (tp x pp), and {system.name} has {system.count}",
            field="tp" if layout.tensor > 1 else "pp",
        )
    if plan.replicas is not None and plan.replicas > most:
        raise BadInput(
            f"{counted(plan.replicas, 'replica')} of {counted(each, 'device')} are more than the {count} of {system.name}"
            f"{' that are not for prompts alone' if taken else ''}",
            field="replicas",
            remedies=[("replicas", f"{most} or fewer" if most > 1 else "1")],
        )
    found = most if plan.replicas is None else plan.replicas
    if found % layout.together:
        whole = found - found % layout.together
        fitting = whole + layout.together if whole + layout.together <= most else whole
        raise BadInput(
            f"{counted(found, 'replica')} cannot be divided into groups of {layout.together} that share experts",
            field="replicas",
            remedies=[("replicas", str(fitting))] if fitting else (),
        )
    return found


def _none_left(plan: ServingPlan, each: int, system: System, taken: int) -> BadInput:
    """What is wrong where replicas for prompts leave none for answers, and what to do."""
    left = system.count - taken
    rest = f"{counted(left, 'device')} left for answers, whose replicas need {each} (tp x pp)"
    fewer = (system.count - each) // (taken // (plan.prefill_replicas or 1))
    remedies = [("prefill_replicas", f"{fewer} or fewer" if fewer > 1 else "1")] if fewer > 0 else []
    return BadInput(
        f"{rest if left else 'no device is left for answers'}: prompts take {taken} of the {system.count} of {system.name}",
        field="prefill_replicas",
        remedies=[*remedies, ("prefill_on", "to give prompts a system of their own")],
    )
