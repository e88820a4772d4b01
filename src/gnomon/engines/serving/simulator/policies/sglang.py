"""SGLang: prompts before answers, never both in a step unless they are mixed; room for what answers will still need is guessed.

[Zheng et al. 2024 for the tree of prefixes; rules of SGLang 0.5.3's scheduler, its PrefillAdder and its retraction, pages of one token.]
A batch is made up while the one before it runs: what that one ends is not known yet, so an answer's last token is followed by one more
step for nothing, and what a request that has to go gets in it is lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints
from gnomon.engines.serving.simulator import radix as tree
from gnomon.engines.serving.simulator.blocks import free_blocks, note_victim, restart
from gnomon.engines.serving.simulator.policies.lightllm import OUT_OF_MEMORY
from gnomon.engines.serving.simulator.queues import pop_front, push_back
from gnomon.engines.serving.simulator.radix import ROOT, Radix
from gnomon.engines.serving.simulator.state import NONE, Records, Rules, put

FOLLOWS = "SGLang 0.5.3, its scheduler with pages of one token"
# Share of what a request may still answer that is kept free for it: at first, and after so many decode steps without a retraction
# at least. [SGLang 0.5.3, global_config.py, at a schedule_conservativeness of 1]
FIRST_SHARE = 0.7
LEAST_SHARE = FIRST_SHARE * 0.14
SHARE_STEP = (FIRST_SHARE - LEAST_SHARE) / 600
_STEPS_AFTER = 20  # that those who stay shall be able to decode after a retraction [likewise: retract_decode_steps]
_MOST_ANSWER = 4096  # of an answer that is to come counts no more [schedule_policy.py, CLIP_MAX_NEW_TOKENS]
_LONGEST_SORTED = 128  # more that wait are taken as they came [schedule_policy.py]
_SHORT_MATCH = 32  # with no more found, whoever waits is compared with the others who wait [likewise, both thresholds]
_LAST = 2**62  # in the order of those who wait, behind all
_DESK = np.dtype(
    [
        ("share", "f8"),
        ("is_full", "?"),  # nobody is let in until somebody is through or goes
        ("is_blocked", "?"),  # there was nothing to make up: it looks again when the batch that runs has ended
        ("chunked", "i8"),  # the request whose prompt is not computed to its end
        ("pending", "i8"),  # requests of the last batch, if of prompts: in `ready` behind those that run
        ("last", "i8"),  # how many there were in it, with the one that is chunked; 0: it was not one of prompts
    ]
)


class Desks(NamedTuple):
    """What the schedulers of all replicas remember."""

    each: Records
    radix: Radix
    keys: Ints  # scratch: of those that wait, the place in the order,
    sorted: Ints  # and who they are
    is_behind: Ints


def new_desks(arrivals: Arrivals, replicas: int, rules: Rules) -> Desks:
    """Schedulers that have seen nothing."""
    each = np.zeros(replicas, _DESK).view(np.recarray)
    each.share[:], each.chunked[:] = FIRST_SHARE, NONE
    keys, found, behind = np.zeros((3, _LONGEST_SORTED), np.int64)
    return Desks(each=each, radix=tree.new_radix(arrivals, replicas, rules), keys=keys, sorted=found, is_behind=behind)


@inner
def form(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, desks: Desks, replica: int
) -> int:
    """Requests of the next batch, or OUT_OF_MEMORY. `ready` is all that run, in the order of the batch, also those in flight."""
    desk = desks.each[replica]
    if desk.is_blocked:
        return 0
    size = next_batch(rules, requests, mine, ready, members, desks, replica)
    if size == 0 and mine.running == 0:  # it is idle
        desk.share = FIRST_SHARE
        if mine.queued > 0:
            size = next_batch(rules, requests, mine, ready, members, desks, replica)
    desk.is_blocked = size == 0 and mine.running > 0
    return size


@inner
def next_batch(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, desks: Desks, replica: int
) -> int:
    """Prompts where some may come in, else the answers of all that run."""
    desk = desks.each[replica]
    if desk.chunked != NONE:
        one = requests[desk.chunked]
        keep(rules, mine, one, desks, replica, desk.chunked, one.processed + one.in_flight)
    join_those_that_run(requests, mine, ready, desk)
    size = prompts(rules, requests, mine, ready, members, desks, replica)
    if size != 0:
        return size
    return answers(rules, requests, mine, ready, members, desks, replica)


@inner
def join_those_that_run(requests: Records, mine: Records, ready: Ints, desk: Records) -> None:
    """Whose prompt was in the last batch decodes from now on, unless the rest of it is to come or it is known to be through."""
    if desk.last == 0:
        return
    before = kept = mine.readies
    for at in range(before, before + desk.pending):
        if not requests[ready[at]].is_completed:
            ready[kept] = ready[at]
            kept += 1
    if kept - before < desk.last or before == 0:  # somebody left, or the batch takes the place of one that is empty
        desk.is_full = False
    mine.readies, desk.pending, desk.last = kept, 0, 0


@inner
def drop_those_through(requests: Records, mine: Records, ready: Ints) -> None:
    """Whoever is known to be through runs no longer."""
    kept = 0
    for at in range(mine.readies):
        if not requests[ready[at]].is_completed:
            ready[kept] = ready[at]
            kept += 1
    mine.readies = kept


@inner
def first_tokens(one: Records) -> int:
    """Tokens of a request's own prompt."""
    own: int = one.prefill + one.decode - one.asked
    return own


