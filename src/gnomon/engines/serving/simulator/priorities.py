"""Who goes first by priority: the place of a request in the queue, and who makes room where no block is left.

The lowest priority goes first, of equal ones who came first. [vLLM 0.15, V1: PriorityRequestQueue, and the scheduler's choice of whom
to preempt] Of those that came at one moment the lower number is first, where vLLM compares their random names.
"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.queues import push_back, push_front
from gnomon.engines.serving.simulator.state import Records


@inner
def goes_before(requests: Records, request: int, other: int) -> bool:
    """Whether a request is ahead of another."""
    one, two = requests[request], requests[other]
    if one.priority != two.priority:
        ahead: bool = one.priority < two.priority
        return ahead
    if one.arrived_s != two.arrived_s:
        earlier: bool = one.arrived_s < two.arrived_s
        return earlier
    return request < other


@inner
def insert(requests: Records, mine: Records, request: int) -> None:
    """A request joins the queue at its place, whether it is new or begins again."""
    if mine.queued == 0 or goes_before(requests, mine.last, request):
        push_back(requests, mine, request)
        return
    if goes_before(requests, request, mine.first):
        push_front(requests, mine, request)
        return
    before = mine.first
    while goes_before(requests, requests[before].behind, request):
        before = requests[before].behind
    requests[request].behind = requests[before].behind
    requests[before].behind = request
    mine.queued += 1


@inner
def last_of(requests: Records, mine: Records, ready: Ints) -> int:
    """Of those that run the one that makes room: of the highest priority who came last; of equals the first in their order."""
    found: int = ready[0]
    for at in range(1, mine.readies):
        one, two = requests[found], requests[ready[at]]
        if two.priority > one.priority or (two.priority == one.priority and two.arrived_s > one.arrived_s):
            found = ready[at]
    return found


@inner
def leave_line(mine: Records, ready: Ints, request: int) -> None:
    """A request runs no longer; the others keep their order."""
    kept = 0
    for at in range(mine.readies):
        if ready[at] != request:
            ready[kept] = ready[at]
            kept += 1
    mine.readies = kept


@inner
def leave_step(members: Records, size: int, request: int) -> int:
    """The tokens that a request had in a step that is being made up, and has no longer; 0: it had none."""
    given = 0
    for at in range(size):
        one = members[at]
        if given > 0:
            before = members[at - 1]
            before.request, before.tokens, before.epoch = one.request, one.tokens, one.epoch
            before.is_sampled = one.is_sampled
        elif one.request == request:
            given = one.tokens
    return given
