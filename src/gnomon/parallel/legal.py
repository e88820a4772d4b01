"""Whether a model and a system can have a plan; where not, which values near it they could have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from math import isqrt
from typing import Any

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.plan import Plan
from gnomon.core.scenario import Scenario
from gnomon.core.training_plan import TrainingPlan
from gnomon.core.workload import Workload
from gnomon.parallel.model_share import ModelShare, model_share

_TRIED = ("tp", "pp", "dp", "cp", "ep", "virtual")  # fields for which legal values are looked for
_FAULTS = (*_TRIED, "sp")  # fields at fault for which it is worth looking
_NEAREST = 2  # legal values told on either side
_MOST_SHARED = 1_000_000  # devices of an axis, tried: on larger systems larger divisors are not looked for
_MOST_CHUNKS = 16  # of a stage, tried
# What else may change for a value to be legal, the less the better, and how that is told.
_FREED: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), ""),
    (("dp",), " with another dp"),
    (("dp", "global_batch"), " with another dp and global batch"),
)


def step_share(scenario: Scenario, engine: str) -> ModelShare:
    """The shares of the training step that an engine is asked for. Unsupported where it is none; BadInput as `checked_share`."""
    workload, system = scenario.workload, scenario.system
    if not workload.mode.endswith("+optimizer"):
        raise Unsupported(f"{engine} predicts whole steps of training only: use mode train")
    if system.device.design is not None:
        raise Unsupported(f"{engine} predicts devices with a data sheet; {system.device.name} is a spatial accelerator")
    if system.count > 1 and not system.dimensions:
        raise Unsupported(
            f"the network between the {system.count} of {system.name} is not described: "
            "`gnomon list systems` shows machines whose network is"
        )
    return checked_share(workload, scenario.plan, system.count)


def checked_share(workload: Workload, plan: Plan, devices: int) -> ModelShare:
    """The shares of a training step. BadInput that names the nearest legal values, Unsupported."""
    try:
        return model_share(workload, plan, devices)
    except BadInput as fault:
        if fault.field not in _FAULTS:
            raise
        found = _nearest_legal(workload, plan, fault.field, devices)
        what = fault.what if found else f"{fault.what}; no single change of {_or(_TRIED)} helps"
        raise BadInput(what, field=fault.field, remedies=(*found, *fault.remedies)) from None


def _nearest_legal(workload: Workload, plan: Plan, fault: str, devices: int) -> tuple[tuple[str, str], ...]:
    """Legal values of the field at fault; where there are none, of another field; nothing where there are none either."""
    training = plan.training or TrainingPlan()
    names = [*([fault] if fault in _TRIED else []), *(name for name in _TRIED if name != fault)]
    for freed, told in _FREED:
        if freed and all(getattr(training, name) is None for name in freed):
            continue
        for name in names:
            free: dict[str, Any] = dict.fromkeys(freed if name not in ("pp", "virtual") else (*freed, "stage_layers"))
            asked = getattr(training, name) or 1
            candidates = _candidates(name, training, devices)
            below, above = (
                list(islice((one for one in side if _is_legal(workload, plan, {**free, name: one}, devices)), _NEAREST))
                for side in (
                    [one for one in reversed(candidates) if one < asked],
                    [one for one in candidates if one > asked],
                )
            )
            if below or above:
                return ((name, f"{_or([*reversed(below), *above])}{told}"),)
    return ()


def _candidates(name: str, training: TrainingPlan, devices: int) -> Sequence[int]:
    """Values of a field in order: divisors of the number of devices, or of interleaved stages numbers of chunks."""
    if name == "virtual":
        return range(2, _MOST_CHUNKS + 1) if training.schedule == "interleaved" else ()
    small = [value for value in range(1, min(isqrt(devices), _MOST_SHARED) + 1) if devices % value == 0]
    return sorted({*small, *(devices // value for value in small)})


def _is_legal(workload: Workload, plan: Plan, changed: dict[str, Any], devices: int) -> bool:
    """Whether the plan would be legal with these fields in place of its own."""
    try:
        free = replace(plan.training or TrainingPlan(), **changed)
        model_share(workload, replace(plan, training=free), devices)
    except BadInput:
        return False
    return True


def _or(values: Sequence[object]) -> str:
    """ "1, 2 or 4"."""
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last
