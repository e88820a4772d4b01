"""The work of a training step, of all devices together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWork:
    """What is computed, again where the plan says so, and moved between devices and their memories."""

    flop: float
    products_flop: float  # of products alone
    moved_bytes: float


def step_work(model: ModelShare, programs: Sequence[Program]) -> StepWork:
    """The work of a step: of each stage's program, times the devices that run it."""
    flop = products = moved = 0.0
    alike = model.sizes["tp"] * model.sizes["cp"] * model.sizes["dp"]
    for program in programs:
        times = np.bincount(program.action, minlength=len(program.actions))
        for action, count in zip(program.actions, times.tolist(), strict=True):
            if isinstance(action, Compute):
                works = [op.work() for op in action.ops]
                flop += count * sum(work[0] for work in works)
                products += count * sum(
                    work[0] for work, op in zip(works, action.ops, strict=True) if op.unit == "matrix"
                )
                moved += count * sum(work[1] + work[2] for work in works)
    return StepWork(flop=flop * alike, products_flop=products * alike, moved_bytes=moved * alike)
