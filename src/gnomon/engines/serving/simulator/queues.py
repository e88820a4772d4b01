"""The queue of a replica: requests that are not admitted, first come first."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator.state import NONE, Records


@inner
def push_back(requests: Records, mine: Records, request: int) -> None:
    """A request joins the queue."""
    requests[request].behind = NONE
    if mine.queued == 0:
        mine.first = request
    else:
        requests[mine.last].behind = request
    mine.last = request
    mine.queued += 1


@inner
def push_front(requests: Records, mine: Records, request: int) -> None:
    """A request that starts again goes before all others."""
    requests[request].behind = mine.first if mine.queued > 0 else NONE
    if mine.queued == 0:
        mine.last = request
    mine.first = request
    mine.queued += 1


@inner
def remove(requests: Records, mine: Records, request: int) -> None:
    """A request leaves the queue from wherever it is; nothing happens where it is not in it."""
    before, at = NONE, mine.first
    for _ in range(mine.queued):
        if at == request:
            if before == NONE:
                mine.first = requests[at].behind
            else:
                requests[before].behind = requests[at].behind
            if mine.last == request:
                mine.last = before
            mine.queued -= 1
            return
        before, at = at, requests[at].behind


@inner
def take_out(requests: Records, mine: Records, request: int, before: int) -> None:
    """A request leaves the queue from behind another; NONE: it is the first."""
    if before == NONE:
        pop_front(requests, mine)
        return
    requests[before].behind = requests[request].behind
    if mine.last == request:
        mine.last = before
    mine.queued -= 1


@inner
def pop_front(requests: Records, mine: Records) -> int:
    """The request that leaves the queue."""
    request: int = mine.first
    mine.first = requests[request].behind
    mine.queued -= 1
    return request
