"""Sarathi-Serve as Vidur has it: decodes first, then chunks of prompts up to a number of tokens. [Agrawal et al. 2024]"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.blocks import (
    admit,
    extend,
    fits_prompt,
    free_blocks,
    keep_rest,
    prompt_blocks,
    secure,
    sort_ready,
)
from gnomon.engines.serving.simulator.state import NONE, Records, Rules, put

FOLLOWS = "Sarathi-Serve's scheduler, as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Requests of the next batch."""
    size, budget = _running(rules, requests, mine, ready, members)
    while mine.queued > 0:
        request = mine.first
        if mine.admitted == rules.most_admitted or size == rules.most_batched or budget <= 0:
            break
        if not fits_prompt(rules, requests, mine, request):
            break
        tokens = min(requests[request].prefill, budget)
        admit(requests, mine, prompt_blocks(rules, requests, request))
        put(members[size], request, tokens)
        size += 1
        budget -= tokens
    return size


@inner
def _running(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> tuple[int, int]:
    """Requests that were admitted before and are in the batch, and the tokens that are left of it.

    Whoever is not through his prompt is set aside, in the first places of `ready`, until all decodes are in; each decode is,
    whatever the chunk. Those set aside are not evicted.
    """
    size, place, aside, end = 0, 0, 0, mine.readies
    while place < end and size < rules.most_batched:
        request = ready[place]
        place += 1
        if not requests[request].is_prefilled:
            ready[aside] = request
            aside += 1
            continue
        if free_blocks(rules, mine) < 1:
            left = secure(rules, requests, mine, ready, request, place, end)
            if left == NONE:
                end = place
                break
            end = left
        extend(rules, requests[request], mine)
        put(members[size], request, 1)
        size += 1
    budget, kept = rules.chunk_tokens - size, 0
    for at in range(aside):
        request = ready[at]
        tokens = min(requests[request].prefill - requests[request].processed, budget)
        if tokens <= 0:
            ready[kept] = request
            kept += 1
            continue
        put(members[size], request, tokens)
        size += 1
        budget -= tokens
    keep_rest(mine, ready, kept, place, end)
    sort_ready(requests, mine, ready)
    return size, budget
