"""Sarathi-Serve as Vidur has it: decodes first, then chunks of prompts up to a number of tokens. [Agrawal et al. 2024]"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, extend, fits_prompt, keep_rest, prompt_blocks, secure, sort_ready
from gnomon.engines.serving.state import NONE, Batches, Records, Replicas, Rules, put

FOLLOWS = "Sarathi-Serve's scheduler, as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of the next batch."""
    size, budget = _running(rules, requests, replicas, batches, replica, slot)
    while replicas.each[replica].queued > 0:
        request = replicas.each[replica].first
        if replicas.each[replica].admitted == rules.most_admitted or size == rules.most_batched or budget <= 0:
            break
        if not fits_prompt(rules, requests, replicas, replica, request):
            break
        tokens = min(requests[request].prefill, budget)
        admit(requests, replicas, replica, prompt_blocks(rules, requests, request))
        put(batches, slot, size, request, tokens)
        size += 1
        budget -= tokens
    return size


@inner
def _running(
    rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int
) -> tuple[int, int]:
    """Requests that were admitted before and are in the batch, and the tokens that are left of it.

    Whoever is not through his prompt is set aside, in the first places of `ready`, until all decodes are in; each decode is,
    whatever the chunk. Those set aside are not evicted.
    """
    ready = replicas.ready[replica]
    size, place, aside, end = 0, 0, 0, replicas.each[replica].readies
    while place < end and size < rules.most_batched:
        request = ready[place]
        place += 1
        if not requests[request].is_prefilled:
            ready[aside] = request
            aside += 1
            continue
        left = secure(rules, requests, replicas, replica, request, place, end)
        if left == NONE:
            end = place
            break
        end = left
        extend(rules, requests, replicas, replica, request)
        put(batches, slot, size, request, 1)
        size += 1
    budget, kept = rules.chunk_tokens - size, 0
    for at in range(aside):
        request = ready[at]
        tokens = min(requests[request].prefill - requests[request].processed, budget)
        if tokens <= 0:
            ready[kept] = request
            kept += 1
            continue
        put(batches, slot, size, request, tokens)
        size += 1
        budget -= tokens
    keep_rest(replicas, replica, kept, place, end)
    sort_ready(requests, replicas, replica)
    return size, budget
