"""Which replica a request goes to, where that depends on what the replicas do: one of those that are ready.

Outstanding: sent to a replica and not through. Whatever is equal, the first is taken.

[join_shortest_queue: microsoft/vidur at 7d47513, `lor`; power_of_two: Mitzenmacher 2001, The power of two choices in randomized load
balancing, with the two drawn apart, as in sgl-router; prefix_aware: `cache_aware` of sgl-router, of sglang 0.5]
"""

from __future__ import annotations

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator.front import (
    FIXED,
    LEAST_OUTSTANDING,
    POWER_OF_TWO,
    RANDOM,
    READY,
    ROUND_ROBIN,
    SHORTEST_QUEUE,
    Front,
)
from gnomon.engines.serving.simulator.prefix_cache import Cache, next_hash, place_of
from gnomon.engines.serving.simulator.state import NONE, Records, Replicas, Rules

# Of sglang 0.5's launcher of its router: cache_threshold, balance_abs_threshold, balance_rel_threshold.
_LEAST_MATCH = 0.3  # share of a prompt: more than that has to be in a cache
_MOST_APART = 64  # requests, from the replica with the fewest to that with the most
_MOST_TIMES = 1.5  # likewise, as a ratio; both have to be exceeded


@inner
def choose(
    rules: Rules, requests: Records, replicas: Replicas, cache: Cache, front: Front, request: int, place: int
) -> int:
    """The replica of a request that comes at some place."""
    if front.router == FIXED:
        drawn: int = requests[place].drawn
        return drawn
    if front.router == ROUND_ROBIN:
        front.marks[0].turn += 1
        return ready_one(front, (front.marks[0].turn - 1) % front.marks[0].ready)
    if front.router == RANDOM:
        return ready_one(front, int(front.draws[place, 0] * front.marks[0].ready))
    if front.router == SHORTEST_QUEUE:
        return shortest_queue(replicas, front)
    if front.router == LEAST_OUTSTANDING:
        return least_outstanding(front)
    if front.router == POWER_OF_TWO:
        return fewer_of_two(front, place)
    return with_its_prefix(rules, requests, cache, front, request)


@inner
def ready_one(front: Front, number: int) -> int:
    """That one of the replicas that are ready."""
    for replica in range(len(front.each)):
        if front.each[replica].state == READY:
            if number == 0:
                return replica
            number -= 1
    return NONE


@inner
def shortest_queue(replicas: Replicas, front: Front) -> int:
    """The replica with the fewest that wait. Those that it has admitted are not counted, as in Vidur."""
    best = NONE
    for replica in range(len(front.each)):
        is_first = best == NONE or replicas.each[replica].queued < replicas.each[best].queued
        if is_first and front.each[replica].state == READY:
            best = replica
    return best


@inner
def least_outstanding(front: Front) -> int:
    """The replica with the fewest requests that were sent to it and are not through."""
    best = NONE
    for replica in range(len(front.each)):
        is_first = best == NONE or front.each[replica].outstanding < front.each[best].outstanding
        if is_first and front.each[replica].state == READY:
            best = replica
    return best


@inner
def fewer_of_two(front: Front, place: int) -> int:
    """Of two replicas, drawn for this place in the line, the one with fewer outstanding."""
    count = front.marks[0].ready
    if count == 1:
        return ready_one(front, 0)
    first = int(front.draws[place, 0] * count)
    one = ready_one(front, first)
    other = ready_one(front, (first + 1 + int(front.draws[place, 1] * (count - 1))) % count)
    return other if front.each[other].outstanding < front.each[one].outstanding else one


@inner
def with_its_prefix(rules: Rules, requests: Records, cache: Cache, front: Front, request: int) -> int:
    """The replica that has most of a prompt in its cache; that with the fewest outstanding where this is little of the prompt, and
    where some replica has far more outstanding than another.

    sgl-router looks in what it sent to whom, not in the caches, and sends a new prompt to whom it sent least text.
    """
    idlest = least_outstanding(front)
    least, most = front.each[idlest].outstanding, 0
    for replica in range(len(front.each)):
        if front.each[replica].state == READY:
            most = max(most, front.each[replica].outstanding)
    if not rules.has_cache or (most - least > _MOST_APART and most > _MOST_TIMES * least):
        return idlest
    best, prefill = idlest, requests[request].prefill
    found = _LEAST_MATCH * prefill
    for replica in range(len(front.each)):
        if front.each[replica].state == READY:
            blocks = cached_blocks(cache, rules, replica, request, (prefill - 1) // rules.block_tokens)
            tokens = float(blocks * rules.block_tokens)
            if tokens > found:
                best, found = replica, tokens
    return best


@inner
def cached_blocks(cache: Cache, rules: Rules, replica: int, request: int, most: int) -> int:
    """How many blocks of a prompt a replica has, from its beginning on; as `prefix_cache.look_up`, which also writes them down."""
    found, hashed, piece, offset = 0, 0, cache.starts[request], 0
    while found < most:
        hashed, piece, offset = next_hash(cache, rules, request, hashed, piece, offset)
        if cache.entries[replica, place_of(cache.entries[replica], hashed)].block == NONE:
            break
        found += 1
    return found
