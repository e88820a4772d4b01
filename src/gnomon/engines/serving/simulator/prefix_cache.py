"""Blocks that outlive their request: found again by a hash of all tokens up to their end, the least recently used overwritten first.

[vLLM 0.15, V1: blocks are known by their hash from the step on that computes them, a free one until it is taken; of a request the last
block is freed first.] A hash is two remainders in one number; equal hashes are taken for equal tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints
from gnomon.engines.serving.simulator.state import NONE, Records, Rules

_PRIMES = 2**31 - 1, 2**31 - 19  # both prime; a product of two remainders fits a whole number of 64 bits
_BASES = 1_220_703_125, 1_664_525  # any two; of the remainders' polynomials
_LANE = 2**31
UNKNOWN = -1  # in place of a hash: nobody can find the block
OWN = -2  # the answer of request r that no prompt continues is the segment OWN - r
_BLOCK = np.dtype(
    [
        ("users", "i8"),  # requests that hold it; of none it is in the line of free blocks
        ("hash", "i8"),
        ("before", "i8"),  # in the line
        ("behind", "i8"),
        ("older", "i8"),  # with the same hash
        ("newer", "i8"),
        ("newest", "i8"),  # known of the oldest only
    ]
)
_ENTRY = np.dtype([("hash", "i8"), ("block", "i8")])
_CURSOR = np.dtype(
    [
        ("seat", "i8"),  # whose row of the tables holds the blocks
        ("sealed", "i8"),  # blocks with a hash
        ("hash", "i8"),  # of the last of them
        ("piece", "i8"),  # where the next one begins: a segment,
        ("offset", "i8"),  # and tokens of it
    ]
)


class Cache(NamedTuple):
    """Blocks of all replicas by their content."""

    blocks: Records  # (replica, block); the last two are the ends of the line of free blocks
    entries: Records  # (replica, place): oldest block of a hash, by open addressing
    tables: Ints  # (replica, seat, place): blocks of a request in their order
    seats: Ints  # (replica, place): free ones; their number is in the last place
    cursors: Records  # (request)
    starts: Ints  # this and the next three: gnomon.core.service.Prefixes
    segments: Ints
    tokens: Ints
    answers: Ints


def new_cache(arrivals: Arrivals, replicas: int, rules: Rules) -> Cache:
    """An empty cache; next to nothing where no prompt has anything in common with another."""
    nothing = np.zeros(1, np.int64)
    given = arrivals.prefixes
    if given is None or not rules.has_cache:
        one = np.zeros((1, 1), np.int64)
        blocks, entries = np.zeros((1, 1), _BLOCK), np.zeros((1, 1), _ENTRY)
        cursors = np.zeros(1, _CURSOR).view(np.recarray)
        tables = np.zeros((1, 1, 1), np.int64)
        shared = (nothing, nothing, nothing, nothing)
        return Cache(blocks.view(np.recarray), entries.view(np.recarray), tables, one, cursors, *shared)
    blocks = np.zeros((replicas, rules.blocks + 2), _BLOCK)
    for name in ("hash", "older", "newer", "newest"):
        blocks[name] = NONE
    blocks["behind"], blocks["before"] = np.arange(1, rules.blocks + 3), np.arange(-1, rules.blocks + 1)
    head, tail = rules.blocks, rules.blocks + 1
    blocks["behind"][:, head], blocks["before"][:, tail] = 0, rules.blocks - 1
    blocks["before"][:, 0], blocks["behind"][:, rules.blocks - 1] = head, tail
    entries = np.zeros((replicas, 1 << int(2 * rules.blocks).bit_length()), _ENTRY)
    entries["block"] = NONE
    drafts = rules.draft_tokens + rules.draft_lookahead
    longest = (int((arrivals.prefill_tokens + arrivals.decode_tokens).max()) + drafts) // rules.block_tokens + 2
    # Beside those that run who is sent, loaded or stored has a seat.
    most = rules.most_admitted + (min(len(arrivals), rules.blocks) if rules.sends or rules.has_tiers else 0)
    seats = np.zeros((replicas, most + 1), np.int64)
    seats[:, :-1], seats[:, -1] = np.arange(most), most
    has_answer = given.answers >= 0
    known = np.unique(np.concatenate([given.segments, given.answers[has_answer]]))  # small numbers hash well
    return Cache(
        blocks=blocks.view(np.recarray),
        entries=entries.view(np.recarray),
        tables=np.zeros((replicas, most, longest), np.int64),
        seats=seats,
        cursors=np.zeros(len(arrivals), _CURSOR).view(np.recarray),
        starts=np.ascontiguousarray(given.starts, np.int64),
        segments=np.searchsorted(known, given.segments),
        tokens=np.ascontiguousarray(given.tokens, np.int64),
        answers=np.where(has_answer, np.searchsorted(known, given.answers), NONE),
    )


@inner
def look_up(cache: Cache, rules: Rules, replica: int, request: int, most_blocks: int) -> tuple[int, int]:
    """How many blocks of a request are there from its beginning on, at most so many; and how many of them nobody holds.

    They are written down in the row of the next free seat, where `sit` finds them.
    """
    seats = cache.seats[replica]
    table = cache.tables[replica, seats[seats[-1] - 1]]
    one = cache.cursors[request]
    one.sealed, one.hash, one.piece, one.offset = 0, 0, cache.starts[request], 0
    found, free = 0, 0
    while found < most_blocks:
        piece, offset = one.piece, one.offset
        hashed, piece, offset = next_hash(cache, rules, request, one.hash, piece, offset)
        place = place_of(cache.entries[replica], hashed)
        block = cache.entries[replica, place].block
        if block == NONE:
            break
        one.hash, one.piece, one.offset = hashed, piece, offset
        table[found] = block
        found += 1
        free += cache.blocks[replica, block].users == 0
    one.sealed = found
    return found, free


@inner
def sit(cache: Cache, mine: Records, replica: int, request: int, found: int) -> None:
    """A request takes a seat, and the blocks that were found."""
    seats = cache.seats[replica]
    seats[-1] -= 1
    seat = seats[seats[-1]]
    cache.cursors[request].seat = seat
    for place in range(found):
        one = cache.blocks[replica, cache.tables[replica, seat, place]]
        if one.users == 0:
            cache.blocks[replica, one.before].behind = one.behind
            cache.blocks[replica, one.behind].before = one.before
            mine.used_blocks += 1
        one.users += 1


@inner
def grow(cache: Cache, rules: Rules, mine: Records, replica: int, request: int, held: int, blocks: int) -> None:
    """A request that holds some blocks takes more, those that were freed first; what was in them is forgotten."""
    table = cache.tables[replica, cache.cursors[request].seat]
    head = rules.blocks
    for place in range(held, blocks):
        block = cache.blocks[replica, head].behind
        one = cache.blocks[replica, block]
        cache.blocks[replica, head].behind = one.behind
        cache.blocks[replica, one.behind].before = head
        if one.hash != UNKNOWN:
            forget(cache, replica, block)
        one.users = 1
        mine.used_blocks += 1
        table[place] = block


@inner
def seal(cache: Cache, rules: Rules, replica: int, request: int, tokens: int) -> None:
    """Blocks of a request that are full with so many tokens can be found from now on."""
    one = cache.cursors[request]
    full = tokens // rules.block_tokens
    while one.sealed < full:
        hashed, piece, offset = next_hash(cache, rules, request, one.hash, one.piece, one.offset)
        one.hash, one.piece, one.offset = hashed, piece, offset
        remember(cache, replica, cache.tables[replica, one.seat, one.sealed], hashed)
        one.sealed += 1


@inner
def leave(cache: Cache, rules: Rules, mine: Records, replica: int, request: int, held: int) -> None:
    """A request gives up its blocks, the last one first, and its seat. What is in them stays until they are taken."""
    seat, seats, tail = cache.cursors[request].seat, cache.seats[replica], rules.blocks + 1
    for at in range(held):
        block = cache.tables[replica, seat, held - 1 - at]
        one = cache.blocks[replica, block]
        one.users -= 1
        if one.users == 0:
            last = cache.blocks[replica, tail].before
            one.before, one.behind = last, tail
            cache.blocks[replica, last].behind = block
            cache.blocks[replica, tail].before = block
            mine.used_blocks -= 1
    seats[seats[-1]] = seat
    seats[-1] += 1


@inner
def next_hash(cache: Cache, rules: Rules, request: int, before: int, piece: int, offset: int) -> tuple[int, int, int]:
    """The hash of a request's block after one with a hash, and where the block after it begins.

    A block is pieces of segments: which, from where, how many tokens; behind the prompt all is the answer.
    """
    low, high = before % _LANE, before // _LANE
    left, last = rules.block_tokens, cache.starts[request + 1]
    while left > 0:
        if piece < last:
            segment, taken = cache.segments[piece], min(left, cache.tokens[piece] - offset)
        else:
            segment, taken = cache.answers[request], left
            if segment < 0:
                segment = OWN - request
        if taken > 0:
            for number in (segment, offset, taken):
                low = (low * _BASES[0] + number + 1) % _PRIMES[0]
                high = (high * _BASES[1] + number + 1) % _PRIMES[1]
        left -= taken
        offset += taken
        if piece < last and offset == cache.tokens[piece]:
            piece, offset = piece + 1, 0
    return high * _LANE + low, piece, offset


@inner
def place_of(entries: Records, hashed: int) -> int:
    """Where a hash is among the entries, or would be."""
    place = hashed % len(entries)
    while entries[place].block != NONE and entries[place].hash != hashed:
        place = (place + 1) % len(entries)
    return place


@inner
def remember(cache: Cache, replica: int, block: int, hashed: int) -> None:
    """A block can be found by its hash; the oldest of equals is."""
    one, entry = cache.blocks[replica, block], cache.entries[replica, place_of(cache.entries[replica], hashed)]
    one.hash, one.older, one.newer, one.newest = hashed, NONE, NONE, block
    if entry.block == NONE:
        entry.hash, entry.block = hashed, block
        return
    oldest = cache.blocks[replica, entry.block]
    one.older = oldest.newest
    cache.blocks[replica, oldest.newest].newer = block
    oldest.newest = block


@inner
def forget(cache: Cache, replica: int, block: int) -> None:
    """A block cannot be found any more."""
    one, entries = cache.blocks[replica, block], cache.entries[replica]
    place = place_of(entries, one.hash)
    one.hash = UNKNOWN
    if one.older != NONE:
        cache.blocks[replica, one.older].newer = one.newer
        if one.newer != NONE:
            cache.blocks[replica, one.newer].older = one.older
        else:
            cache.blocks[replica, entries[place].block].newest = one.older
        return
    if one.newer != NONE:
        heir = cache.blocks[replica, one.newer]
        heir.older, heir.newest = NONE, one.newest
        entries[place].block = one.newer
        return
    free, at, room = place, (place + 1) % len(entries), len(entries)
    while entries[at].block != NONE:  # who was pushed on by the one that goes moves back
        home = entries[at].hash % room
        if (at - home) % room >= (at - free) % room:
            entries[free].hash, entries[free].block = entries[at].hash, entries[at].block
            free = at
        at = (at + 1) % room
    entries[free].block = NONE
