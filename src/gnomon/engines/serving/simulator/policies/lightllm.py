"""LightLLM as Vidur has it: blocks of one token; a request is admitted where the peak of all lengths to come fits."""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import inner, inner_making_arrays
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator.blocks import admit, free_blocks
from gnomon.engines.serving.simulator.state import Records, Rules, put

FOLLOWS = "LightLLM's router before 2.0, as in microsoft/vidur 7d47513"
OUT_OF_MEMORY = -1  # in place of a number of requests: neither LightLLM's rule nor Vidur knows what to do


@inner
def form(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Requests of the next batch, or OUT_OF_MEMORY. Waiting ones are looked at after some iterations."""
    running: int = mine.readies
    if running == 0 or mine.waits >= rules.most_waits:
        size = _prompts(rules, requests, mine, ready, members)
        if running > 0 or size > 0:
            mine.waits = 0
        if running == 0 or size > 0:
            return size
    if free_blocks(rules, mine) < running:
        return OUT_OF_MEMORY
    mine.waits += 1
    for at in range(running):
        request = ready[at]
        requests[request].blocks += 1
        mine.used_blocks += 1
        put(members[at], request, 1)
    mine.readies = 0
    return running


@inner_making_arrays
def _prompts(rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records) -> int:
    """Whole prompts whose tokens, and the peak of memory, stay below their bounds."""
    room = mine.readies + rules.most_batched + 1
    length, remaining = np.zeros(room, np.int64), np.zeros(room, np.int64)
    known = 0
    for at in range(mine.readies):
        request = ready[at]
        made = max(requests[request].processed - requests[request].prefill, 0)
        _insert(length, remaining, known, requests[request].processed, max(requests[request].decode - made - 1, 0))
        known += 1
    size, used = 0, 0
    while mine.queued > 0:
        request = mine.first
        tokens = requests[request].prefill
        if used + tokens > rules.most_tokens:
            break
        if mine.admitted == rules.most_admitted or size == rules.most_batched:
            break
        _insert(length, remaining, known, tokens + 1, max(requests[request].decode - 2, 0))
        known += 1
        if _peak(length, remaining, known) >= rules.blocks:
            break
        admit(requests, mine, tokens)
        put(members[size], request, tokens)
        size += 1
        used += tokens
    return size


@inner
def _insert(length: Ints, remaining: Ints, known: int, new_length: int, new_remaining: int) -> None:
    """Sorted by what remains, the most first; equals as they came."""
    at = known
    while at > 0 and remaining[at - 1] < new_remaining:
        length[at], remaining[at] = length[at - 1], remaining[at - 1]
        at -= 1
    length[at], remaining[at] = new_length, new_remaining


@inner
def _peak(length: Ints, remaining: Ints, known: int) -> int:
    """Tokens at the worst moment: when the i-th request ends, i others have grown as far and all lengths before it are there."""
    peak, lengths = 0, 0
    for at in range(known):
        lengths += length[at]
        peak = max(peak, remaining[at] * (at + 1) + lengths)
    return peak
