"""Orca as Vidur has it: prompts and decodes in one batch, a whole sequence reserved for each. [Yu et al. 2022]"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.blocks import admit, free_blocks, keep_rest
from gnomon.engines.serving.simulator.state import Records, Rules, put

FOLLOWS = "Orca (OSDI 2022), as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Requests of the next batch."""
    size: int = min(mine.readies, rules.most_reserved)
    for at in range(size):
        request = ready[at]
        put(members[at], request, 1 if requests[request].is_prefilled else requests[request].prefill)
    keep_rest(mine, ready, 0, size, mine.readies)
    while mine.queued > 0 and size < rules.most_reserved:
        if free_blocks(rules, mine) < rules.sequence_blocks:
            break
        request = admit(requests, mine, rules.sequence_blocks)
        put(members[size], request, requests[request].prefill)
        size += 1
    return size
