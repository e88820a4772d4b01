"""The shape at which a model's work is stated: one forward pass of one image, or of one sequence of its usual length."""

from __future__ import annotations

from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.zoo import diffusion, image
from gnomon.zoo.models import Model


def stated_workload(model: Model) -> Workload:
    """The forward pass."""
    return model.build(Plan(mode="forward", dtype=model.dtype))


def stated_shape(workload: Workload) -> str:
    """Its shape in words."""
    if workload.item == "image step":
        return f"1 step of an image of {diffusion.USUAL_SIDE} x {diffusion.USUAL_SIDE}"
    if workload.seq is None:
        return f"1 image of {image.USUAL_SIDE} x {image.USUAL_SIDE}"
    return f"1 sequence of {workload.seq} tokens"