@inner
def told(one: Records) -> int:
    """Tokens of its answer that a request is known to have got."""
    known: int = (one.processed if one.is_prefilled else one.prefill) - first_tokens(one)
    return known


@inner
def prompts(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, desks: Desks, replica: int
) -> int:
    """How many are in a batch of prompts; 0: there is none."""
    desk, radix = desks.each[replica], desks.radix
    if (desk.is_full or mine.queued == 0) and desk.chunked == NONE:
        return 0
    may_come = rules.most_admitted - mine.readies
    if may_come <= 0 and desk.chunked == NONE:
        desk.is_full = True
        return 0
    if rules.is_longest_first and mine.queued <= _LONGEST_SORTED:
        put_longest_first(requests, mine, desks, replica)
    mixed = mine.readies if rules.is_mixed else 0
    asked, taken, to_come = rules.most_tokens - mixed, mixed, float(mixed)
    chunk, size, first = rules.chunk_tokens - mixed, 0, desk.chunked
    for at in range(mine.readies):
        one = requests[ready[at]]
        to_come += min(one.asked - told(one), _MOST_ANSWER) * desk.share
    if first != NONE:
        one = requests[first]
        missing = one.prefill - one.processed - one.in_flight
        most = min(chunk, int(free_blocks(rules, mine) - to_come))
        if most < 1:
            return OUT_OF_MEMORY
        tokens, further = min(missing, most), 0
        if tokens == missing:
            further, desk.chunked = min(one.asked, _MOST_ANSWER), NONE
        join(requests, members[size], first, tokens)
        size += 1
        to_come += tokens + further
        taken, asked, chunk = taken + tokens, asked - tokens, chunk - tokens
    while mine.queued > 0:
        if size >= may_come:
            desk.is_full = True
            break
        request = mine.first
        one, node, found = requests[request], ROOT, 0
        if rules.has_tree:  # one token at least is computed
            node, found = tree.walk(radix, replica, request, one.prefill - 1)
        tokens = one.prefill - found
        whole = tokens + min(one.asked - told(one), _MOST_ANSWER)
        if whole >= free_blocks(rules, mine) - to_come:
            desk.is_full = True
            break
        if tokens >= asked and size > 0:
            break
        tree.hold(radix, mine, replica, node)  # what it found cannot be overwritten any more, and is no room
        is_short = whole >= free_blocks(rules, mine) - to_come
        if is_short or chunk <= 0:
            desk.is_full = desk.is_full or is_short
            tree.let_go(radix, mine, replica, node)
            break
        pop_front(requests, mine)
        if rules.has_tree:
            radix.leaves[request] = node
        one.processed = found
        one.found += found
        further = min(one.asked, _MOST_ANSWER)
        if tokens > chunk:
            tokens, further, desk.chunked = chunk, 0, request
        join(requests, members[size], request, tokens)
        size += 1
        to_come += tokens + further
        taken, asked, chunk = taken + tokens, asked - tokens, chunk - tokens
        if free_blocks(rules, mine) - to_come <= 0 or free_blocks(rules, mine) - taken <= 0:
            desk.is_full = True
            break
        if asked <= 0 or chunk <= 0:
            break
    if size == 0:
        return 0
    if not allocate(rules, requests, mine, members, desks, replica, 0, size):
        return OUT_OF_MEMORY
    if rules.is_mixed:
        size = mix(rules, requests, mine, ready, members, desks, replica, size)
        if size < 0:
            return OUT_OF_MEMORY
    desk.last = size
    for at in range(size):
        if members[at].request != desk.chunked:
            ready[mine.readies + desk.pending] = members[at].request
            desk.pending += 1
    return size


