"""FasterTransformer as Vidur has it: a batch stays together until its last request is through."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, free_blocks, release
from gnomon.engines.serving.state import NONE, Batches, Replicas, Requests, Rules

FOLLOWS = "FasterTransformer's batching of requests, as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of a new batch; `again` goes on with one."""
    size = 0
    while replicas.queued[replica] > 0 and size < rules.most_reserved:
        if free_blocks(rules, replicas, replica) < rules.sequence_blocks:
            break
        request = admit(requests, replicas, replica, rules.sequence_blocks)
        batches.members[slot, size], batches.tokens[slot, size] = request, requests.prefill[request]
        size += 1
    return size


@inner
def again(requests: Requests, batches: Batches, slot: int) -> int:
    """Requests of a batch that are not through, each with a token; they stay in its slot."""
    size = 0
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        if not requests.is_completed[request]:
            batches.members[slot, size], batches.tokens[slot, size] = request, 1
            size += 1
    return size


@inner
def end(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, replica: int, slot: int) -> bool:
    """Whether the batch is through; then it gives its blocks back.

    Defect of Vidur: requests that were through before the last iteration never give back theirs.
    """
    open_ones = 0
    for at in range(batches.size[slot]):
        if not requests.is_completed[batches.members[slot, at]]:
            open_ones += 1
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        if open_ones == 0:
            release(requests, replicas, replica, request)
        elif requests.is_completed[request] and not rules.has_defects:
            requests.behind[request] = batches.held[slot]
            batches.held[slot] = request
    if open_ones > 0:
        return False
    while batches.held[slot] != NONE:
        request = batches.held[slot]
        batches.held[slot] = requests.behind[request]
        release(requests, replicas, replica, request)
    return True
