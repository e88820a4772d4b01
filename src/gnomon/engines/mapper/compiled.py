"""The counts and costs of `evaluate` in polynomial time, compiled, where the parts of a mapping divide their dimensions.

A walk visits a tile by the ruler sequence of the loops outside of it: when loop k goes on, all inside of it begin again, and
the tile moves by D(k) = stride(k) - sum of stride(i) for i < k, for each of those was left at its second iteration. What the
tile then brings depends on D(k) and on what is remembered: nothing, or one of the D. So a loop nest is a function from what is
remembered to what is brought and what is then remembered, and that of k + 1 loops is put together from that of k:

    G(k + 1, s) = G(k, s) + (count - 1) (step(k, s') + G(k, s''))

Beside what is remembered a state says whether the last visit brought anything, because neighbours can only lend that.
`movement`, `counts` and `costs` are the definition of these functions. They stand in one file because numba keeps what it compiled
until the file of a function changes, and does not look at those of the functions that it calls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Machine(NamedTuple):
    """A problem and an accelerator as numbers; spaces, ranks, dims and levels are counted from 0, the innermost memory first."""

    coefficients: Ints  # (space, rank, dim)
    place_values: Ints  # (space, rank): of a rank in the one number that stands for a word
    is_output: Flags  # (space)
    grid: Ints  # (level, 2): children of an instance along x and y
    room: Ints  # (level): words of tiles; -1: without end
    least: Floats  # (level): words that must be used
    block: Ints  # (level): words of an access
    clusters: Ints  # (level): wide accesses at once
    energy_pj: Floats  # (level, 4): of a read, fill, update of a block, and of a leak in a cycle
    leaks_with: Ints  # (level): the memory whose working instances leak, and how many there are of it in each
    leaks_each: Ints
    limits: Floats  # (level, 3): words per cycle of reads, writes and both; infinite: without bound
    scale: Floats  # (level, space): words that one of its words takes of those
    latency: float  # cycles of networks
    mac_pj: float
    shares: Flags  # (level, space): children share reads
    lends: Flags  # neighbours lend
    is_whole: Flags  # each tile comes whole
    skips_first: Flags  # the first partial sum is not read


class Work(NamedTuple):
    """Room for the intermediate results of one evaluation."""

    loops: Ints  # (level x dim, 4)
    arrays: Ints  # (2 x level x dim, 4)
    tiles: Ints  # (level, dim)
    wide: Ints
    words: Ints  # (space, level)
    child_words: Ints  # (level)
    active: Ints
    fanout: Ints
    places: Ints  # (children)
    asked: Floats  # (level)
    came: Floats
    lent: Floats
    out: Floats  # (3)
    extents: Ints  # (rank)


@njit(cache=True)
def flattened(
    temporal: Ints, order: Ints, spatial: Ints, spatial_order: Ints, loops: Ints, arrays: Ints, tiles: Ints, wide: Ints
) -> tuple[int, int]:
    """Write the loops of more than one iteration, and the extents of dimensions at each memory. -> how many of each kind.

    temporal (level, dim), order (level, place) -> dim; spatial (level, axis, dim) and its order likewise.
    loops (loop, 4): level, dim, count, stride; arrays the same of spatial loops; tiles, wide (level, dim): extents of a tile,
    and of the tiles of all children.
    """
    levels, dims = temporal.shape
    reach = np.ones(dims, np.int64)
    in_time = in_space = 0
    for level in range(levels):
        for axis in range(2):
            for place in range(dims):
                dim = spatial_order[level, axis, place]
                count = spatial[level, axis, dim]
                if count > 1:
                    arrays[in_space, 0], arrays[in_space, 1] = level, dim
                    arrays[in_space, 2], arrays[in_space, 3] = count, reach[dim]
                    in_space += 1
                    reach[dim] *= count
        wide[level] = reach
        for place in range(dims):
            dim = order[level, place]
            count = temporal[level, dim]
            if count > 1:
                loops[in_time, 0], loops[in_time, 1], loops[in_time, 2], loops[in_time, 3] = (
                    level,
                    dim,
                    count,
                    reach[dim],
                )
                in_time += 1
                reach[dim] *= count
        tiles[level] = reach
    return in_time, in_space


@njit(cache=True)
def words_of(coefficients: Ints, extents: Ints) -> int:
    """Words of the box of one data space; coefficients (rank, dim)."""
    product = 1
    for rank in range(coefficients.shape[0]):
        length = 1
        for dim in range(coefficients.shape[1]):
            length += abs(coefficients[rank, dim]) * (extents[dim] - 1)
        product *= length
    return product


@njit(cache=True)
def child_places(coefficients: Ints, place_values: Ints, arrays: Ints, in_space: int, level: int, places: Ints) -> int:
    """Write where each child of a memory finds its words, as one number, in the order of children. -> how many there are."""
    children = 1
    places[0] = 0
    for at in range(in_space):
        if arrays[at, 0] != level:
            continue
        key = 0
        for rank in range(coefficients.shape[0]):
            key += coefficients[rank, arrays[at, 1]] * arrays[at, 3] * place_values[rank]
        count = arrays[at, 2]
        for step in range(count - 1, -1, -1):  # a loop further out is slower
            for child in range(children):
                places[step * children + child] = places[child] + step * key
        children *= count
    return children


@njit(cache=True)
def groups_of(places: Ints, children: int, is_lent: Flags, sorted_places: Ints) -> int:
    """How many different places there are among the children that are not lent their words."""
    count = 0
    for child in range(children):
        if not is_lent[child]:
            sorted_places[count] = places[child]
            count += 1
    if count == 0:
        return 0
    found = np.sort(sorted_places[:count])
    groups = 1
    for at in range(1, count):
        if found[at] != found[at - 1]:
            groups += 1
    return groups


@njit(cache=True)
def lend(places: Ints, children: int, width: int, height: int, moved: int, is_lent: Flags) -> int:
    """Mark the children whose words a neighbour had in the visit before, when all moved by so much. -> how many."""
    found = 0
    for child in range(children):
        x, y = child % width, child // width
        wanted = places[child] + moved
        is_lent[child] = (
            (x > 0 and places[child - 1] == wanted)
            or (x + 1 < width and child + 1 < children and places[child + 1] == wanted)
            or (y > 0 and places[child - width] == wanted)
            or (y + 1 < height and child + width < children and places[child + width] == wanted)
        )
        found += is_lent[child]
    return found


@njit(cache=True)
def can_lend(places: Ints, children: int, width: int, moves: Ints, count: int) -> bool:
    """Whether any of some moves of a tile is the way from a child to its neighbour, there or back."""
    for child in range(children):
        for axis in range(2):
            other = child + (width if axis else 1)
            if other >= children or (axis == 0 and other % width == 0):
                continue
            between = places[other] - places[child]
            for at in range(count):
                if moves[at] == between or moves[at] == -between:
                    return True
    return False


@njit(cache=True)
def strip_of(by: Ints, extents: Ints, words: int) -> int:
    """How many words a tile that moves brings."""
    common = 1
    for rank in range(by.shape[0]):
        common *= max(extents[rank] - abs(by[rank]), 0)
    return words - common


@njit(cache=True)
def traffic_of(
    coefficients: Ints,
    place_values: Ints,
    loops: Ints,
    in_time: int,
    first: int,
    extents: Ints,
    is_always_whole: bool,
    places: Ints,
    children: int,
    width: int,
    height: int,
    may_share: bool,
    may_lend: bool,
    out: Floats,
) -> None:
    """Write what the children of a memory ask of it in the whole nest: words read, words that arrive, words lent.

    loops[first:in_time] are those in time outside of the tile of a child; extents (rank) are those of the tile.
    """
    ranks, outside = coefficients.shape[0], in_time - first
    words = 1
    for rank in range(ranks):
        words *= extents[rank]
    by = np.zeros((outside, ranks), np.int64)
    keys = np.zeros(outside, np.int64)
    same = np.zeros(outside, np.int64)  # the first loop by which the tile moves alike; -1: it does not move
    strips = np.zeros(outside, np.int64)
    inside = np.zeros(ranks, np.int64)
    for k in range(outside):
        loop = loops[first + k]
        is_moving = False
        for rank in range(ranks):
            stride = coefficients[rank, loop[1]] * loop[3]
            by[k, rank] = stride - inside[rank]
            inside[rank] += stride
            keys[k] += by[k, rank] * place_values[rank]
            is_moving |= by[k, rank] != 0
        same[k] = -1
        if is_moving:
            same[k] = k
            for other in range(k):
                if same[other] == other and keys[other] == keys[k]:
                    same[k] = other
                    break
            strips[k] = strip_of(by[k], extents, words)
    is_lent = np.zeros(children, np.bool_)
    scratch = np.zeros(children, np.int64)
    groups = groups_of(places, children, is_lent, scratch) if may_share else children
    has_strips = False
    for k in range(outside):
        has_strips |= same[k] >= 0 and strips[k] < words
    may_lend = may_lend and can_lend(places, children, width, keys, outside)
    if not may_lend and (is_always_whole or not has_strips):  # every visit that brings anything brings all
        visits, outer = 1, 1
        for k in range(outside - 1, -1, -1):
            if is_always_whole or same[k] >= 0:
                visits += (loops[first + k, 2] - 1) * outer
            outer *= loops[first + k, 2]
        out[0], out[1], out[2] = groups * words * visits, children * words * visits, 0.0
        return

    states = 2 + 2 * outside  # 0, 1: nothing is remembered; 2 + 2 i, 3 + 2 i: that it moved as loop i moves it
    asked, came, lent = np.zeros(states), np.zeros(states), np.zeros(states)
    after = np.arange(states)
    new_asked, new_came, new_lent = np.zeros(states), np.zeros(states), np.zeros(states)
    new_after = np.zeros(states, np.int64)
    borrowers = np.full(outside, -1)  # children that a neighbour can serve when loop k goes on; -1: not yet known
    left = np.zeros(outside, np.int64)  # groups that are read for nevertheless
    for k in range(outside):
        more = loops[first + k, 2] - 1
        for state in range(states):
            before = after[state]
            # one step of loop k from `before`
            remembered, had = before // 2 - 1, before % 2
            brings, to = 0, 0
            if is_always_whole:
                brings, to = words, 1
            elif same[k] < 0:
                to = before - had
            elif remembered < 0 or same[remembered] == same[k]:
                brings, to = strips[k], 3 + 2 * same[k]
            else:
                brings, to = words, 1
            step_asked, step_came, step_lent = groups * brings, children * brings, 0
            if may_lend and brings and had:
                was = words if is_always_whole or remembered < 0 else strips[remembered]
                if was == brings:  # a strip follows a strip only by the same move, and so with the same shape
                    if borrowers[k] < 0:
                        borrowers[k] = lend(places, children, width, height, keys[k], is_lent)
                        left[k] = (
                            groups_of(places, children, is_lent, scratch) if may_share else children - borrowers[k]
                        )
                    if left[k] < groups:
                        step_asked, step_lent = left[k] * brings, borrowers[k] * brings
                        step_came = (children - borrowers[k]) * brings
            new_asked[state] = asked[state] + more * (step_asked + asked[to])
            new_came[state] = came[state] + more * (step_came + came[to])
            new_lent[state] = lent[state] + more * (step_lent + lent[to])
            new_after[state] = after[to]
        asked, new_asked = new_asked, asked
        came, new_came = new_came, came
        lent, new_lent = new_lent, lent
        after, new_after = new_after, after
    out[0] = groups * words + asked[1]
    out[1] = children * words + came[1]
    out[2] = lent[1]


@njit(cache=True)
def counts_of(
    is_output: bool,
    kept: Flags,
    asked: Floats,
    came: Floats,
    lent: Floats,
    fanout: Ints,
    active: Ints,
    words: Ints,
    wide: Ints,
    skips_first: Flags,
    counts: Floats,
) -> None:
    """Write reads, fills, updates and the partition of one data space at each memory, as `counts` has them.

    asked, came, lent (level): of the children of a memory; counts (level, 4).
    """
    levels = kept.shape[0]
    outermost = levels - 1
    while not kept[outermost]:
        outermost -= 1
    partition = words[levels - 1]
    for level in range(levels - 1, -1, -1):
        if level < levels - 1:
            partition = partition * words[level] // (wide[level + 1] if wide[level + 1] else words[level])
        counts[level, 3] = partition
        counts[level, 1] = came[level + 1] / fanout[level + 1] if level < outermost else 0.0
    for level in range(levels - 1):
        if not kept[level]:
            share = asked[level] * fanout[level + 1] / came[level + 1] if came[level + 1] else 0.0
            asked[level + 1] *= share
            came[level + 1] *= share
            lent[level + 1] = 0.0
            asked[level] = 0.0
    for level in range(levels):
        if not kept[level]:
            counts[level, :] = 0.0
            continue
        peers = lent[level + 1] / active[level] if level < outermost else 0.0
        if not is_output:
            counts[level, 0] = np.floor(asked[level] + peers + 0.5)
            counts[level, 1] = np.floor(counts[level, 1] + peers)
            counts[level, 2] = 0.0
        else:
            first = counts[level, 3] if skips_first[level] else 0.0
            counts[level, 0] = np.floor(asked[level] + peers - first + 0.5)
            counts[level, 1] = np.floor(counts[level, 1] + peers - (0.0 if level == outermost else first) + 0.5)
            counts[level, 2] = np.floor(asked[level] + 0.5)


@njit(cache=True)
def _of_space(
    machine: Machine,
    spatial: Ints,
    kept: Flags,
    work: Work,
    in_time: int,
    in_space: int,
    space: int,
    cycles: int,
    counts: Floats,
) -> None:
    coefficients, place_values = machine.coefficients[space], machine.place_values[space]
    levels, dims = work.tiles.shape
    first = 0
    for level in range(levels):
        while first < in_time and work.loops[first, 0] < level:
            first += 1
        children = work.fanout[level]
        work.child_words[level] = words_of(coefficients, work.wide[level]) if children > 1 else 0
        if level == 0 and children == 1:
            work.asked[0], work.came[0], work.lent[0] = cycles, cycles, 0
            continue
        child_places(coefficients, place_values, work.arrays, in_space, level, work.places)
        for rank in range(coefficients.shape[0]):
            length = 1
            if level:
                for dim in range(dims):
                    length += abs(coefficients[rank, dim]) * (work.tiles[level - 1, dim] - 1)
            work.extents[rank] = length
        x = y = 1
        for dim in range(dims):
            x *= spatial[level, 0, dim]
            y *= spatial[level, 1, dim]
        traffic_of(
            coefficients,
            place_values,
            work.loops,
            in_time,
            first,
            work.extents,
            level == 0 or machine.is_whole[level - 1, space],
            work.places,
            children,
            max(x, machine.grid[level, 0]),
            max(y, machine.grid[level, 1]),
            machine.shares[level, space],
            children > 1 and machine.lends[level, space],
            work.out,
        )
        work.asked[level], work.came[level], work.lent[level] = work.out[0], work.out[1], work.out[2]
    counts_of(
        machine.is_output[space],
        kept[space],
        work.asked,
        work.came,
        work.lent,
        work.fanout,
        work.active,
        work.words[space],
        work.child_words,
        machine.skips_first[:, space],
        counts,
    )


@njit(cache=True)
def _priced(machine: Machine, kept: Flags, work: Work, counts: Floats, cycles: int, units: int) -> tuple[float, float]:
    """Cycles and picojoules of an activity, as `costs` has them."""
    spaces, levels = kept.shape
    slowest = cycles
    energy_pj = cycles * units * machine.mac_pj
    for level in range(levels):
        read = write = access_pj = 0.0
        for space in range(spaces):
            reads, fills, updates = counts[space, level, 0], counts[space, level, 1], counts[space, level, 2]
            read += reads / cycles * machine.scale[level, space]
            write += (fills + updates) / cycles * machine.scale[level, space]
            block = machine.block[level]
            access_pj += np.ceil(reads / block) * machine.energy_pj[level, 0]
            access_pj += np.ceil(fills / block) * machine.energy_pj[level, 1]
            access_pj += np.ceil(updates / block) * machine.energy_pj[level, 2]
        energy_pj += access_pj * min(work.active[level], machine.clusters[level])
        slowdown = 1.0
        limits = machine.limits[level]
        if limits[0] < read:
            slowdown = min(slowdown, limits[0] / read)
        if limits[1] < write:
            slowdown = min(slowdown, limits[1] / write)
        if limits[2] < read + write:
            slowdown = min(slowdown, limits[2] / (read + write))
        slowest = max(slowest, int(np.ceil(cycles / slowdown)))
    slowest += int(np.ceil(machine.latency))
    for level in range(levels):
        leaking = work.active[machine.leaks_with[level]] * machine.leaks_each[level]
        energy_pj += machine.energy_pj[level, 3] * slowest * leaking
    return float(slowest), energy_pj


@njit(cache=True)
def evaluated(
    machine: Machine,
    temporal: Ints,
    order: Ints,
    spatial: Ints,
    spatial_order: Ints,
    kept: Flags,
    work: Work,
    counts: Floats,
    totals: Floats,
) -> int:
    """Write the counts (space, level, 4) of a mapping, and its cycles and energy. -> 0, or 1 + the memory it does not fit."""
    spaces, levels = kept.shape
    in_time, in_space = flattened(
        temporal, order, spatial, spatial_order, work.loops, work.arrays, work.tiles, work.wide
    )
    for space in range(spaces):
        for level in range(levels):
            work.words[space, level] = words_of(machine.coefficients[space], work.tiles[level])
    for level in range(levels):
        if machine.room[level] >= 0:
            needed = 0
            for space in range(spaces):
                if kept[space, level]:
                    needed += work.words[space, level]
            if needed > machine.room[level] or needed < machine.least[level]:
                return 1 + level
    cycles = 1
    for loop in range(in_time):
        cycles *= work.loops[loop, 2]
    places = 1
    for level in range(levels - 1, -1, -1):
        work.active[level] = places
        work.fanout[level] = 1
        for axis in range(2):
            for dim in range(temporal.shape[1]):
                work.fanout[level] *= spatial[level, axis, dim]
        places *= work.fanout[level]
    for space in range(spaces):
        _of_space(machine, spatial, kept, work, in_time, in_space, space, cycles, counts[space])
    totals[0], totals[1] = _priced(machine, kept, work, counts, cycles, places)
    return 0


@njit(cache=True)
def all_evaluated(
    machine: Machine,
    temporal: Ints,
    order: Ints,
    spatial: Ints,
    spatial_order: Ints,
    kept: Flags,
    work: Work,
    counts: Floats,
    words: Ints,
    totals: Floats,
    misfits: Ints,
) -> None:
    """`evaluated` of each of many mappings, along the first axis of all but machine and work."""
    for at in range(temporal.shape[0]):
        misfits[at] = evaluated(
            machine, temporal[at], order[at], spatial[at], spatial_order[at], kept[at], work, counts[at], totals[at]
        )
        words[at] = work.words
