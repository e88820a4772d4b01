"""What a service is left to choose by itself: the limits of vLLM, and how many replicas the devices make."""

from __future__ import annotations

from gnomon.core.errors import BadInput
from gnomon.core.in_words import counted
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.step_limits import step_limits
from gnomon.core.system import System
from gnomon.core.workload import Workload
from gnomon.engines.serving.step_times.layout import Layout, Limits


def layout_of(plan: ServingPlan) -> Layout:
    """How a replica lies on its devices. BadInput."""
    return Layout(tensor=plan.tp, stages=plan.pp, experts=plan.ep)


def limits_of(plan: ServingPlan, system: System, workload: Workload) -> Limits:
    """The largest step, and the longest request: what the plan says, else as vLLM chooses."""
    requests, tokens = step_limits(plan, system.device)
    return Limits(
        step_tokens=tokens,
        requests=requests,
        sequence_tokens=plan.max_model_len or workload.context or 0,
        decode_tokens=1 + (plan.num_speculative_tokens or 0),
    )


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
