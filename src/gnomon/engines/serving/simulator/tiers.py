"""Slower memories behind the KV cache of the devices: blocks are copied there as they are computed, and come back for prompts that begin alike.

[vLLM 0.15: OffloadingConnector, its scheduler side and LRUOffloadingManager] A block is stored when a step fills it: a place is kept for it
when that step is made up, in order of the last use, and the copy begins when the step has ended. Blocks that are there already are not
copied again. It can be found from when its copy is there [vLLM since pull request 39186; 0.15 itself waits for the end of the request]. A
request that is through keeps its blocks until its copies are. Of the host's memory each replica has a part of its own; a remote store
[LMCache, Mooncake Store] is one for all, and is asked for what the host lacks. What comes from it is stored in the host as if computed.

Each replica has four links, of each store one for either direction, as PCIe and networks are full duplex; each takes copies whole, first
come first. Taken for granted: copies slow no step down, a remote store is never slower than the link of who asks, and who is preempted
does not hold the step up until his copies are out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints, KvTiers
from gnomon.engines.serving.simulator import events, prefix_cache
from gnomon.engines.serving.simulator.prefix_cache import UNKNOWN, Cache
from gnomon.engines.serving.simulator.state import NONE, Records, Rules

CPU, REMOTE, COMING = range(3)  # shelves: the last is of what is on its way to the devices
# Stages of a request that waits, and of one that is through and keeps its blocks until copies of them are there; 0: nothing is, or was,
# on its way for it.
LOADING, LOADED, KEPT = 1, 2, 3
DELAYED = -1  # in place of blocks found: some of them are on their way for another request
_NEVER = np.inf
_SLOT = np.dtype(
    [
        ("hash", "i8"),
        ("ready_s", "f8"),  # when the copy is there
        ("users", "i8"),  # loads from it that are under way
        ("owner", "i8"),  # the request that it is copied for; of what is coming the shelf that it comes from
        ("before", "i8"),  # in the line by last use
        ("behind", "i8"),
        ("next", "i8"),  # that is copied after the same step
    ]
)
_ENTRY = np.dtype([("hash", "i8"), ("slot", "i8")])
_SHELF = np.dtype(
    [("first", "i8"), ("places", "i8"), ("entries", "i8"), ("room", "i8")]
)  # slots, the last of them both ends of the line; entries
_COURSE = np.dtype(
    [
        ("stage", "i8"),
        ("found", "i8"),  # blocks that the devices had when its load began
        ("coming", "i8"),  # and those that come
        ("began_s", "f8"),
        ("waited_s", "f8"),  # for loads
        ("first_waited_s", "f8"),  # of that before its first step
        ("kept_s", "f8"),  # when the last of its copies is there
        ("cpu_stored", "i8"),  # blocks that were offered to each store
        ("remote_stored", "i8"),
        ("cpu_tokens", "i8"),  # that were loaded
        ("remote_tokens", "i8"),
    ]
)
_LINKS = np.dtype(
    [
        ("cpu_in_s", "f8"),  # when each is free: towards the devices,
        ("cpu_out_s", "f8"),  # and from them
        ("remote_in_s", "f8"),
        ("remote_out_s", "f8"),
        ("begun_s", "f8"),  # the last step
        ("loading", "i8"),  # requests
        ("kept", "i8"),  # requests that are through and keep blocks
        ("cpu_blocks", "i8"),  # that were stored
        ("remote_blocks", "i8"),
    ]
)
_CHAIN = np.dtype([("first", "i8"), ("last", "i8")])


class Tiers(NamedTuple):
    """What all stores have, and what is on its way to them and from them."""

    slots: Records
    entries: Records  # by open addressing
    shelves: Records  # (shelf, replica)
    courses: Records  # (request)
    links: Records  # (replica)
    chains: Records  # (slot of a batch, CPU or REMOTE): what is copied when it ends
    hashes: Ints  # (replica, block): scratch


def new_tiers(arrivals: Arrivals, replicas: int, rules: Rules, given: KvTiers | None) -> Tiers:
    """Empty stores; next to nothing where there are none."""
    whole = arrivals.prefill_tokens + arrivals.decode_tokens
    most = int((whole // rules.block_tokens).sum()) if rules.has_tiers else 0  # blocks that ever differ
    sizes = [0, 0, 0]
    if given is not None and rules.has_tiers:
        sizes = [min(0 if one is None else one.blocks, most) for one in (given.cpu, given.remote)]
        sizes.append(rules.blocks)
    shelves = np.zeros((3, replicas), _SHELF)
    slots, entries = 0, 0
    for shelf, size in enumerate(sizes):
        room = 1 << int(2 * size).bit_length()
        for replica in range(replicas):
            if shelf == REMOTE and replica > 0:
                shelves[shelf, replica] = shelves[shelf, 0]
                continue
            shelves[shelf, replica] = slots, size, entries, room
            slots, entries = slots + size + 1, entries + room
    tiers = Tiers(
        slots=np.zeros(slots, _SLOT).view(np.recarray),
        entries=np.zeros(entries, _ENTRY).view(np.recarray),
        shelves=shelves.view(np.recarray),
        courses=np.zeros(len(arrivals) if rules.has_tiers else 1, _COURSE).view(np.recarray),
        links=np.zeros(replicas, _LINKS).view(np.recarray),
        chains=np.zeros((replicas * rules.slots, 2), _CHAIN).view(np.recarray),
        hashes=np.zeros((replicas, int(whole.max(initial=0)) // rules.block_tokens + 2), np.int64),
    )
    tiers.slots.hash[:], tiers.slots.next[:], tiers.entries.slot[:] = UNKNOWN, NONE, NONE
    tiers.chains.first[:], tiers.chains.last[:] = NONE, NONE
    tiers.slots.behind[:], tiers.slots.before[:] = np.arange(1, slots + 1), np.arange(-1, slots - 1)
    for one in shelves.reshape(-1):  # each line is a ring
        end = one["first"] + one["places"]
        tiers.slots.behind[end], tiers.slots.before[one["first"]] = one["first"], end
    return tiers


@inner
def place_of(tiers: Tiers, shelf: Records, hashed: int) -> int:
    """Where a hash is among the entries, or would be."""
    place: int = hashed % shelf.room
    while True:
        entry = tiers.entries[shelf.entries + place]
        if entry.slot == NONE or entry.hash == hashed:
            return place
        place = (place + 1) % shelf.room


@inner
def find(tiers: Tiers, shelf: Records, hashed: int) -> int:
    """The slot of a hash; NONE: there is none."""
    if shelf.places == 0:
        return NONE
    slot: int = tiers.entries[shelf.entries + place_of(tiers, shelf, hashed)].slot
    return slot


@inner
def touch(tiers: Tiers, shelf: Records, slot: int, is_last: bool) -> None:
    """A slot goes to an end of the line: it is the last that was used, or the first that is taken."""
    slots, end = tiers.slots, shelf.first + shelf.places
    one = slots[slot]
    slots[one.before].behind, slots[one.behind].before = one.behind, one.before
    before = slots[end].before if is_last else end
    one.before, one.behind = before, slots[before].behind
    slots[one.behind].before = slot
    slots[before].behind = slot


@inner
def empty(tiers: Tiers, shelf: Records, slot: int) -> None:
    """What was in a slot cannot be found any more."""
    one = tiers.slots[slot]
    if one.hash == UNKNOWN:
        return
    base, room = shelf.entries, shelf.room
    free = place_of(tiers, shelf, one.hash)
    one.hash = UNKNOWN
    at = (free + 1) % room
    while tiers.entries[base + at].slot != NONE:  # who was pushed on by the one that goes moves back
        home = tiers.entries[base + at].hash % room
        if (at - home) % room >= (at - free) % room:
            source, target = tiers.entries[base + at], tiers.entries[base + free]
            target.hash, target.slot = source.hash, source.slot
            free = at
        at = (at + 1) % room
    tiers.entries[base + free].slot = NONE


@inner
def oldest(tiers: Tiers, shelf: Records, slot: int, now_s: float) -> int:
    """The first slot of the line behind one whose content may go; the end of the line: there is none."""
    end = shelf.first + shelf.places
    at: int = tiers.slots[slot].behind
    while at != end and (tiers.slots[at].users > 0 or tiers.slots[at].ready_s > now_s):
        at = tiers.slots[at].behind
    return at


@inner
def take(tiers: Tiers, shelf: Records, hashed: int, owner: int, now_s: float) -> int:
    """The slot that a hash gets, the one used last; there is one that may go. It is not ready."""
    slot = oldest(tiers, shelf, shelf.first + shelf.places, now_s)
    empty(tiers, shelf, slot)
    one, entry = tiers.slots[slot], tiers.entries[shelf.entries + place_of(tiers, shelf, hashed)]
    entry.hash, entry.slot = hashed, slot
    one.hash, one.owner, one.ready_s, one.users, one.next = hashed, owner, _NEVER, 0, NONE
    touch(tiers, shelf, slot, True)
    return slot


@inner
def has_ready(tiers: Tiers, shelf: Records, hashed: int, now_s: float) -> int:
    """The slot that a hash can be loaded from; NONE: there is none."""
    slot = find(tiers, shelf, hashed)
    return slot if slot != NONE and tiers.slots[slot].ready_s <= now_s else NONE


@inner
def look_up(
    tiers: Tiers, cache: Cache, rules: Rules, replica: int, request: int, found: int, whole: int, now_s: float
) -> int:
    """How many further blocks of the `whole` ones of a request the stores have, where devices were just found to have some; DELAYED.

    All that they have of the request has been used now, its first block last.
    """
    hashes, seats, one = tiers.hashes[replica], cache.seats[replica], cache.cursors[request]
    table = cache.tables[replica, seats[seats[-1] - 1]]
    for place in range(found):
        hashes[place] = cache.blocks[replica, table[place]].hash
    hashed, piece, offset = one.hash, one.piece, one.offset
    for place in range(found, whole):
        hashed, piece, offset = prefix_cache.next_hash(cache, rules, request, hashed, piece, offset)
        hashes[place] = hashed
    use(tiers, replica, CPU, whole)
    use(tiers, replica, REMOTE, whole)
    cpu, remote, coming = tiers.shelves[CPU, replica], tiers.shelves[REMOTE, replica], tiers.shelves[COMING, replica]
    at, is_delayed = found, False
    while at < whole:
        if has_ready(tiers, cpu, hashes[at], now_s) == NONE and has_ready(tiers, remote, hashes[at], now_s) == NONE:
            break
        is_delayed |= find(tiers, coming, hashes[at]) != NONE
        at += 1
    return DELAYED if is_delayed else at - found


@inner
def use(tiers: Tiers, replica: int, which: int, blocks: int) -> None:
    """Of the first hashes that were written down those that a store has have been used, the first of them last."""
    shelf = tiers.shelves[which, replica]
    if shelf.places == 0:
        return
    for back in range(blocks):
        slot = find(tiers, shelf, tiers.hashes[replica, blocks - 1 - back])
        if slot != NONE:
            touch(tiers, shelf, slot, True)


@inner
def load(
    tiers: Tiers, rules: Rules, queue: events.Events, replica: int, request: int, found: int, ahead: int, now_s: float
) -> None:
    """Blocks that were just looked up set out; the request has its blocks on the devices, and waits."""
    course, links, hashes = tiers.courses[request], tiers.links[replica], tiers.hashes[replica]
    cpu, remote, coming = tiers.shelves[CPU, replica], tiers.shelves[REMOTE, replica], tiers.shelves[COMING, replica]
    of_cpu, of_remote = 0, 0
    course.cpu_stored = course.remote_stored = found + ahead
    for at in range(found, found + ahead):
        which, slot = CPU, has_ready(tiers, cpu, hashes[at], now_s)
        if slot == NONE:
            which, slot = REMOTE, has_ready(tiers, remote, hashes[at], now_s)
            if of_remote == 0:  # the host is offered them from here on
                course.cpu_stored = at
            of_remote += 1
        else:
            of_cpu += 1
        tiers.slots[slot].users += 1
        take(tiers, coming, hashes[at], which, now_s)
    there_s = now_s
    if of_cpu > 0:
        links.cpu_in_s = max(links.cpu_in_s, now_s) + of_cpu * rules.cpu_block_s
        there_s = max(there_s, links.cpu_in_s)
    if of_remote > 0:
        links.remote_in_s = max(links.remote_in_s, now_s) + of_remote * rules.remote_block_s
        there_s = max(there_s, links.remote_in_s)
    course.stage, course.began_s, course.found, course.coming = LOADING, now_s, found, ahead
    course.cpu_tokens += of_cpu * rules.block_tokens
    course.remote_tokens += of_remote * rules.block_tokens
    links.loading += 1
    events.later(queue, there_s, events.LOADED, request)


@inner
def end_load(
    tiers: Tiers, cache: Cache, rules: Rules, requests: Records, replica: int, request: int, now_s: float
) -> None:
    """All blocks of a load are there: they may go from where they came."""
    course, cursor = tiers.courses[request], cache.cursors[request]
    coming = tiers.shelves[COMING, replica]
    hashed, piece, offset = cursor.hash, cursor.piece, cursor.offset
    for _ in range(course.coming):
        hashed, piece, offset = prefix_cache.next_hash(cache, rules, request, hashed, piece, offset)
        slot = find(tiers, coming, hashed)
        source = find(tiers, tiers.shelves[tiers.slots[slot].owner, replica], hashed)
        tiers.slots[source].users -= 1
        empty(tiers, coming, slot)
        tiers.slots[slot].ready_s = 0.0
        touch(tiers, coming, slot, False)
    course.stage = LOADED
    course.waited_s += now_s - course.began_s
    if not requests[request].is_begun:
        course.first_waited_s += now_s - course.began_s
    tiers.links[replica].loading -= 1


@inner
def offer(tiers: Tiers, cache: Cache, replica: int, request: int, batch: int, now_s: float) -> None:
    """Blocks that the step of a batch fills get places in the stores, or wait for the next step where too few may go."""
    course, full = tiers.courses[request], cache.cursors[request].sealed
    if course.cpu_stored < full and offer_to(tiers, cache, replica, request, batch, CPU, course.cpu_stored, now_s):
        course.cpu_stored = full
    if course.remote_stored < full and offer_to(
        tiers, cache, replica, request, batch, REMOTE, course.remote_stored, now_s
    ):
        course.remote_stored = full


@inner
def offer_to(
    tiers: Tiers, cache: Cache, replica: int, request: int, batch: int, which: int, start: int, now_s: float
) -> bool:
    """Whether a store has, or will have, all full blocks of a request from one on."""
    shelf, cursor, hashes = tiers.shelves[which, replica], cache.cursors[request], tiers.hashes[replica]
    if shelf.places == 0:
        return True
    table, missing = cache.tables[replica, cursor.seat], 0
    for place in range(start, cursor.sealed):
        hashes[place] = cache.blocks[replica, table[place]].hash
        if find(tiers, shelf, hashes[place]) == NONE:
            missing += 1
        else:
            hashes[place] = UNKNOWN
    if missing == 0:
        return True
    end = shelf.first + shelf.places
    at = end
    for _ in range(missing):
        at = oldest(tiers, shelf, at, now_s)
        if at == end:
            return False
    chain = tiers.chains[batch, which]
    for place in range(start, cursor.sealed):
        if hashes[place] == UNKNOWN:
            continue
        slot = take(tiers, shelf, hashes[place], request, now_s)
        if chain.first == NONE:
            chain.first = slot
        else:
            tiers.slots[chain.last].next = slot
        chain.last = slot
    for place in range(cursor.sealed):
        hashes[place] = cache.blocks[replica, table[place]].hash
    use(tiers, replica, which, cursor.sealed)
    return True


@inner
def store(tiers: Tiers, rules: Rules, replica: int, batch: int, now_s: float) -> None:
    """The step of a batch has ended: what it filled is copied, request by request."""
    links = tiers.links[replica]
    if tiers.chains[batch, CPU].first != NONE:
        free_s, count = copy(tiers, batch, CPU, max(links.cpu_out_s, now_s), rules.cpu_block_s)
        links.cpu_out_s = free_s
        links.cpu_blocks += count
    if tiers.chains[batch, REMOTE].first != NONE:
        free_s, count = copy(tiers, batch, REMOTE, max(links.remote_out_s, now_s), rules.remote_block_s)
        links.remote_out_s = free_s
        links.remote_blocks += count


@inner
def copy(tiers: Tiers, batch: int, which: int, free_s: float, block_s: float) -> tuple[float, int]:
    """When a link is free again that begins with the copies of a batch at some time; and how many blocks these are."""
    chain, slots, total = tiers.chains[batch, which], tiers.slots, 0
    first = chain.first
    while first != NONE:
        owner, after, count = slots[first].owner, first, 0
        while after != NONE and slots[after].owner == owner:
            count += 1
            after = slots[after].next
        free_s += count * block_s
        total += count
        at = first
        while at != after:
            slots[at].ready_s = free_s
            at = slots[at].next
        tiers.courses[owner].kept_s = max(tiers.courses[owner].kept_s, free_s)
        first = after
    chain.first = chain.last = NONE
    return free_s, total


@inner
def keep(tiers: Tiers, requests: Records, members: Records, size: int, now_s: float) -> None:
    """Who of a step has copies under way would not give its blocks back yet if it were through."""
    for at in range(size):
        course = tiers.courses[members[at].request]
        is_awaited = course.stage == LOADING or course.stage == KEPT
        requests[members[at].request].goes_on = course.kept_s > now_s or is_awaited


@inner
def let_go_later(
    tiers: Tiers, requests: Records, members: Records, size: int, replica: int, queue: events.Events
) -> None:
    """Who is through and has copies under way gives its blocks back when they are there: once, also where a late token ended it while
    it was in the next step."""
    for at in range(size):
        request = members[at].request
        one, course = requests[request], tiers.courses[request]
        if one.is_completed and one.goes_on and one.blocks > 0 and course.stage != LOADING and course.stage != KEPT:
            course.stage = KEPT
            tiers.links[replica].kept += 1
            events.later(queue, course.kept_s, events.SENT, request)


def blocks_stored(tiers: Tiers) -> tuple[int, int]:
    """By all replicas, in the host and in the remote store."""
    return int(tiers.links.cpu_blocks.sum()), int(tiers.links.remote_blocks.sum())
