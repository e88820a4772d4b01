"""FasterTransformer as Vidur has it: a batch stays together until its last request is through."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.blocks import admit, free_blocks, release
from gnomon.engines.serving.simulator.state import NONE, Records, Rules, put

FOLLOWS = "FasterTransformer's batching of requests, as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Requests of a new batch; `again` goes on with one."""
    size = 0
    while mine.queued > 0 and size < rules.most_reserved:
        if free_blocks(rules, mine) < rules.sequence_blocks:
            break
        request = admit(requests, mine, rules.sequence_blocks)
        put(members[size], request, requests[request].prefill)
        size += 1
    return size


@inner
def again(requests: Records, batch: Records, members: Records) -> int:
    """Requests of a batch that are not through, each with a token; they stay in its slot."""
    size = 0
    for at in range(batch.count):
        request = members[at].request
        if not requests[request].is_completed:
            put(members[size], request, 1)
            size += 1
    return size


@inner
def end(rules: Rules, requests: Records, mine: Records, batch: Records, members: Records) -> bool:
    """Whether the batch is through; then it gives its blocks back.

    Defect of Vidur: requests that were through before the last iteration never give back theirs.
    """
    open_ones = 0
    for at in range(batch.count):
        if not requests[members[at].request].is_completed:
            open_ones += 1
    for at in range(batch.count):
        request = members[at].request
        if open_ones == 0:
            release(requests[request], mine)
        elif requests[request].is_completed and not rules.has_defects:
            requests[request].behind = batch.held
            batch.held = request
    if open_ones > 0:
        return False
    while batch.held != NONE:
        request = batch.held
        batch.held = requests[request].behind
        release(requests[request], mine)
    return True
