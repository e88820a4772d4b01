"""Two models on the same devices: each is a server of its own, and where both have a step on a device, each goes half as fast.

Without MPS the kernels of two processes never run at once: the GPU gives each that has work a slice of time in turn [NVIDIA, guides to
MPS and to time-slicing]. Slices are taken to be short beside steps: a device that two steps want is shared evenly between them from moment
to moment [processor sharing: Kleinrock 1967, Time-shared systems: a theoretical treatment, JACM]. A step's host works beside the other model.

With two of them at most, a step that begins makes known at once until when both take, if nobody else begins: either waits as long
as the shorter of what the two still lack. So all that is kept of a device is when each is through with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats
from gnomon.engines.serving.simulator import events, records
from gnomon.engines.serving.simulator import step_costs as step
from gnomon.engines.serving.simulator.state import VLLM_V1, Costs, Records, Rules

NOT_ON_DEVICE = -1.0
FIRST, FURTHER = range(2)  # columns of Beside.waits_s: before the first token, after it
_STEP = np.dtype(
    [
        ("is_on", "?"),  # a step of the model is on the stage, be it with its host or its device
        ("begun_s", "f8"),
        ("length_s", "f8"),  # of host and device, alone
        ("waited_s", "f8"),  # for the other model, as far as is known
        ("device_s", "f8"),  # when it is through with the device, likewise; NOT_ON_DEVICE
        ("row", "i8"),  # of the log
        ("since_s", "f8"),  # a step of either has been on the stage, of the first model's
        ("busy_s", "f8"),  # so long a step of either was, of the first model's
    ],
    align=True,
)


class Beside(NamedTuple):
    """What two models share, and what becomes of one of them; of no use where there is one."""

    steps: Records  # (stage of any replica): of the first model, then of the other; both have the same
    waits_s: Floats  # (request, 2): that its steps took longer for the other model


def new_steps(stages: int) -> Records:
    """Two models of so many stages in all, none with a step."""
    steps = np.zeros(2 * stages, _STEP).view(np.recarray)
    steps.device_s[:] = NOT_ON_DEVICE
    return steps


def new_beside(steps: Records | None, requests: int) -> Beside:
    """Nobody has waited; None: there is one model."""
    if steps is None:
        return Beside(np.zeros(1, _STEP).view(np.recarray), np.zeros((1, 2)))
    return Beside(steps, np.zeros((requests, 2)))


def busy_s(steps: Records) -> float:
    """Of all stages, while a step of either model is on them."""
    return float(steps.busy_s.sum())


@inner
def own(rules: Rules, beside: Beside, place: int) -> Records:
    """The model's step on a stage."""
    return beside.steps[place + rules.model * (len(beside.steps) // 2)]


@inner
def others(rules: Rules, beside: Beside, place: int) -> Records:
    """The other model's."""
    return beside.steps[place + (1 - rules.model) * (len(beside.steps) // 2)]


@inner
def begin(
    beside: Beside,
    rules: Rules,
    costs: Costs,
    batch: Records,
    queue: events.Events,
    log: records.Log,
    place: int,
    length_s: float,
    now_s: float,
) -> None:
    """A step begins, with its host; the device comes after. Its end is looked at when it would be alone, and then put off."""
    mine, other, either = own(rules, beside, place), others(rules, beside, place), beside.steps[place]
    if not other.is_on:
        either.since_s = now_s
    mine.is_on, mine.begun_s, mine.length_s, mine.waited_s = True, now_s, length_s, 0.0
    mine.row = log.counts[records.ROWS] - 1
    host_s = host_part_s(rules, costs, batch)
    if host_s > 0.0:
        events.later(queue, now_s + host_s, events.ASK, place)
    else:
        ask(beside, rules, costs, batch, place, now_s)
    events.later(queue, now_s + length_s, events.END_STAGE, place)


@inner
def host_part_s(rules: Rules, costs: Costs, batch: Records) -> float:
    """What of a step the device does not work."""
    return step.host_s(costs.grids, batch.count) if rules.has_step_times else 0.0


@inner
def ask(beside: Beside, rules: Rules, costs: Costs, batch: Records, place: int, now_s: float) -> None:
    """A step comes to the device: it and the other's each wait for as long as both have something to do there."""
    mine, other = own(rules, beside, place), others(rules, beside, place)
    device_s = mine.length_s - host_part_s(rules, costs, batch)
    waits_s = max(min(device_s, other.device_s - now_s), 0.0)
    mine.waited_s = waits_s
    mine.device_s = now_s + device_s + waits_s
    if waits_s > 0.0:
        other.waited_s += waits_s
        other.device_s += waits_s


@inner
def end_s(beside: Beside, rules: Rules, place: int) -> float:
    """When the step that is on a stage will be through, if nobody else begins."""
    mine = own(rules, beside, place)
    found: float = mine.begun_s + (mine.length_s + mine.waited_s)
    return found


@inner
def end(
    beside: Beside,
    rules: Rules,
    requests: Records,
    members: Records,
    size: int,
    log: records.Log,
    place: int,
    now_s: float,
) -> float:
    """A step is through with a stage: how long it waited for the other model there."""
    mine, other, either = own(rules, beside, place), others(rules, beside, place), beside.steps[place]
    mine.is_on, mine.device_s = False, NOT_ON_DEVICE
    if not other.is_on:
        either.busy_s += now_s - either.since_s
    if rules.records:
        log.times_s[mine.row, 1] = mine.length_s + mine.waited_s
    waited_s: float = mine.waited_s
    for at in range(size):
        one = requests[members[at].request]
        if rules.policy == VLLM_V1 and members[at].epoch != one.restarts:
            continue  # it lost its blocks meanwhile, and may be in another step
        beside.waits_s[members[at].request, FIRST if one.first_token_s == 0 else FURTHER] += waited_s
    return waited_s
