"""Whether a model and a system can have a plan; where not, which values near it they could have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import Workload
from gnomon.parallel.model_share import ModelShare, model_share

_TRIED = ("tp", "pp", "dp", "ep", "cp", "virtual")  # fields for which legal values are looked for
_NEAREST = 2  # of them on either side


def checked_share(workload: Workload, plan: Plan, devices: int) -> ModelShare:
    """The shares of a training step. BadInput that names the nearest legal values, Unsupported."""
    try:
        return model_share(workload, plan, devices)
    except BadInput as fault:
        training = plan.training or TrainingPlan()
        if fault.field not in _TRIED:
            raise
        legal = [
            value for value in _candidates(devices) if _is_legal(workload, plan, training, fault.field, value, devices)
        ]
        raise BadInput(
            f"{fault.text}; {_told(fault.field, getattr(training, fault.field) or 1, legal)}", field=fault.field
        ) from None


def _candidates(devices: int) -> list[int]:
    """Divisors of the number of devices."""
    return [value for value in range(1, devices + 1) if devices % value == 0]


def _is_legal(workload: Workload, plan: Plan, training: TrainingPlan, field: str, value: int, devices: int) -> bool:
    """Whether the plan would be legal with that value, and as many replicas and sequences as fit it."""
    changed: dict[str, Any] = {"dp": None, "global_batch": None, field: value}
    free = replace(training, **changed)
    try:
        model_share(workload, replace(plan, training=free), devices)
    except BadInput:
        return False
    return True


def _told(field: str, asked: int, legal: list[int]) -> str:
    near = [
        *[value for value in legal if value < asked][-_NEAREST:],
        *[value for value in legal if value > asked][:_NEAREST],
    ]
    if not near:
        return f"no {field} would do with the rest of the plan"
    return f"{field} {' or '.join(map(str, near))} would do"
