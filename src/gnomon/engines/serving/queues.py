"""The queue of a replica: requests that are not admitted, first come first."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.state import NONE, Replicas, Requests


@inner
def push_back(requests: Requests, replicas: Replicas, replica: int, request: int) -> None:
    """A request joins the queue."""
    requests.behind[request] = NONE
    if replicas.queued[replica] == 0:
        replicas.first[replica] = request
    else:
        requests.behind[replicas.last[replica]] = request
    replicas.last[replica] = request
    replicas.queued[replica] += 1


@inner
def push_front(requests: Requests, replicas: Replicas, replica: int, request: int) -> None:
    """A request that starts again goes before all others."""
    requests.behind[request] = replicas.first[replica] if replicas.queued[replica] > 0 else NONE
    if replicas.queued[replica] == 0:
        replicas.last[replica] = request
    replicas.first[replica] = request
    replicas.queued[replica] += 1


@inner
def pop_front(requests: Requests, replicas: Replicas, replica: int) -> int:
    """The request that leaves the queue."""
    request: int = replicas.first[replica]
    replicas.first[replica] = requests.behind[request]
    replicas.queued[replica] -= 1
    return request
