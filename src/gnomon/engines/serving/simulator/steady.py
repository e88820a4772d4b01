"""Iterations between two changes: the same requests decode, so that only the time and their lengths go on."""

from __future__ import annotations

from typing import NamedTuple

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.simulator import step_costs as step
from gnomon.engines.serving.simulator.blocks import free_blocks
from gnomon.engines.serving.simulator.costs import DECODE_KV, decode_attention_ms, layer_ms, parts_by_tokens, up
from gnomon.engines.serving.simulator.policies.vllm_v1 import hold
from gnomon.engines.serving.simulator.prefix_cache import Cache
from gnomon.engines.serving.simulator.state import SARATHI, VIDUR_VLLM, VLLM_V1, Costs, Records, Rules

MOST = 256  # iterations at a time


@inner
def takes_blocks(rules: Rules) -> bool:
    """Whether requests take blocks as they decode; others reserve them, or know no iterations at once."""
    return rules.policy == VIDUR_VLLM or rules.policy == SARATHI or rules.policy == VLLM_V1


class Pace(NamedTuple):
    """What of an iteration's time stays while the same requests decode: by tables the parts, by grids the others."""

    parts: tuple[float, float, float, float, float]
    device_s: float
    first_s: float
    last_s: float
    host_s: float


@inner
def pace_of(rules: Rules, costs: Costs, size: int) -> Pace:
    """That of so many requests."""
    if rules.has_step_times:
        device_s, first_s, _ = step.by_tokens_s(costs.grids, size)
        last_s, host_s = step.last_s(costs.grids, size), step.host_s(costs.grids, size)
        return Pace((0.0, 0.0, 0.0, 0.0, 0.0), device_s, first_s, last_s, host_s)
    return Pace(parts_by_tokens(costs, size), 0.0, 0.0, 0.0, 0.0)


@inner
def steady_decode_ms(costs: Costs, size: int, kv_sum: int) -> float:
    """Attention of requests that decode, by tables."""
    kv, table = up(kv_sum // size, costs.kv_step), costs.decode_ms
    if size <= len(table) and kv <= (table.shape[1] - 1) * costs.kv_step:
        found: float = table[size - 1, kv // costs.kv_step] * (costs.decode_factor if size > 1 else 1.0)
        return found
    costs.largest[DECODE_KV] = max(costs.largest[DECODE_KV], kv)
    return decode_attention_ms(costs, size, kv)


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
    until_s: float,
    besides_s: float,
    took_s: Floats,
    phases: Ints,
) -> tuple[int, float]:
    """How many iterations of a batch are alike, and when the last of them ends; `took_s` has their lengths.

    They end with the first completion, with the first that ends at `until_s` or later, when somebody will have come, before the time
    limit, or where not every request could take a block. Nothing is changed yet. `phases` gets how many requests need a block, by
    iterations from here: 1 to those that a block has tokens.
    """
    block, free = rules.block_tokens, free_blocks(rules, mine)
    takes = takes_blocks(rules)
    for phase in range(block + 1):
        phases[phase] = 0
    most = MOST
    for at in range(size):
        one = requests[members[at].request]
        most = min(most, one.prefill + one.decode - one.processed)
        if takes:
            phases[one.blocks * block - one.processed + 1] += 1
    steps, phase, pace = 0, 0, pace_of(rules, costs, size)
    stretch = step.Stretch(0.0, 0.0, 0.0, 0.0)
    while steps < most:
        if rules.has_step_times:
            mean_kv = kv_sum / size
            if mean_kv >= stretch.high_kv:
                stretch = step.decode_stretch(costs.grids, size, mean_kv)
            device_s = pace.device_s + step.decode_s(stretch, mean_kv) + pace.first_s + pace.last_s
            length_s = pace.host_s + device_s + besides_s
        else:
            length_s = layer_ms(pace.parts, steady_decode_ms(costs, size, kv_sum), 0.0) * rules.layers * 1e-3
        if not (now_s + length_s < rules.time_limit_s and now_s < until_s):
            break
        if takes and steps > 0:
            phase = phase + 1 if phase < block else 1
            if free - phases[phase] < 1:
                break
            free -= phases[phase]
        took_s[steps] = length_s
        now_s += length_s
        kv_sum += size
        steps += 1
    if rules.has_step_times:
        costs.largest[DECODE_KV] = max(costs.largest[DECODE_KV], kv_sum // size)
    return steps, now_s


@inner
def catch_up(
    rules: Rules,
    requests: Records,
    mine: Records,
    members: Records,
    size: int,
    end_s: float,
    took_s: Floats,
    cache: Cache,
    replica: int,
) -> None:
    """All those iterations are done: of each request time, length and blocks; then the batch comes back to its replica.

    Times are added one by one: the sum is that of single iterations, to the last bit.
    """
    block, steps = rules.block_tokens, len(took_s)
    if rules.has_cache:
        hold_by_steps(rules, requests, mine, members, size, steps, cache, replica)
    takes = takes_blocks(rules)
    for at in range(size):
        request = members[at].request
        one = requests[request]
        execution_s = one.execution_s
        for length_s in took_s:
            execution_s += length_s
        one.execution_s = execution_s
        one.stage_end_s = end_s
        one.processed += steps
        one.in_flight = 0
        if takes:
            while one.processed - 1 > one.blocks * block:  # those of the last iteration have their block
                one.blocks += 1
                mine.used_blocks += 1
        if one.processed == one.prefill + one.decode:
            one.is_completed = True
            one.completed_s = end_s


@inner
def hold_by_steps(
    rules: Rules,
    requests: Records,
    mine: Records,
    members: Records,
    size: int,
    steps: int,
    cache: Cache,
    replica: int,
) -> None:
    """Blocks of all those iterations but the first, in the order of single ones: whoever is first finds other content to overwrite."""
    for more in range(1, steps):
        for at in range(size):
            request = members[at].request
            reach = requests[request].processed + more
            if reach % rules.block_tokens < 2:  # one is full, or the next begins
                hold(rules, requests, mine, cache, replica, request, reach, reach)