@inner
def mix(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, desks: Desks, replica: int, size: int
) -> int:
    """How many are in a batch of so many prompts with the answers of all that run, who join those of the next batch behind them."""
    drop_those_through(requests, mine, ready)
    for at in range(mine.readies):
        join(requests, members[size + at], ready[at], 1)
    end: int = size + mine.readies
    mine.readies = 0
    if not allocate(rules, requests, mine, members, desks, replica, size, end):
        return OUT_OF_MEMORY
    return end


@inner
def answers(
    rules: Rules, requests: Records, mine: Records, ready: Ints, members: Records, desks: Desks, replica: int
) -> int:
    """How many decode: all that run and find room for a token, after those with the fewest tokens have gone."""
    desk, ran = desks.each[replica], mine.readies
    if ran == 0:
        return 0
    drop_those_through(requests, mine, ready)
    if mine.readies == 0:
        desk.is_full = False
        return 0
    if make_room(rules, mine, desks, replica, mine.readies):
        desk.share = max(desk.share - SHARE_STEP, LEAST_SHARE)
    elif not retract(rules, requests, mine, ready, desks, replica):
        return OUT_OF_MEMORY
    if mine.readies < ran:
        desk.is_full = False
    size: int = mine.readies
    for at in range(size):
        join(requests, members[at], ready[at], 1)
    if not allocate(rules, requests, mine, members, desks, replica, 0, size):
        return OUT_OF_MEMORY
    return size


@inner
def retract(rules: Rules, requests: Records, mine: Records, ready: Ints, desks: Desks, replica: int) -> bool:
    """Requests go behind all that wait until the others find room for a token; False: one alone finds none.

    First goes who has got the fewest tokens, of those with as many who has the longest prompt, of those the last.
    """
    desk = desks.each[replica]
    for at in range(1, mine.readies):
        request, place = ready[at], at
        while place > 0 and stays_longer(requests[request], requests[ready[place - 1]]):
            ready[place] = ready[place - 1]
            place -= 1
        ready[place] = request
    is_first = True
    while is_first or not make_room(rules, mine, desks, replica, mine.readies):
        if mine.readies == 1:
            if rules.blocks - mine.used_blocks - desks.radix.trees[replica].evictable < 1:
                return False
            break
        is_first = False
        mine.readies -= 1
        request = ready[mine.readies]
        one = requests[request]
        mine.used_blocks -= one.blocks
        one.blocks = 0
        if rules.has_tree:
            tree.let_go(desks.radix, mine, replica, desks.radix.leaves[request])
        make_room(rules, mine, desks, replica, mine.readies * _STEPS_AFTER)
        restart(rules, one)
        one.in_flight = 0
        note_victim(requests, mine, request)
        push_back(requests, mine, request)
    got, whole = 0, 0
    for at in range(mine.readies):
        got += told(requests[ready[at]])
        whole += requests[ready[at]].asked
    desk.share = min(1.0, (got + _STEPS_AFTER * mine.readies) / whole)
    return True


@inner
def stays_longer(one: Records, other: Records) -> bool:
    """Whether a request is retracted after another."""
    if told(one) != told(other):
        has_more: bool = told(one) > told(other)
        return has_more
    is_shorter: bool = first_tokens(one) < first_tokens(other)
    return is_shorter


@inner
def make_room(rules: Rules, mine: Records, desks: Desks, replica: int, tokens: int) -> bool:
    """Whether so many tokens find room, after leaves of the tree with as many were overwritten if they did not."""
    kept = desks.radix.trees[replica]
    if free_blocks(rules, mine) - kept.evictable < tokens:
        tree.evict(desks.radix, replica, tokens)
    has_room: bool = free_blocks(rules, mine) - kept.evictable >= tokens
    return has_room


