"""Iterations between two changes: the same requests decode, so that only the time and their lengths go on."""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats
from gnomon.engines.serving.blocks import free_blocks
from gnomon.engines.serving.costs import DECODE_KV, decode_attention_ms, layer_ms, parts_by_tokens, up
from gnomon.engines.serving.state import Costs, Records, Rules

MOST = 256  # iterations at a time
_WITH_BLOCKS = 2  # the policies before this place take blocks as they decode


@inner
def steps_ahead(
    rules: Rules,
    costs: Costs,
    requests: Records,
    mine: Records,
    members: Records,
    size: int,
    kv_sum: int,
    now_s: float,
    before_s: float,
    took_s: Floats,
) -> tuple[int, float]:
    """How many iterations of a batch end before a time, and when the last of them does; `took_s` has their lengths.

    They end with the first completion, or where not every request could take a block. Nothing is changed yet.
    """
    block, free = rules.block_tokens, free_blocks(rules, mine)
    takes_blocks = rules.policy < _WITH_BLOCKS
    phases = np.zeros(block + 1, np.int64)  # how many requests need a block, by iterations from here: 1 to `block`
    most = MOST
    for at in range(size):
        one = requests[members[at].request]
        most = min(most, one.prefill + one.decode - one.processed)
        if takes_blocks:
            phases[one.blocks * block - one.processed + 1] += 1
    steps, phase = 0, 0
    table, parts = costs.decode_ms, parts_by_tokens(costs, size)
    longest_kv = (table.shape[1] - 1) * costs.kv_step
    while steps < most:
        kv = up(kv_sum // size, costs.kv_step)
        if kv <= longest_kv and size <= len(table):
            decode_ms = table[size - 1, kv // costs.kv_step] * (costs.decode_factor if size > 1 else 1.0)
        else:
            decode_ms = decode_attention_ms(costs, size, kv)
            costs.largest[DECODE_KV] = max(costs.largest[DECODE_KV], kv)
        length_s = layer_ms(parts, decode_ms, 0.0) * rules.layers * 1e-3
        if not now_s + length_s < before_s:
            break
        if takes_blocks and steps > 0:
            phase = phase + 1 if phase < block else 1
            if free - phases[phase] < 1:
                break
            free -= phases[phase]
        took_s[steps] = length_s
        now_s += length_s
        kv_sum += size
        steps += 1
    return steps, now_s


@inner
def catch_up(
    rules: Rules, requests: Records, mine: Records, members: Records, size: int, end_s: float, took_s: Floats
) -> None:
    """All those iterations are done: of each request time, length and blocks; then the batch comes back to its replica.

    Times are added one by one: the sum is that of single iterations, to the last bit.
    """
    block, steps = rules.block_tokens, len(took_s)
    for at in range(size):
        request = members[at].request
        one = requests[request]
        execution_s = one.execution_s
        for length_s in took_s:
            execution_s += length_s
        one.execution_s = execution_s
        one.stage_end_s = end_s
        one.processed += steps
        if rules.policy < _WITH_BLOCKS:
            while one.processed - 1 > one.blocks * block:  # those of the last iteration have their block
                one.blocks += 1
                mine.used_blocks += 1
        if one.processed == one.prefill + one.decode:
            one.is_completed = True
            one.completed_s = end_s
