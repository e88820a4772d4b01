"""What a batch takes on a stage: by Vidur's tables of a layer, or by grids of a step.

[Vidur: Agrawal et al. 2024, section 4; order of sums as in microsoft/vidur 7d47513]
"""

from __future__ import annotations

import math

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.simulator import step_costs as step
from gnomon.engines.serving.simulator.state import (
    ADD,
    EXCHANGE,
    KV_SAVE,
    MLP,
    NORM,
    PROJECTIONS,
    SEND,
    SGLANG,
    THROUGH,
    VLLM_V1,
    Costs,
    Records,
    Rules,
)

TOKEN_STEP = 8  # matrix products are looked up at the next multiple of so many tokens
MOST_TOKENS, DECODES, DECODE_KV, PREFILL_KV, CHUNK = range(5)  # places in Costs.largest


@inner
def up(value: int, step: int) -> int:
    """The next multiple."""
    return -(-value // step) * step


@inner
def by_tokens(table: Floats, column: int, tokens: int) -> float:
    """An entry of a column, in ms; beyond the last in proportion to the tokens."""
    last = len(table)
    found: float = table[min(tokens, last) - 1, column]
    return found if tokens <= last else found * (tokens / last)


@inner
def decode_attention_ms(costs: Costs, requests: int, kv: int) -> float:
    """Attention of so many that decode, at a mean length; beyond the table in proportion to either."""
    rows, columns = costs.decode_ms.shape
    column, factor = kv // costs.kv_step, 1.0
    if requests > rows or column >= columns:
        if requests > rows:
            factor *= requests / rows
        if column >= columns:
            factor *= column / (columns - 1)
        return factor * decode_attention_ms_inside(costs, min(requests, rows), min(column, columns - 1))
    return decode_attention_ms_inside(costs, requests, column)


@inner
def decode_attention_ms_inside(costs: Costs, requests: int, column: int) -> float:
    """The entry of the table, with what several requests take more."""
    found: float = costs.decode_ms[requests - 1, column]
    return found * costs.decode_factor if requests > 1 else found


@inner
def prefill_attention_ms(costs: Costs, prompts: int, kv: int, chunk: int) -> float:
    """Attention of chunks of prompts after so many tokens; beyond the table in proportion to the products: c * (kv + c / 2)."""
    rows, columns = costs.prefill_ms.shape
    row, factor = kv // costs.kv_step, 1.0
    if row >= rows or chunk > columns:
        inside_kv, inside_chunk = min(kv, (rows - 1) * costs.kv_step), min(chunk, columns)
        factor = chunk * (kv + chunk / 2) / (inside_chunk * (inside_kv + inside_chunk / 2))
        row, chunk = inside_kv // costs.kv_step, inside_chunk
    found: float = costs.prefill_ms[row, chunk - 1]
    if prompts > 1:
        found = found * costs.prefill_factor
    return found if factor == 1.0 else found * factor


@inner
def parts_by_tokens(costs: Costs, tokens: int) -> tuple[float, float, float, float, float]:
    """What depends on the tokens of a batch alone: before attention, its all-reduce, its norm, the MLP, the additions."""
    table, rounded = costs.by_tokens, up(tokens, TOKEN_STEP)
    before = by_tokens(table, PROJECTIONS, rounded) + by_tokens(table, KV_SAVE, tokens)
    mlp, add = by_tokens(table, MLP, rounded), by_tokens(table, ADD, rounded)
    return before, by_tokens(table, EXCHANGE, rounded), by_tokens(table, NORM, rounded), mlp, add


@inner
def layer_ms(parts: tuple[float, float, float, float, float], decode_ms: float, prefill_ms: float) -> float:
    """A layer: attention, the MLP and the additions, in this order."""
    before, exchange, norm, mlp, add = parts
    return before + decode_ms + prefill_ms + exchange + norm + mlp + add


@inner
def set_times(rules: Rules, costs: Costs, requests: Records, batch: Records, members: Records) -> int:
    """Fill in what the batch of a slot takes on each stage; the sum of the lengths of those that decode."""
    return (
        set_times_by_steps(rules, costs, requests, batch, members)
        if rules.has_step_times
        else set_times_by_layers(rules, costs, requests, batch, members)
    )


@inner
def set_times_by_layers(rules: Rules, costs: Costs, requests: Records, batch: Records, members: Records) -> int:
    """The same by Vidur's tables."""
    total, decodes, kv_sum, prompts, prefill_kv, squares = 0, 0, 0, 0, 0, 0
    for at in range(batch.count):
        request, tokens = members[at].request, members[at].tokens
        total += tokens
        if requests[request].is_prefilled:
            decodes += 1
            kv_sum += requests[request].processed
            members[at].before = THROUGH
        else:
            prompts += 1
            before = so_far(rules, requests[request], tokens)
            members[at].before = before
            prefill_kv += up(before, costs.kv_step)
            squares += tokens * tokens
    kv, chunk, decode_ms, prefill_ms = 0, 0, 0.0, 0.0
    if decodes > 0:
        kv = up(kv_sum // decodes, costs.kv_step)
        decode_ms = decode_attention_ms(costs, decodes, kv)
    if prompts > 0:
        chunk = int(math.sqrt(squares) + 0.5)
        prefill_ms = prefill_attention_ms(costs, prompts, prefill_kv, chunk)
    layers_ms = layer_ms(parts_by_tokens(costs, total), decode_ms, prefill_ms) * rules.layers
    batch.last_stage_s = layers_ms * 1e-3
    if rules.stages > 1:
        batch.first_stage_s = batch.stage_s = (
            layers_ms + by_tokens(costs.by_tokens, SEND, up(total, TOKEN_STEP))
        ) * 1e-3
    batch.total, batch.decodes, batch.kv = total, decodes, kv
    note_largest(costs.largest, up(total, TOKEN_STEP), decodes, kv, prefill_kv, chunk)
    return kv_sum


@inner
def set_times_by_steps(rules: Rules, costs: Costs, requests: Records, batch: Records, members: Records) -> int:
    """The same by grids: chunks of prompts add up, those that decode are taken at their mean length."""
    grids, total, decodes, kv_sum, sampled = costs.grids, 0, 0, 0, 0
    longest_before, longest_chunk, attention_s = 0, 0, 0.0
    for at in range(batch.count):
        one, tokens = requests[members[at].request], members[at].tokens
        total += tokens
        before = so_far(rules, one, tokens)
        if one.is_prefilled or before >= one.prefill:  # or it will be when this step begins
            decodes += 1
            sampled += tokens  # with drafts several
            kv_sum += before + (not one.is_prefilled) + tokens - 1
            members[at].before = THROUGH
        else:
            members[at].before = before
            sampled += before + tokens == one.prefill
            attention_s += step.prefill_s(grids, before, tokens)
            longest_before, longest_chunk = max(longest_before, before), max(longest_chunk, tokens)
    kv = 0
    if decodes > 0:
        kv = kv_sum // decodes
        mean_kv = kv_sum / decodes
        attention_s += step.decode_s(step.decode_stretch(grids, decodes, mean_kv), mean_kv)
    device_s, first_s, send_s = step.by_tokens_s(grids, total)
    device_s += attention_s
    host_s, last_s = step.host_s(grids, batch.count), step.last_s(grids, sampled)
    if rules.stages > 1:
        batch.first_stage_s = host_s + (device_s + first_s + send_s)
        batch.stage_s = host_s + (device_s + send_s)
        batch.last_stage_s = host_s + (device_s + last_s)
    else:
        batch.last_stage_s = host_s + (device_s + first_s + last_s)
    batch.total, batch.decodes, batch.kv = total, decodes, kv
    note_largest(costs.largest, total, decodes, kv, longest_before, longest_chunk)
    return kv_sum


@inner
def so_far(rules: Rules, one: Records, tokens: int) -> int:
    """Tokens before those that a request has just got in flight; once it is through its prompt the first of these counts."""
    before: int = one.processed
    return before + one.in_flight - tokens if rules.policy == VLLM_V1 or rules.policy == SGLANG else before


@inner
def note_largest(largest: Ints, tokens: int, decodes: int, kv: int, before: int, chunk: int) -> None:
    """What was asked for at most."""
    largest[MOST_TOKENS] = max(largest[MOST_TOKENS], tokens)
    largest[DECODES] = max(largest[DECODES], decodes)
    largest[DECODE_KV] = max(largest[DECODE_KV], kv)
    largest[PREFILL_KV] = max(largest[PREFILL_KV], before)
    largest[CHUNK] = max(largest[CHUNK], chunk)
