"""Orca as Vidur has it: prompts and decodes in one batch, a whole sequence reserved for each. [Yu et al. 2022]"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, free_blocks, keep_rest
from gnomon.engines.serving.state import Batches, Records, Replicas, Rules, put

FOLLOWS = "Orca (OSDI 2022), as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of the next batch."""
    size = min(replicas.each[replica].readies, rules.most_reserved)
    for at in range(size):
        request = replicas.ready[replica, at]
        put(batches, slot, at, request, 1 if requests[request].is_prefilled else requests[request].prefill)
    keep_rest(replicas, replica, 0, size, replicas.each[replica].readies)
    while replicas.each[replica].queued > 0 and size < rules.most_reserved:
        if free_blocks(rules, replicas, replica) < rules.sequence_blocks:
            break
        request = admit(requests, replicas, replica, rules.sequence_blocks)
        put(batches, slot, size, request, requests[request].prefill)
        size += 1
    return size
