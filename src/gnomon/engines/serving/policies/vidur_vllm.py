"""vLLM as Vidur has it: prompts alone first, then everybody decodes; by recompute where blocks run out."""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.blocks import admit, extend, fits_prompt, keep_rest, prompt_blocks, secure, sort_ready
from gnomon.engines.serving.state import NONE, Batches, Records, Replicas, Rules, put

FOLLOWS = "vLLM before 0.6 (the engine now called v0), as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Requests of the next batch."""
    size = _prompts(rules, requests, replicas, batches, replica, slot)
    return size if size > 0 else _decodes(rules, requests, replicas, batches, replica, slot)


@inner
def _prompts(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """Whole prompts, padded to the longest where they are counted."""
    size, longest = 0, 0
    while replicas.each[replica].queued > 0:
        request = replicas.each[replica].first
        tokens = requests[request].prefill
        if not fits_prompt(rules, requests, replicas, replica, request):
            break
        longest = max(longest, tokens)
        if (size + 1) * longest > rules.most_tokens:
            break
        if replicas.each[replica].admitted == rules.most_admitted or size == rules.most_batched:
            break
        admit(requests, replicas, replica, prompt_blocks(rules, requests, request))
        put(batches, slot, size, request, tokens)
        size += 1
    return size


@inner
def _decodes(rules: Rules, requests: Records, replicas: Replicas, batches: Batches, replica: int, slot: int) -> int:
    """A token of each, the earliest arrivals first; the latest make room."""
    sort_ready(requests, replicas, replica)
    size, place, end = 0, 0, replicas.each[replica].readies
    while place < end and size < rules.most_batched:
        request = replicas.ready[replica, place]
        place += 1
        left = secure(rules, requests, replicas, replica, request, place, end)
        if left == NONE:
            end = place
            break
        end = left
        extend(rules, requests, replicas, replica, request)
        put(batches, slot, size, request, 1)
        size += 1
    keep_rest(replicas, replica, 0, place, end)
    return size
