"""LoRA adapters of the requests: who may join a step, which adapters lie on the devices, and what a step takes for them.

A step has at most so many different adapters; whoever would bring one more is passed over, and those behind him go on. [vLLM 0.15,
V1 scheduler, max_loras] Devices have a place for as many; one that is not there is copied from the host before the step, over the one
that was used longest ago. [vLLM 0.15, LRUCacheWorkerLoRAManager]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints
from gnomon.engines.serving.simulator import step_costs as step
from gnomon.engines.serving.simulator.state import NONE, Costs, Records, Rules


class Adapters(NamedTuple):
    """Of no use where no request has one."""

    of: Ints  # (request): NONE: it has none
    places: Ints  # (replica, place): adapters on its devices, the one used longest ago first; NONE: nothing yet
    seen: Ints  # (replica, adapter): the last step that was made up with it; below 0: and it is counted
    steps: Ints  # (replica, 2): steps that were made up, different adapters of the last
    loads: Ints  # (replica): copies from the host


def new_adapters(arrivals: Arrivals, replicas: int, rules: Rules) -> Adapters:
    """No adapter is on any device."""
    of = arrivals.adapters if rules.most_adapters else None
    given = np.full(1, NONE) if of is None else np.ascontiguousarray(of, np.int64)
    return Adapters(
        of=given,
        places=np.full((replicas, max(rules.most_adapters, 1)), NONE, np.int64),
        seen=np.zeros((replicas, int(given.max(initial=0)) + 1), np.int64),
        steps=np.zeros((replicas, 2), np.int64),
        loads=np.zeros(replicas, np.int64),
    )


@inner
def begin(adapters: Adapters, replica: int, mine: Records, ready: Ints) -> None:
    """A step is made up; it has the adapters of those that run."""
    adapters.steps[replica, 0] += 1
    adapters.steps[replica, 1] = 0
    for at in range(mine.readies):
        join(adapters, replica, ready[at])


@inner
def join(adapters: Adapters, replica: int, request: int) -> None:
    """A request's adapter is in the step."""
    which, now = adapters.of[request], adapters.steps[replica, 0]
    if which != NONE and adapters.seen[replica, which] != now:
        adapters.seen[replica, which] = now
        adapters.steps[replica, 1] += 1


@inner
def may_join(adapters: Adapters, rules: Rules, replica: int, request: int) -> bool:
    """Whether the step has a request's adapter, or room for it."""
    which = adapters.of[request]
    is_in: bool = which == NONE or adapters.seen[replica, which] == adapters.steps[replica, 0]
    return is_in or adapters.steps[replica, 1] < rules.most_adapters


@inner
def first_that_may(
    adapters: Adapters, rules: Rules, requests: Records, mine: Records, replica: int, before: int
) -> tuple[int, int]:
    """Of those that wait behind one (NONE: of all) the first that may join, and who is before it; NONE: nobody may."""
    if mine.queued == 0 or (before != NONE and before == mine.last):
        return NONE, before
    request = mine.first if before == NONE else requests[before].behind
    while not may_join(adapters, rules, replica, request):
        if request == mine.last:
            return NONE, request
        before, request = request, requests[request].behind
    return request, before


@inner
def add_times(adapters: Adapters, rules: Rules, costs: Costs, batch: Records, members: Records, replica: int) -> None:
    """What a step takes besides for its adapters, on every stage; those that are not there are copied first."""
    tokens, different, loads, now = 0, 0, 0, adapters.steps[replica, 0]
    for at in range(batch.count):
        which = adapters.of[members[at].request]
        if which != NONE:
            tokens += members[at].tokens
            if adapters.seen[replica, which] != -now:
                adapters.seen[replica, which] = -now
                different += 1
                touch(adapters.places[replica], which)
    batch.besides_s, batch.is_loading = 0.0, False
    if tokens == 0:
        return
    for at in range(batch.count):  # those that are there have been used now: none of them has to go
        which = adapters.of[members[at].request]
        if which != NONE and not touch(adapters.places[replica], which):
            adapters.places[replica, 0] = which
            touch(adapters.places[replica], which)
            loads += 1
    adapters.loads[replica] += loads
    batch.is_loading = loads > 0
    batch.besides_s = step.adapters_s(costs.grids, tokens, different)
    more_s = batch.besides_s + loads * costs.grids.adapter_load_s
    batch.last_stage_s += more_s
    if rules.stages > 1:
        batch.first_stage_s += more_s
        batch.stage_s += more_s


@inner
def touch(places: Ints, which: int) -> bool:
    """Whether an adapter is on the devices; then it is the one used last."""
    last = len(places) - 1
    for at in range(last, -1, -1):
        if places[at] == which:
            for further in range(at, last):
                places[further] = places[further + 1]
            places[last] = which
            return True
    return False
