"""Speculative decoding: how many tokens a step gives a request, what it holds for drafts, and what their making takes.

A request that decodes has k drafts beside its token. Each is accepted with a probability, up to the first that is not; one token more
comes in any case. [Leviathan et al. 2023, Fast Inference from Transformers via Speculative Decoding, section 3.1] A step's tokens
count its drafts, and a draft model needs room for as many again. [vLLM 0.15, V1 scheduler, num_lookahead_tokens]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Ints, Speculation
from gnomon.engines.serving.simulator import step_costs as step
from gnomon.engines.serving.simulator.state import THROUGH, Costs, Records, Rules

_DRAWS = (
    1 << 16
)  # of which each request reads from a place of its own on, by the tokens that it has: no order changes them
DRAFTED, ACCEPTED = range(2)  # places in Draws.counts


class Draws(NamedTuple):
    """Of no use where nothing is drafted."""

    accepted: Ints  # drafts of a step that are accepted
    first: Ints  # (request): which of these it begins with
    counts: Ints  # (2): drafts of all steps, and tokens that came of them


def new_draws(speculation: Speculation | None, requests: int) -> Draws:
    """All draws of a run."""
    counts = np.zeros(2, np.int64)
    if speculation is None:
        return Draws(np.zeros(1, np.int64), np.zeros(1, np.int64), counts)
    generator = np.random.default_rng((speculation.seed, 0x5BEC))
    refused = generator.random((_DRAWS, speculation.tokens)) >= speculation.acceptance
    accepted = np.where(refused.any(axis=1), refused.argmax(axis=1), speculation.tokens)
    return Draws(accepted.astype(np.int64), generator.integers(0, _DRAWS, requests), counts)


@inner
def given(draws: Draws, one: Records, request: int, tokens: int) -> int:
    """Tokens that a request gets of a step with so many, all but one of them drafts; none beyond its answer."""
    left = one.prefill + one.decode - one.processed
    at = (draws.first[request] + one.asked - left) % len(draws.accepted)
    found: int = min(1 + min(draws.accepted[at], tokens - 1), left)
    draws.counts[DRAFTED] += tokens - 1
    draws.counts[ACCEPTED] += found - 1
    return found


@inner
def held(rules: Rules, reach: int) -> int:
    """Tokens that a request which runs has blocks for, when it has computed so many."""
    return min(reach + rules.draft_lookahead, rules.sequence_tokens) if rules.draft_tokens > 0 else reach


@inner
def add_times(rules: Rules, costs: Costs, requests: Records, batch: Records, members: Records) -> None:
    """What a draft model takes behind a step: a pass over all its tokens, and one for each further draft of every request.

    The first pass attends for one token of each request that decodes, where it has as many as the step. The host adds nothing.
    """
    grids, kv_sum, decodes_kv, chunks_s = costs.draft, 0, 0, 0.0
    for at in range(batch.count):
        one, tokens, before = requests[members[at].request], members[at].tokens, members[at].before
        if before == THROUGH:
            decodes_kv += one.processed + tokens - 1
        else:
            chunks_s += step.prefill_s(grids, before, tokens)
            kv_sum += before + tokens
    kv_sum += decodes_kv
    took_s = chunks_s + pass_s(grids, batch.total, batch.count)
    if batch.decodes > 0:
        kv = decodes_kv / batch.decodes
        took_s += step.decode_s(step.decode_stretch(grids, batch.decodes, kv), kv)
    if rules.draft_tokens > 1:
        kv = kv_sum / batch.count
        further_s = pass_s(grids, batch.count, batch.count)
        further_s += step.decode_s(step.decode_stretch(grids, batch.count, kv), kv)
        took_s += (rules.draft_tokens - 1) * further_s
    batch.last_stage_s += took_s


@inner
def pass_s(grids: step.Grids, tokens: int, sampled: int) -> float:
    """A pass of a model of one stage, but for attention."""
    by_tokens_s, first_s, _ = step.by_tokens_s(grids, tokens)
    return by_tokens_s + first_s + step.last_s(grids, sampled)
