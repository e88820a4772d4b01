"""FasterTransformer as Vidur has it: a batch stays together until its last request is through."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, free_blocks, release
from gnomon.engines.serving.state import NONE, REQUEST, Batches, Records, Replicas, Rules, put

FOLLOWS = "FasterTransformer's batching of requests, as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of a new batch; `again` goes on with one."""
    size = 0
    while replicas.each[replica].queued > 0 and size < rules.most_reserved:
        if free_blocks(rules, replicas, replica) < rules.sequence_blocks:
            break
        request = admit(requests, replicas, replica, rules.sequence_blocks)
        put(batches, slot, size, request, requests[request].prefill)
        size += 1
    return size


@inner
def again(requests: Records, batches: Batches, slot: int) -> int:
    """Requests of a batch that are not through, each with a token; they stay in its slot."""
    size = 0
    for at in range(batches.each[slot].size):
        request = batches.members[slot, at, REQUEST]
        if not requests[request].is_completed:
            put(batches, slot, size, request, 1)
            size += 1
    return size


@inner
def end(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> bool:
    """Whether the batch is through; then it gives its blocks back.

    Defect of Vidur: requests that were through before the last iteration never give back theirs.
    """
    open_ones = 0
    for at in range(batches.each[slot].size):
        if not requests[batches.members[slot, at, REQUEST]].is_completed:
            open_ones += 1
    for at in range(batches.each[slot].size):
        request = batches.members[slot, at, REQUEST]
        if open_ones == 0:
            release(requests, replicas, replica, request)
        elif requests[request].is_completed and not rules.has_defects:
            requests[request].behind = batches.each[slot].held
            batches.each[slot].held = request
    if open_ones > 0:
        return False
    while batches.each[slot].held != NONE:
        request = batches.each[slot].held
        batches.each[slot].held = requests[request].behind
        release(requests, replicas, replica, request)
    return True
