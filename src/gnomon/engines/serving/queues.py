"""The queue of a replica: requests that are not admitted, first come first."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.state import NONE, Records, Replicas


@inner
def push_back(requests: Records, replicas: Replicas, replica: int, request: int) -> None:
    """A request joins the queue."""
    requests[request].behind = NONE
    if replicas.each[replica].queued == 0:
        replicas.each[replica].first = request
    else:
        requests[replicas.each[replica].last].behind = request
    replicas.each[replica].last = request
    replicas.each[replica].queued += 1


@inner
def push_front(requests: Records, replicas: Replicas, replica: int, request: int) -> None:
    """A request that starts again goes before all others."""
    requests[request].behind = replicas.each[replica].first if replicas.each[replica].queued > 0 else NONE
    if replicas.each[replica].queued == 0:
        replicas.each[replica].last = request
    replicas.each[replica].first = request
    replicas.each[replica].queued += 1


@inner
def pop_front(requests: Records, replicas: Replicas, replica: int) -> int:
    """The request that leaves the queue."""
    request: int = replicas.each[replica].first
    replicas.each[replica].first = requests[request].behind
    replicas.each[replica].queued -= 1
    return request
