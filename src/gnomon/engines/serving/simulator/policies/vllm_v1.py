"""vLLM of today: whoever runs comes first, in his order; then those that wait, as they came or by priority; all within one number of tokens.

[Kwon et al. 2023 for the blocks; rules of vLLM 0.15's V1 scheduler and its KV cache manager]
"""

from __future__ import annotations

from gnomon.core.jit import inner, passing_on
from gnomon.core.service import Ints
from gnomon.engines.serving.simulator import adapters as loras
from gnomon.engines.serving.simulator import prefix_cache, priorities, speculation
from gnomon.engines.serving.simulator.adapters import Adapters
from gnomon.engines.serving.simulator.blocks import free_blocks, note_victim, restart
from gnomon.engines.serving.simulator.prefix_cache import Cache
from gnomon.engines.serving.simulator.queues import push_front, remove, take_out
from gnomon.engines.serving.simulator.speculation import Draws
from gnomon.engines.serving.simulator.state import NONE, Records, Rules, put

FOLLOWS = "vLLM 0.15, V1 scheduler, first come first served"
FOLLOWS_BY_PRIORITY = "vLLM 0.15, V1 scheduler, by priority"


@inner
def form(
    rules: Rules,
    requests: Records,
    mine: Records,
    ready: Ints,
    members: Records,
    cache: Cache,
    adapters: Adapters,
    replica: int,
) -> int:
    """Requests of the next step. `ready` is all that run, in the order of admission, also those in flight."""
    lost, before = mine.victims, NONE
    size, budget = running(rules, requests, mine, ready, members, cache, replica)
    if rules.most_adapters > 0:
        loras.begin(adapters, replica, mine, ready)
    if mine.victims > lost:
        return size  # nobody is admitted when somebody had to go
    while mine.queued > 0 and budget > 0 and mine.readies < rules.most_admitted:
        request = mine.first
        if rules.most_adapters > 0:
            request, before = loras.first_that_may(adapters, rules, requests, mine, replica, before)
            if request == NONE:
                break
            loras.join(adapters, replica, request)
        prefill, block = requests[request].prefill, rules.block_tokens
        if rules.brings and requests[request].is_brought and requests[request].restarts == 0:
            if -(-(prefill + 1) // block) > free_blocks(rules, mine):
                break
            go_on(rules, requests, mine, ready, members[size], cache, replica)
            size += 1
            budget -= 1
            continue
        found, found_free = 0, 0
        if rules.has_cache:  # one token at least is computed
            found, found_free = prefix_cache.look_up(cache, rules, replica, request, (prefill - 1) // block)
        tokens = step_tokens(rules, prefill - found * block)
        if not rules.is_chunked and tokens > budget:
            break
        tokens = min(tokens, budget)
        reach = found * block + tokens
        blocks = -(-reach // block)
        if blocks - found + found_free > free_blocks(rules, mine):
            break
        take_out(requests, mine, request, before)
        if rules.has_cache:
            prefix_cache.sit(cache, mine, replica, request, found)
        ready[mine.readies] = request
        mine.readies += 1
        requests[request].blocks = found
        requests[request].processed = found * block
        requests[request].found += found * block
        hold(rules, requests, mine, cache, replica, request, reach, reach)
        join(requests, members[size], request, tokens)
        size += 1
        budget -= tokens
    return size


@inner
def running(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, cache: Cache, replica: int
) -> tuple[int, int]:
    """How many that ran before are in the step, and the tokens that are left of it. Who came last, or counts least, makes room."""
    size, at, budget = 0, 0, rules.most_tokens
    while at < mine.readies and budget > 0:
        request = ready[at]
        one = requests[request]
        missing = lacks(rules, one)
        tokens = min(step_tokens(rules, missing), budget)
        if tokens == 0:  # all that it has is in flight
            at += 1
            continue
        reach = one.processed + one.in_flight + tokens - one.is_prefilled
        held = speculation.held(rules, reach)
        while -(-held // rules.block_tokens) - one.blocks > free_blocks(rules, mine):
            victim = ready[mine.readies - 1]
            if rules.by_priority:
                victim = priorities.last_of(requests, mine, ready)
                given = priorities.leave_step(members, size, victim)
                if given > 0:  # it was in this step already
                    size, at, budget = size - 1, at - 1, budget + given
                priorities.leave_line(mine, ready, victim)
            else:
                mine.readies -= 1
            preempt(rules, requests, mine, cache, replica, victim)
            if victim == request:
                return size, budget
        hold(rules, requests, mine, cache, replica, request, reach, held)
        join(requests, members[size], request, tokens)
        size += 1
        budget -= tokens
        at += 1
    return size, budget


@inner
def go_on(
    rules: Rules, requests: Records, mine: Records, ready: Ints, member: Records, cache: Cache, replica: int
) -> None:
    """The first that waits brought the KV cache of its prompt and its first token: its second is computed next."""
    request = mine.first
    take_out(requests, mine, request, NONE)
    one = requests[request]
    ready[mine.readies] = request
    mine.readies += 1
    one.blocks, one.is_prefilled, one.processed = 0, True, one.prefill + 1
    hold(rules, requests, mine, cache, replica, request, one.prefill + 1, one.prefill + 1)
    join(requests, member, request, 1)


@inner
def may_find_more(rules: Rules, requests: Records, mine: Records, members: Records, size: int, cache: Cache) -> bool:
    """Whether the first that waits may find blocks that are still to come: an answer that runs is in its prompt."""
    if mine.queued == 0:
        return False
    if rules.most_adapters > 0:  # it may be another than the first
        return True
    for piece in range(cache.starts[mine.first], cache.starts[mine.first + 1]):
        for at in range(size):
            if cache.segments[piece] == cache.answers[members[at].request]:
                return True
    return False


@inner
def lacks(rules: Rules, one: Records) -> int:
    """Tokens that a request lacks before it can get its next one. With steps made up ahead that is one also while its last
    token is still to come, but for a token that ends its answer."""
    reached = one.processed - one.is_prefilled + one.in_flight
    if reached < one.prefill:
        missing: int = one.prefill - reached
        return missing
    if rules.draft_tokens > 0:  # one stage, and no step ahead
        most: int = min(1 + rules.draft_tokens, rules.sequence_tokens - one.processed)
        return most
    if rules.slots == rules.stages:
        return 1 - one.in_flight if one.is_prefilled else 0
    return 1 if reached < one.prefill + one.decode - 1 else 0


@inner
def step_tokens(rules: Rules, missing: int) -> int:
    """Of so many tokens that a request lacks those that one step may compute of it, within what all share."""
    return min(missing, rules.chunk_tokens) if rules.chunk_tokens > 0 else missing


@passing_on
def hold(
    rules: Rules, requests: Records, mine: Records, cache: Cache, replica: int, request: int, reach: int, held: int
) -> None:
    """A request that will have computed so many tokens gets the blocks that it lacks for those held; drafts are not found again."""
    one, blocks = requests[request], -(-held // rules.block_tokens)
    if rules.draft_tokens > 0:
        reach = min(reach, one.processed if one.is_prefilled else one.prefill)
    if not rules.has_cache:
        mine.used_blocks += max(blocks - one.blocks, 0)
    else:
        if blocks > one.blocks:
            prefix_cache.grow(cache, rules, mine, replica, request, one.blocks, blocks)
        if reach // rules.block_tokens > cache.cursors[request].sealed:
            prefix_cache.seal(cache, rules, replica, request, reach)
    one.blocks = max(blocks, one.blocks)


@inner
def join(requests: Records, member: Records, request: int, tokens: int) -> None:
    """A request is in a step with so many tokens."""
    one = requests[request]
    put(member, request, tokens)
    member.epoch = one.restarts
    one.in_flight += tokens
    member.is_sampled = one.processed - one.is_prefilled + one.in_flight >= one.prefill


@passing_on
def let_go(rules: Rules, requests: Records, mine: Records, cache: Cache, replica: int, request: int) -> None:
    """A request gives its blocks back."""
    one = requests[request]
    if rules.has_cache:
        prefix_cache.leave(cache, rules, mine, replica, request, one.blocks)
    else:
        mine.used_blocks -= one.blocks
    one.blocks = 0


@inner
def preempt(rules: Rules, requests: Records, mine: Records, cache: Cache, replica: int, request: int) -> None:
    """A request gives its blocks back and is computed anew, with the tokens that it has got, before all that wait, or at its place."""
    let_go(rules, requests, mine, cache, replica, request)
    restart(rules, requests[request])
    requests[request].in_flight = 0
    note_victim(requests, mine, request)
    if rules.by_priority:
        priorities.insert(requests, mine, request)
    else:
        push_front(requests, mine, request)


@inner
def end(
    rules: Rules, requests: Records, mine: Records, members: Records, size: int, draws: Draws, now_s: float
) -> None:
    """A step has ended: whoever is through its prompt has got a token, or with drafts several; whoever has all is through."""
    for at in range(size):
        one = requests[members[at].request]
        if members[at].epoch != one.restarts:
            late_token(requests, mine, members[at], now_s)
            continue
        one.in_flight -= members[at].tokens
        if one.is_completed:  # by a late token, when it had been admitted again
            continue
        done = one.processed + members[at].tokens
        if rules.draft_tokens > 0 and one.is_prefilled:
            done = one.processed + speculation.given(draws, one, members[at].request, members[at].tokens)
        if done == one.prefill:
            one.is_prefilled = True
            done += 1
            if one.first_token_s == 0:
                one.first_token_s = now_s
        one.processed = done
        if done == one.prefill + one.decode:
            one.is_completed = True
            one.completed_s = now_s


@inner
def late_token(requests: Records, mine: Records, member: Records, now_s: float) -> None:
    """A request lost its blocks while its step was in flight; the token that this step gave, if any, is its own."""
    one = requests[member.request]
    if not member.is_sampled or one.is_completed:
        return
    if one.first_token_s == 0:
        one.first_token_s = now_s
    one.prefill += 1
    one.decode -= 1
    if one.decode == 0:
        one.processed = one.prefill
        one.is_completed = True
        one.completed_s = now_s
        remove(requests, mine, member.request)


@inner
def take_back(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, size: int, cache: Cache, replica: int
) -> None:
    """Requests that are through give their blocks back, in the order of the step; the others run on in theirs.

    Those whose KV cache goes on to another pool, or is being stored, keep them until it is there. [vLLM 0.15, connectors of KV caches]
    """
    gone = 0
    for at in range(size):
        request = members[at].request
        if requests[request].is_completed and requests[request].blocks > 0:
            if not requests[request].goes_on:
                let_go(rules, requests, mine, cache, replica, request)
            gone += 1
    if gone == 0:
        return
    kept = 0
    for at in range(mine.readies):
        if not requests[ready[at]].is_completed:
            ready[kept] = ready[at]
            kept += 1
    mine.readies = kept
