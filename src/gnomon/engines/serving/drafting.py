"""What drafts tokens of a service: a smaller model on the same devices, or n-grams of the text."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.errors import BadInput
from gnomon.core.op import MatMul
from gnomon.core.scenario import Scenario
from gnomon.core.service import Speculation
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.workload import Workload
from gnomon.zoo.models import model

OF_DRAFTS = (
    "every request that decodes has all its drafts in each step, each accepted with one probability; the host adds nothing for making "
    "them, and no step is made up before the one under way has ended"
)


def speculation_of(plan: ServingPlan, seed: int) -> Speculation | None:
    """How tokens are drafted; None: none is."""
    if plan.num_speculative_tokens is None or plan.draft_acceptance is None:
        return None
    return Speculation(
        tokens=plan.num_speculative_tokens,
        acceptance=float(plan.draft_acceptance),
        has_model=plan.draft_model is not None,
        seed=seed,
    )


def draft_of(scenario: Scenario, plan: ServingPlan) -> Workload | None:
    """The graph of the model that drafts, in the formats of the other but for its weights; None: there is none. BadInput.

    Both have to have the same words. [vLLM 0.15, draft models]
    """
    if plan.draft_model is None:
        return None
    try:
        drafting = model(plan.draft_model).build(replace(scenario.plan, weight_dtype=None))
    except BadInput as fault:
        raise fault.at(field="draft_model") from None
    words = [_words(one) for one in (drafting, scenario.workload)]
    if words[0] != words[1]:
        raise BadInput(
            f"{plan.draft_model} has {words[0]:,} words, and {scenario.workload.name} {words[1]:,}: it cannot draft for it",
            field="draft_model",
        )
    return drafting


def _words(workload: Workload) -> int:
    heads = [node.op.n for node in workload.nodes if node.name == "lm_head" and isinstance(node.op, MatMul)]
    return heads[0] if heads else 0
