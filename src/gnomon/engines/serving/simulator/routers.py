"""The front door: which replica a request goes to, where that depends on what the replicas do.

Outstanding: sent to a replica and not through. Whatever is equal, the first is taken.

[join_shortest_queue: microsoft/vidur at 7d47513, `lor`; power_of_two: Mitzenmacher 2001, The power of two choices in randomized load
balancing, with the two drawn apart, as in sgl-router; prefix_aware: `cache_aware` of sgl-router, of sglang 0.5]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, RouterName, Service
from gnomon.engines.serving.simulator.prefix_cache import Cache, next_hash, place_of
from gnomon.engines.serving.simulator.state import NONE, Records, Replicas, Rules

FIXED, SHORTEST_QUEUE, LEAST_OUTSTANDING, POWER_OF_TWO, PREFIX_AWARE = range(5)
_ROUTERS: dict[RouterName, int] = {
    "random": FIXED,
    "round_robin": FIXED,
    "weighted": FIXED,
    "lor": SHORTEST_QUEUE,
    "join_shortest_queue": SHORTEST_QUEUE,
    "least_outstanding": LEAST_OUTSTANDING,
    "power_of_two": POWER_OF_TWO,
    "prefix_aware": PREFIX_AWARE,
}
# Of sglang 0.5's launcher of its router: cache_threshold, balance_abs_threshold, balance_rel_threshold.
_LEAST_MATCH = 0.3  # share of a prompt that has to be in a cache; at least more than this
_MOST_APART = 64  # requests, from the replica with the fewest to that with the most
_MOST_TIMES = 1.5  # likewise, as a ratio; both have to be exceeded
_MARKS = np.dtype([("due", "i8")])
_REPLICA = np.dtype([("outstanding", "i8")])


class Front(NamedTuple):
    """What the door knows."""

    router: int
    counts: bool  # requests that are outstanding
    most_waiting: int  # in a queue; 0: any number
    most_wait_s: float  # for a first step; infinite: any time
    marks: Records  # one: the first place in the line whose request may still wait for its first step
    each: Records  # (replica)
    draws: Floats  # (request, 2): of those that choose by chance


def new_front(service: Service, requests: int, replicas: int) -> Front:
    """Nobody has come."""
    routing, router = service.routing, _ROUTERS[service.routing.name]
    has_draws = router == POWER_OF_TWO
    return Front(
        router=router,
        counts=router in (LEAST_OUTSTANDING, POWER_OF_TWO, PREFIX_AWARE),
        most_waiting=service.most_waiting or 0,
        most_wait_s=np.inf if service.most_wait_s is None else float(service.most_wait_s),
        marks=np.zeros(1, _MARKS).view(np.recarray),
        each=np.zeros(replicas, _REPLICA).view(np.recarray),
        draws=np.random.default_rng([routing.seed, 1]).random((requests if has_draws else 1, 2)),
    )


@inner
def choose(
    rules: Rules, requests: Records, replicas: Replicas, cache: Cache, front: Front, request: int, place: int
) -> int:
    """The replica of a request that comes at some place."""
    if front.router == FIXED:
        drawn: int = requests[place].drawn
        return drawn
    if front.router == SHORTEST_QUEUE:
        return shortest_queue(replicas)
    if front.router == LEAST_OUTSTANDING:
        return least_outstanding(front)
    if front.router == POWER_OF_TWO:
        return fewer_of_two(front, place)
    return with_its_prefix(rules, requests, cache, front, request)


@inner
def shortest_queue(replicas: Replicas) -> int:
    """The replica with the fewest that wait. Those that it has admitted are not counted, as in Vidur."""
    best = 0
    for replica in range(1, len(replicas.each)):
        if replicas.each[replica].queued < replicas.each[best].queued:
            best = replica
    return best


@inner
def least_outstanding(front: Front) -> int:
    """The replica with the fewest requests that were sent to it and are not through."""
    best = 0
    for replica in range(1, len(front.each)):
        if front.each[replica].outstanding < front.each[best].outstanding:
            best = replica
    return best


@inner
def fewer_of_two(front: Front, place: int) -> int:
    """Of two replicas, drawn for this place in the line, the one with fewer outstanding."""
    count = len(front.each)
    if count == 1:
        return 0
    one = int(front.draws[place, 0] * count)
    other = (one + 1 + int(front.draws[place, 1] * (count - 1))) % count
    return other if front.each[other].outstanding < front.each[one].outstanding else one


@inner
def with_its_prefix(rules: Rules, requests: Records, cache: Cache, front: Front, request: int) -> int:
    """The replica that has most of a prompt in its cache; that with the fewest outstanding where this is little of the prompt, and
    where some replica has far more outstanding than another.

    sgl-router looks in what it sent to whom, not in the caches, and sends a new prompt to whom it sent least text.
    """
    best, least, most = NONE, front.each[0].outstanding, front.each[0].outstanding
    for replica in range(1, len(front.each)):
        least, most = min(least, front.each[replica].outstanding), max(most, front.each[replica].outstanding)
    if not rules.has_cache or (most - least > _MOST_APART and most > _MOST_TIMES * least):
        return least_outstanding(front)
    prefill, found = requests[request].prefill, _LEAST_MATCH * requests[request].prefill
    for replica in range(len(front.each)):
        tokens = cached_blocks(cache, rules, replica, request, (prefill - 1) // rules.block_tokens) * rules.block_tokens
        if tokens > found:
            best, found = replica, float(tokens)
    return least_outstanding(front) if best == NONE else best


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


@inner
def leave(requests: Records, front: Front, members: Records, size: int) -> None:
    """Those of a batch that are through are not outstanding any more."""
    for at in range(size):
        one = requests[members[at].request]
        if one.is_completed and not one.has_left:
            one.has_left = True
            front.each[one.replica].outstanding -= 1
