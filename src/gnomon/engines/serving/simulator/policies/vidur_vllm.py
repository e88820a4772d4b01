"""vLLM as Vidur has it: prompts alone first, then everybody decodes; by recompute where blocks run out."""

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

FOLLOWS = "vLLM before 0.6 (the engine now called v0), as in microsoft/vidur 7d47513"


@inner
def form(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Requests of the next batch."""
    size = _prompts(rules, requests, mine, ready, members)
    return size if size > 0 else _decodes(rules, requests, mine, ready, members)


@inner
def _prompts(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Whole prompts, padded to the longest where they are counted."""
    size, longest = 0, 0
    while mine.queued > 0:
        request = mine.first
        tokens = requests[request].prefill
        if not fits_prompt(rules, requests, mine, request):
            break
        longest = max(longest, tokens)
        if (size + 1) * longest > rules.most_tokens:
            break
        if mine.admitted == rules.most_admitted or size == rules.most_batched:
            break
        admit(requests, mine, prompt_blocks(rules, requests, request))
        put(members[size], request, tokens)
        size += 1
    return size


@inner
def _decodes(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """A token of each, the earliest arrivals first; the latest make room."""
    sort_ready(requests, mine, ready)
    size, place, end = 0, 0, mine.readies
    while place < end and size < rules.most_batched:
        request = ready[place]
        place += 1
        if free_blocks(rules, mine) < 1:
            left = secure(rules, requests, mine, ready, request, place, end)
            if left == NONE:
                end = place
                break
            end = left
        extend(rules, requests[request], mine)
        put(members[size], request, 1)
        size += 1
    keep_rest(mine, ready, 0, place, end)
    return size
