"""On which steps the engine's error was measured: vTrain's and Megatron-LM's, and why a scenario is not one of their kind."""

from __future__ import annotations

from collections.abc import Iterator

from gnomon.core.op import GroupedMatMul
from gnomon.core.scenario import Scenario
from gnomon.core.training_plan import TrainingPlan
from gnomon.engines.training.calibration import calibration

MOST_DEVICES = 3072  # [Narayanan et al. 2021, table 1]
_PUBLISHED_ZERO_3 = " (six published ones of 2021 took 1.5 to 5 times as long as predicted)"  # training_steps.csv
_SCHEDULES = ("1f1b", "interleaved")


def outside(scenario: Scenario) -> tuple[str, ...]:
    """Why the answer is extrapolation; nothing where steps of this kind were measured."""
    unlike = list(_unlike(scenario))
    if not unlike:
        return ()
    return (f"no measured training steps with {', '.join(unlike)}",)


def _unlike(scenario: Scenario) -> Iterator[str]:
    workload, system = scenario.workload, scenario.system
    plan = scenario.plan.training or TrainingPlan()
    known = calibration().silicon
    if system.device.silicon not in known:
        yield f"{system.device.name} (only with {', '.join(known)})"
    if system.count > MOST_DEVICES:
        yield f"more than {MOST_DEVICES:,} devices"
    if workload.item != "token" or workload.head != "lm":
        yield "a model that is not a decoder with its head"
    elif any(isinstance(node.op, GroupedMatMul) for node in workload.nodes):
        yield "a mixture of experts"
    if workload.dtype != "fp16":
        yield f"{workload.dtype} arithmetic"
    if plan.zero:
        yield f"ZeRO-{plan.zero}{_PUBLISHED_ZERO_3 if plan.zero == 3 else ''}"
    if plan.cp > 1:
        yield "context parallelism"
    if plan.schedule not in _SCHEDULES:
        yield f"schedule {plan.schedule}"
    if plan.lora_rank is not None:
        yield "LoRA adapters"
