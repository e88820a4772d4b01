"""Orca as Vidur has it: prompts and decodes in one batch, a whole sequence reserved for each. [Yu et al. 2022]"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, free_blocks, keep_rest
from gnomon.engines.serving.state import Batches, Replicas, Requests, Rules

FOLLOWS = "Orca (OSDI 2022), as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Requests, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of the next batch."""
    size = min(replicas.readies[replica], rules.most_reserved)
    for at in range(size):
        request = replicas.ready[replica, at]
        batches.members[slot, at] = request
        batches.tokens[slot, at] = 1 if requests.is_prefilled[request] else requests.prefill[request]
    keep_rest(replicas, replica, 0, size, replicas.readies[replica])
    while replicas.queued[replica] > 0 and size < rules.most_reserved:
        if free_blocks(rules, replicas, replica) < rules.sequence_blocks:
            break
        request = admit(requests, replicas, replica, rules.sequence_blocks)
        batches.members[slot, size], batches.tokens[slot, size] = request, requests.prefill[request]
        size += 1
    return size
