"""Tables of a training step: what communication costs, and what each stage of its pipeline does and keeps."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.api.answers import Answer, Outcome
from gnomon.cli.output import print_table, print_text
from gnomon.core.footprint import Footprint
from gnomon.core.in_words import counted, rate, share
from gnomon.core.step_facts import StepFacts
from gnomon.core.units import show

MOST_STAGES = 8  # lines printed of a pipeline: its first and last stages; --json has all

EXCHANGE_HEAD = ["axis", "communication", "network", "size", "time", "exposed", "of the step"]
STAGE_HEAD = [
    "stage",
    "compute",
    "host",
    "exposed",
    "idle",
    "memory",
    "weights",
    "gradients",
    "optimizer",
    "act",
    "logits",
    "other",
]
STAGE_SPARE = ("other", "logits", "optimizer", "gradients")


def print_steps(answers: Sequence[Answer]) -> None:
    """The steps that were put together, one after another."""
    for answer in answers:
        for outcome in answer.outcomes:
            if outcome.prediction is not None and outcome.prediction.step is not None:
                _print_step(answer, outcome, outcome.prediction.step, outcome.prediction.value)


def _print_step(answer: Answer, outcome: Outcome, step: StepFacts, value_s: float) -> None:
    workload = outcome.scenario.workload
    print()
    sequences = counted(step.sequences, "image" if workload.seq is None else "sequence")
    print_text(
        f"{sequences} per step: {counted(step.replicas, 'replica')} x {counted(step.microbatches, 'micro-batch')} "
        f"of {outcome.scenario.plan.batch}; "
        f"{rate(outcome.items_per_s, workload.item)}, MFU {share(outcome.mfu, 1)}, HFU {share(outcome.hfu, 1)}, "
        f"bubble {share(step.bubble, 1)}",
        title=answer.pass_title(outcome),
    )
    if step.exposed:
        rows = [
            [
                one.axis,
                one.kind,
                one.network or "-",
                show(one.size_bytes, "B"),
                show(one.time_s, "s"),
                show(one.exposed_s, "s"),
                share(one.exposed_s / value_s, 1),
            ]
            for one in sorted(step.exposed, key=lambda one: -one.exposed_s)
        ]
        print_table(EXCHANGE_HEAD, rows, title="communication of the stage that ends last")
    ends = MOST_STAGES // 2
    shown = [one for one in step.stages if one.stage < ends or one.stage >= len(step.stages) - ends]
    rows = [
        [
            str(one.stage),
            show(one.compute_s, "s"),
            "-" if one.host_s is None else show(one.host_s, "s"),
            show(one.exposed_s, "s"),
            show(one.idle_s, "s"),
            show(one.memory.total_bytes, "B"),
            *_kinds(one.memory),
        ]
        for one in shown
    ]
    print_table(STAGE_HEAD, rows, title="one device of each stage", spare=STAGE_SPARE)
    if len(shown) < len(step.stages):
        print_text(f"and {len(step.stages) - len(shown)} stages between them (--json has all)")


def _kinds(memory: Footprint) -> list[str]:
    other = memory.buffers_bytes + memory.overhead_bytes
    kinds = (
        memory.weights_bytes,
        memory.gradients_bytes,
        memory.optimizer_bytes,
        memory.activations_bytes,
        memory.logits_bytes,
        other,
    )
    return [show(size, "B", 2) if size else "-" for size in kinds]
