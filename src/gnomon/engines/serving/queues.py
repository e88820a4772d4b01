"""The queue of a replica: requests that are not admitted, first come first."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.state import NONE, Records


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
def pop_front(requests: Records, mine: Records) -> int:
    """The request that leaves the queue."""
    request: int = mine.first
    mine.first = requests[request].behind
    mine.queued -= 1
    return request
