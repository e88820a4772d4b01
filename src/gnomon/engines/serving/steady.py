"""Iterations between two changes: the same requests decode, so that only the time and their lengths go on."""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats
from gnomon.engines.serving.blocks import free_blocks
from gnomon.engines.serving.costs import decode_stage_s
from gnomon.engines.serving.state import REQUEST, Batches, Costs, Records, Replicas, Rules

MOST = 512  # iterations at a time
_WITH_BLOCKS = 2  # the policies before this place take blocks as they decode


@inner
def steps_until_completion(requests: Records, batches: Batches, slot: int) -> int:
    """Iterations, this one counted, with the last of which the first request is through."""
    least = MOST
    for at in range(batches.each[slot].size):
        request = batches.members[slot, at, REQUEST]
        least = min(least, requests[request].prefill + requests[request].decode - requests[request].processed)
    return least


@inner
def advance(
    rules: Rules,
    costs: Costs,
    requests: Records,
    replicas: Replicas,
    batches: Batches,
    slot: int,
    kv_sum: int,
    now_s: float,
    before_s: float,
    took_s: Floats,
) -> tuple[int, float]:
    """How many iterations of the batch end before a time, and when the last of them begins; `took_s` has their lengths.

    It ends with a completion, or where not every request could take a block. All but the last are done when this returns: the
    requests, and the times in the slot, are as when it begins.
    """
    size, block, free = batches.each[slot].size, rules.block_tokens, free_blocks(rules, replicas, slot)
    takes_blocks = rules.policy < _WITH_BLOCKS
    phases = np.zeros(block, np.int64)  # how many requests need a block, by iterations from here
    if takes_blocks:
        for at in range(size):
            request = batches.members[slot, at, REQUEST]
            phases[(requests[request].blocks * block - requests[request].processed + 1) % block] += 1
    most, steps, taken, begin_s = steps_until_completion(requests, batches, slot), 0, 0, now_s
    while steps < most:
        length_s = decode_stage_s(rules, costs, size, kv_sum)
        end_s = now_s + length_s
        if not end_s < before_s:
            break
        if steps > 0 and takes_blocks:
            needed = phases[steps % block]
            if free - taken - needed < 1:
                break
            taken += needed
        took_s[steps] = length_s
        begin_s, now_s = now_s, end_s
        kv_sum += size
        steps += 1
    if steps > 1:
        _catch_up(rules, requests, replicas, batches, slot, begin_s, took_s[: steps - 1])
        batches.each[slot].last_stage_s = took_s[steps - 1]
    return steps, begin_s


@inner
def _catch_up(
    rules: Rules, requests: Records, replicas: Replicas, batches: Batches, slot: int, begin_s: float, took_s: Floats
) -> None:
    """The iterations that are behind, in each request: times added one by one, as the sum is to be that of single steps."""
    block, steps = rules.block_tokens, len(took_s)
    for at in range(batches.each[slot].size):
        request = batches.members[slot, at, REQUEST]
        execution_s = requests[request].execution_s
        for length_s in took_s:
            execution_s += length_s
        requests[request].execution_s = execution_s
        requests[request].stage_end_s = begin_s
        requests[request].processed += steps
        if rules.policy < _WITH_BLOCKS:
            needed = -(-requests[request].processed // block)
            replicas.each[slot].used_blocks += needed - requests[request].blocks
            requests[request].blocks = needed
