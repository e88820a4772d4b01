"""What a service is left to choose by itself: the limits of vLLM or SGLang, and how many replicas the devices make."""

from __future__ import annotations

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.in_words import counted
from gnomon.core.service import Batching
from gnomon.core.serving_plan import ServingPlan
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
    return Limits(step_tokens=tokens, requests=requests, sequence_tokens=plan.max_model_len or workload.context or 0)


def batching_of(plan: ServingPlan, limits: Limits) -> Batching:
    """How a replica makes batches."""
    if plan.policy == "sglang":
        return Batching(
            policy=plan.policy,
            most_requests=limits.requests,
            block_tokens=block_tokens_of(plan),
            most_tokens=plan.max_num_batched_tokens or PROMPT_TOKENS,
            chunk_tokens=limits.step_tokens,
            order=plan.schedule_policy,
            is_mixed=plan.mixed_chunk,
        )
    return Batching(
        policy=plan.policy,
        most_requests=limits.requests,
        block_tokens=plan.block_size,
        watermark=0.01 if plan.policy in ("vidur-vllm", "sarathi") else 0.0,  # vLLM v0's and Vidur's
        most_tokens=limits.step_tokens,
        chunk_tokens=limits.step_tokens
        if plan.policy == "sarathi" and plan.chunk_tokens is None
        else plan.chunk_tokens,
        order=plan.schedule_policy,
        is_mixed=plan.mixed_chunk,
        most_waits=10 if plan.policy == "lightllm" else None,  # LightLLM's and Vidur's
    )


def block_tokens_of(plan: ServingPlan) -> int:
    """Tokens of a block of the KV cache: one of SGLang, by default. Unsupported where the plan says another number."""
    if plan.policy != "sglang":
        return plan.block_size
    if plan.block_size not in (1, ServingPlan().block_size):
        raise Unsupported(
            f"sglang is simulated with pages of one token only, not with a block_size of {plan.block_size}"
        )
    return 1


def replicas_of(plan: ServingPlan, layout: Layout, system: System) -> int:
    """As many as the plan says, or as the devices make. BadInput where they are too few."""
    each = layout.tensor * layout.stages
    most = system.count // each
    if most < 1:
        raise BadInput(
            f"a replica needs {each} devices (tp x pp), and {system.name} has {system.count}",
            field="tp" if layout.tensor > 1 else "pp",
        )
    if plan.replicas is not None and plan.replicas > most:
        raise BadInput(
            f"{counted(plan.replicas, 'replica')} of {counted(each, 'device')} are more than the {system.count} of {system.name}",
            field="replicas",
            remedies=[("replicas", f"{most} or fewer" if most > 1 else "1")],
        )
    found = most if plan.replicas is None else plan.replicas
    if found % layout.together:
        raise BadInput(
            f"{found} replicas cannot be divided into groups of {layout.together} that share experts", field="replicas"
        )
    return found