@inner
def allocate(
    rules: Rules, requests: Records, mine: Records, members: Records, desks: Desks, replica: int, first: int, end: int
) -> bool:
    """Whether members of a batch from `first` to before `end` found room for their tokens, which they have then."""
    tokens = 0
    for at in range(first, end):
        tokens += members[at].tokens
    if not make_room(rules, mine, desks, replica, tokens):
        return False
    for at in range(first, end):
        requests[members[at].request].blocks += members[at].tokens
    mine.used_blocks += tokens
    return True


@inner
def join(requests: Records, member: Records, request: int, tokens: int) -> None:
    """A request is in a batch with so many tokens."""
    one = requests[request]
    put(member, request, tokens)
    member.epoch = one.restarts
    one.in_flight += tokens


@inner
def keep(rules: Rules, mine: Records, one: Records, desks: Desks, replica: int, request: int, tokens: int) -> None:
    """The first tokens of a request that runs are in the tree, where others find them; what others had put there is not kept twice."""
    if not rules.has_tree:
        return
    radix = desks.radix
    old = radix.leaves[request]
    own = tokens - (radix.nodes[replica, old].end if old != ROOT else 0)
    mine.used_blocks -= own
    one.blocks -= own
    tree.insert(radix, replica, request, tokens)
    node, _ = tree.walk(radix, replica, request, tokens)
    tree.let_go(radix, mine, replica, old)
    tree.hold(radix, mine, replica, node)
    radix.leaves[request] = node


@inner
def leave(rules: Rules, mine: Records, one: Records, desks: Desks, replica: int, request: int) -> None:
    """A request is through: all its tokens but the last stay in the tree. What it has in flight it keeps until that has ended."""
    mine.used_blocks -= one.blocks - one.in_flight
    one.blocks = one.in_flight
    if rules.has_tree:
        tree.insert(desks.radix, replica, request, one.prefill + one.decode - 1)
        tree.let_go(desks.radix, mine, replica, desks.radix.leaves[request])


@inner
def end(
    rules: Rules,
    requests: Records,
    mine: Records,
    members: Records,
    size: int,
    desks: Desks,
    replica: int,
    now_s: float,
) -> None:
    """A batch has ended: whoever is through his prompt has got a token; whoever has all is through."""
    desks.each[replica].is_blocked = False
    for at in range(size):
        request = members[at].request
        one = requests[request]
        if members[at].epoch != one.restarts:
            continue
        one.in_flight -= members[at].tokens
        if one.is_completed:  # the step that was for nothing
            mine.used_blocks -= members[at].tokens
            one.blocks -= members[at].tokens
            continue
        done = one.processed + members[at].tokens
        is_prompt = done == one.prefill
        if is_prompt:
            one.is_prefilled = True
            done += 1
            if one.first_token_s == 0:
                one.first_token_s = now_s
        one.processed = done
        if done == one.prefill + one.decode:
            one.is_completed = True
            one.completed_s = now_s
            leave(rules, mine, one, desks, replica, request)
        elif is_prompt:
            keep(rules, mine, one, desks, replica, request, one.prefill)


@inner
def put_longest_first(requests: Records, mine: Records, desks: Desks, replica: int) -> None:
    """Those that wait by how much of them the tree has; who has a beginning in common with one of them lets him go first."""
    keys, found, is_behind, count, at = desks.keys, desks.sorted, desks.is_behind, mine.queued, mine.first
    for place in range(count):
        _, length = tree.walk(desks.radix, replica, at, requests[at].prefill)
        found[place], keys[place], is_behind[place] = at, -length, length > _SHORT_MATCH
        if length <= _SHORT_MATCH:
            for other in range(place):
                if not is_behind[other]:
                    most = min(requests[at].prefill, requests[found[other]].prefill)
                    if tree.in_common(desks.radix, at, found[other], 0, most) >= _SHORT_MATCH:
                        keys[place], is_behind[place] = _LAST, 1
                        break
        at = requests[at].behind
    for place in range(1, count):
        key, request, at = keys[place], found[place], place
        while at > 0 and keys[at - 1] > key:
            keys[at], found[at] = keys[at - 1], found[at - 1]
            at -= 1
        keys[at], found[at] = key, request
    mine.first = NONE
    mine.queued = 0
    for place in range(count):
        push_back(requests, mine, found[place])
