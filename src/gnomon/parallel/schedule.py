"""In which order a stage of a pipeline runs its passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gnomon.core.errors import BadInput
from gnomon.core.training_plan import Schedule


@dataclass(frozen=True, slots=True)
class Task:
    """One pass of one micro-batch through one chunk of a stage."""

    kind: Literal["forward", "backward", "weights"]
    microbatch: int
    chunk: int  # of the stage's own, from 0


def order(schedule: Schedule, *, stage: int, stages: int, microbatches: int, virtual: int = 1) -> tuple[Task, ...]:
    """The tasks of a stage in order. BadInput where the schedule has no such order."""
    match schedule:
        case "gpipe":
            return gpipe(microbatches)
        case "1f1b":
            return one_forward_one_backward(stage, stages, microbatches)
        case "zero-bubble":
            return zero_bubble(stage, stages, microbatches)
        case "interleaved":
            return interleaved(stage, stages, microbatches, virtual)


def gpipe(microbatches: int) -> tuple[Task, ...]:
    """All forward, then all backward, the last first. [Huang et al. 2019, GPipe, figure 2c]"""
    forward = [Task("forward", at, 0) for at in range(microbatches)]
    return (*forward, *(Task("backward", at, 0) for at in reversed(range(microbatches))))


def one_forward_one_backward(stage: int, stages: int, microbatches: int) -> tuple[Task, ...]:
    """As many forward as there are stages behind, then one of each in turn. [Narayanan et al. 2021, PipeDream-Flush, figure 4]"""
    ahead = min(microbatches, stages - stage - 1)
    found = [Task("forward", at, 0) for at in range(ahead)]
    for at in range(microbatches - ahead):
        found += [Task("forward", ahead + at, 0), Task("backward", at, 0)]
    return (*found, *(Task("backward", at, 0) for at in range(microbatches - ahead, microbatches)))


def zero_bubble(stage: int, stages: int, microbatches: int) -> tuple[Task, ...]:
    """1F1B whose gradients of weights wait until there is nothing else to do: ZB-H1, with 1F1B's memory.

    A stage keeps `stage` of them back and works them off at the end. [Qi et al. 2023, Zero Bubble Pipeline Parallelism, figure 2]
    """
    found: list[Task] = []
    waiting: list[int] = []
    for task in one_forward_one_backward(stage, stages, microbatches):
        found.append(task)
        if task.kind == "backward":
            waiting.append(task.microbatch)
            if len(waiting) > stage:
                found.append(Task("weights", waiting.pop(0), 0))
    return (*found, *(Task("weights", at, 0) for at in waiting))


def interleaved(stage: int, stages: int, microbatches: int, virtual: int) -> tuple[Task, ...]:
    """1F1B over several chunks of layers a stage. [Narayanan et al. 2021, section 2.2.2, figure 4]

    Micro-batches go through the chunks in groups as large as there are stages. BadInput where they do not fill the groups.
    """
    if microbatches % stages:
        raise BadInput(
            f"interleaved needs a multiple of pp {stages} micro-batches, not {microbatches}",
            field="global_batch",
        )
    total = microbatches * virtual

    def task(kind: Literal["forward", "backward"], at: int) -> Task:
        group, within = divmod(at, stages * virtual)
        chunk, place = divmod(within, stages)
        return Task(kind, group * stages + place, chunk if kind == "forward" else virtual - 1 - chunk)

    ahead = min(total, (stages - stage - 1) * 2 + (virtual - 1) * stages)
    if microbatches == stages:
        ahead = total
    found = [task("forward", at) for at in range(ahead)]
    for at in range(total - ahead):
        found += [task("forward", ahead + at), task("backward", at)]
    return (*found, *(task("backward", at) for at in range(total - ahead, total)))
