"""vLLM of today with slower memories behind its KV cache: who waits and is found there gets his blocks at once, and waits until they are filled.

[vLLM 0.15, V1 scheduler with a connector that loads asynchronously] What a replica's own devices have comes first, then what the stores
have of the blocks behind it, also the last of a prompt, of which one token is computed anew. While blocks come the request is
passed over; so is one of whose blocks some come for another. Where requests that are loaded hold blocks that nobody can go on without,
vLLM 0.15 would wait for ever; here the last of them gives his back.
"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.simulator import events, prefix_cache
from gnomon.engines.serving.simulator import tiers as store
from gnomon.engines.serving.simulator.blocks import free_blocks
from gnomon.engines.serving.simulator.policies.vllm_v1 import hold, join, let_go, running, step_tokens
from gnomon.engines.serving.simulator.prefix_cache import Cache
from gnomon.engines.serving.simulator.queues import take_out
from gnomon.engines.serving.simulator.state import NONE, Records, Rules
from gnomon.engines.serving.simulator.tiers import DELAYED, LOADED, LOADING, Tiers


@inner
def form(
    rules: Rules,
    requests: Records,
    mine: Records,
    ready: Ints,
    members: Records,
    cache: Cache,
    tiers: Tiers,
    queue: events.Events,
    replica: int,
    batch: int,
    now_s: float,
) -> int:
    """Requests of the next step, as `vllm_v1.form` has them, and what of them will be stored."""
    lost = mine.victims
    size, budget = running(rules, requests, mine, ready, members, cache, replica)
    if mine.victims == lost:  # nobody is admitted when somebody had to go
        size = _admit(rules, requests, mine, ready, members, cache, tiers, queue, replica, size, budget, now_s)
    tiers.links[replica].begun_s = now_s
    for turn in range(3):  # who is new is offered first, then who went on, then who begins again
        for at in range(size):
            one = requests[members[at].request]
            whose = 1 if one.is_scheduled else (0 if one.restarts == 0 else 2)
            if whose == turn:
                store.offer(tiers, cache, replica, members[at].request, batch, now_s)
    return size


@inner
def _admit(
    rules: Rules,
    requests: Records,
    mine: Records,
    ready: Ints,
    members: Records,
    cache: Cache,
    tiers: Tiers,
    queue: events.Events,
    replica: int,
    size: int,
    budget: int,
    now_s: float,
) -> int:
    """How many requests a step has with those that wait."""
    before, block = NONE, rules.block_tokens
    while budget > 0 and mine.readies < rules.most_admitted:
        request = _behind(requests, mine, before)
        if request == NONE:
            break
        one, stage = requests[request], tiers.courses[request].stage
        if stage == LOADING:
            before = request
            continue
        found, found_free, ahead = 0, 0, 0
        if stage == LOADED:  # from now on its blocks can be found
            done = min(one.blocks * block, one.prefill - 1)
            prefix_cache.seal(cache, rules, replica, request, done)
        else:
            found, found_free = prefix_cache.look_up(cache, rules, replica, request, (one.prefill - 1) // block)
            done = found * block
            ahead = store.look_up(tiers, cache, rules, replica, request, found, one.prefill // block, now_s)
        if ahead == DELAYED:
            before = request
            continue
        tokens = step_tokens(rules, one.prefill - done)
        if ahead == 0 and not rules.is_chunked and tokens > budget:
            break
        tokens = min(tokens, budget)
        blocks = found + ahead if ahead > 0 else -(-(done + tokens) // block)
        if blocks - max(found, one.blocks) + found_free > free_blocks(rules, mine):
            if size == 0 and _makes_room(rules, requests, mine, cache, tiers, replica, request):
                continue
            break
        if stage != LOADED:
            prefix_cache.sit(cache, mine, replica, request, found)
            one.blocks = found
            one.found += found * block
        if ahead > 0:
            prefix_cache.grow(cache, rules, mine, replica, request, found, blocks)
            one.blocks = blocks
            store.load(tiers, rules, queue, replica, request, found, ahead, now_s)
            before = request
            continue
        take_out(requests, mine, request, before)
        tiers.courses[request].stage = 0
        ready[mine.readies] = request
        mine.readies += 1
        one.processed = done
        hold(rules, requests, mine, cache, replica, request, done + tokens, done + tokens)
        join(requests, members[size], request, tokens)
        size += 1
        budget -= tokens
    return size


@inner
def _behind(requests: Records, mine: Records, before: int) -> int:
    """Who waits behind one; NONE behind nobody: the first of all. NONE: nobody does."""
    if mine.queued == 0 or (before != NONE and before == mine.last):
        return NONE
    request: int = mine.first if before == NONE else requests[before].behind
    return request


@inner
def _makes_room(
    rules: Rules, requests: Records, mine: Records, cache: Cache, tiers: Tiers, replica: int, request: int
) -> bool:
    """Whether somebody gave his blocks back for a request that else would wait for ever: the last that is loaded, and begins anew."""
    links = tiers.links[replica]
    if mine.readies > 0 or links.loading > 0 or links.kept > 0:
        return False
    last, at = NONE, mine.first
    for _ in range(mine.queued):
        if at != request and tiers.courses[at].stage == LOADED:
            last = at
        at = requests[at].behind
    if last == NONE:
        return False
    let_go(rules, requests, mine, cache, replica, last)
    tiers.courses[last].stage = 0
    return True


@inner
def store_by_steps(
    rules: Rules,
    requests: Records,
    mine: Records,
    members: Records,
    size: int,
    took_s: Floats,
    cache: Cache,
    tiers: Tiers,
    replica: int,
    batch: int,
) -> None:
    """Blocks of steps that were done at once, and what of them is stored, in the order of single ones."""
    now_s = tiers.links[replica].begun_s
    for step in range(len(took_s)):
        if step > 0:
            for at in range(size):
                request = members[at].request
                reach = requests[request].processed + step
                hold(rules, requests, mine, cache, replica, request, reach, reach)
            for at in range(size):
                store.offer(tiers, cache, replica, members[at].request, batch, now_s)
        now_s += took_s[step]
        store.store(tiers, rules, replica, batch, now_s)


@inner
def end_load(
    rules: Rules, requests: Records, mine: Records, cache: Cache, tiers: Tiers, request: int, now_s: float
) -> None:
    """What came for a request is there. Who got his last token meanwhile, of a step that was in flight when he had to go, has no use for it."""
    replica = requests[request].replica
    store.end_load(tiers, cache, rules, requests, replica, request, now_s)
    if requests[request].is_completed and requests[request].blocks > 0:
        let_go(rules, requests, mine, cache, replica, request)
