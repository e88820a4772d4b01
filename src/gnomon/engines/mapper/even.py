"""What moves under a mapping whose parts divide their dimensions, in polynomial time, compiled.

A walk visits a tile by the ruler sequence of the loops outside of it: when loop k goes on, all inside of it begin again, and
the tile moves by D(k) = stride(k) - sum of stride(i) for i < k, for each of those was left at its second iteration. What the
tile then brings depends on D(k) and on what is remembered: nothing, or one of the D. So a loop nest is a function from what is
remembered to what is brought and what is then remembered, and that of k + 1 loops is put together from that of k:

    G(k + 1, s) = G(k, s) + (count - 1) (step(k, s') + G(k, s''))

Beside what is remembered a state says whether the last visit brought anything, because neighbours can only lend that.
`movement` is the definition of these functions. [see `compiled` on the files]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import compiled, inner_making_arrays
from gnomon.engines.mapper.compiled import Flags, Ints, Machine, Moved


class Loops(NamedTuple):
    """The loops of more than one iteration, the innermost first."""

    level: Ints  # (loop)
    dim: Ints
    iterations: Ints
    stride: Ints  # of its dimension


class Nest(NamedTuple):
    """The loops of one mapping and the extents of its tiles."""

    in_time: Loops
    in_space: Loops
    tiles: Ints  # (level, dim)
    children: Ints  # (level, dim): of the tiles of all children


class Moves(NamedTuple):
    """How a tile moves when a loop outside of it goes on."""

    by: Ints  # (loop): as one number
    alike: Ints  # (loop): the first loop by which it moves alike; -1: it stays
    strips: Ints  # (loop): words that it brings when it moved so before


class Children(NamedTuple):
    """The children of a memory, and how they get the words of one data space."""

    places: Ints  # (child): where it finds its words, as one number
    width: int  # of their grid
    height: int
    shares: bool  # those that need the same have it from one read
    groups: int  # such reads


@compiled
def all_moved(
    machine: Machine,
    temporal: Ints,
    order: Ints,
    spatial: Ints,
    spatial_order: Ints,
    kept: Flags,
    which: Ints,
    moved: Moved,
) -> None:
    """Write what moves under these ones of many mappings.

    temporal (mapping, level, dim), order (mapping, level, place) -> dim; spatial (mapping, level, axis, dim) and its order
    likewise; kept (mapping, space, level).
    """
    levels, dims = temporal.shape[1:]
    nest = Nest(
        _no_loops(levels * dims),
        _no_loops(2 * levels * dims),
        np.ones((levels, dims), np.int64),
        np.ones((levels, dims), np.int64),
    )
    for at in which:
        in_time, in_space = _flattened(temporal[at], order[at], spatial[at], spatial_order[at], nest)
        for space in range(kept.shape[1]):
            for level in range(levels):
                moved.words[at, space, level] = _words(machine.coefficients[space], nest.tiles[level])
        moved.fits[at] = _fits(machine, kept[at], moved.words[at])
        if moved.fits[at]:
            _set_instances(nest, in_time, in_space, at, moved)
            for space in range(kept.shape[1]):
                _of_space(machine, spatial[at], nest, in_time, in_space, at, space, moved)


@inner_making_arrays
def _no_loops(most: int) -> Loops:
    return Loops(np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64))


@inner_making_arrays
def _flattened(temporal: Ints, order: Ints, spatial: Ints, spatial_order: Ints, nest: Nest) -> tuple[int, int]:
    """Write the loops and the extents at each memory. -> how many loops there are in time and in space."""
    levels, dims = temporal.shape
    reach = np.ones(dims, np.int64)
    in_time = in_space = 0
    for level in range(levels):
        for axis in range(2):
            for place in range(dims):
                dim = spatial_order[level, axis, place]
                count = spatial[level, axis, dim]
                if count > 1:
                    _set(nest.in_space, in_space, level, dim, count, reach[dim])
                    reach[dim] *= count
                    in_space += 1
        nest.children[level] = reach
        for place in range(dims):
            dim = order[level, place]
            count = temporal[level, dim]
            if count > 1:
                _set(nest.in_time, in_time, level, dim, count, reach[dim])
                reach[dim] *= count
                in_time += 1
        nest.tiles[level] = reach
    return in_time, in_space


@inner_making_arrays
def _set(loops: Loops, at: int, level: int, dim: int, count: int, stride: int) -> None:
    loops.level[at], loops.dim[at], loops.iterations[at], loops.stride[at] = level, dim, count, stride


@inner_making_arrays
def _set_instances(nest: Nest, in_time: int, in_space: int, at: int, moved: Moved) -> None:
    """Write what is at work, and for how long."""
    for level in range(nest.tiles.shape[0]):
        moved.fanout[at, level] = 1
    for loop in range(in_space):
        moved.fanout[at, nest.in_space.level[loop]] *= nest.in_space.iterations[loop]
    places = 1
    for level in range(nest.tiles.shape[0] - 1, -1, -1):
        moved.places[at, level] = moved.active[at, level] = places
        places *= moved.fanout[at, level]
    cycles = 1
    for loop in range(in_time):
        cycles *= nest.in_time.iterations[loop]
    moved.cycles[at], moved.macs[at] = cycles, cycles * places


@inner_making_arrays
def _words(coefficients: Ints, extents: Ints) -> int:
    """Words of the box of one data space; coefficients (rank, dim)."""
    product = 1
    for rank in range(coefficients.shape[0]):
        product *= _length(coefficients[rank], extents)
    return product


@inner_making_arrays
def _length(coefficients: Ints, extents: Ints) -> int:
    length = 1
    for dim in range(extents.shape[0]):
        length += abs(coefficients[dim]) * (extents[dim] - 1)
    return length


@inner_making_arrays
def _fits(machine: Machine, kept: Flags, words: Ints) -> bool:
    for level in range(kept.shape[1]):
        if machine.room_words[level] >= 0:
            needed = 0
            for space in range(kept.shape[0]):
                if kept[space, level]:
                    needed += words[space, level]
            if needed > machine.room_words[level] or needed < machine.least_words[level]:
                return False
    return True


@inner_making_arrays
def _of_space(
    machine: Machine, spatial: Ints, nest: Nest, in_time: int, in_space: int, at: int, space: int, moved: Moved
) -> None:
    """Write what the children of each memory ask of it."""
    coefficients, place_values = machine.coefficients[space], machine.place_values[space]
    extents = np.ones(coefficients.shape[0], np.int64)
    first = 0  # loop in time outside of the tile of a child
    for level in range(spatial.shape[0]):
        while first < in_time and nest.in_time.level[first] < level:
            first += 1
        count = moved.fanout[at, level]
        if level == 0 and count == 1:
            moved.asked[at, space, 0] = moved.came[at, space, 0] = moved.cycles[at]
            continue
        if level:
            for rank in range(extents.shape[0]):
                extents[rank] = _length(coefficients[rank], nest.tiles[level - 1])
        moved.child_words[at, space, level] = _words(coefficients, nest.children[level]) if count > 1 else 0
        places = _places(coefficients, place_values, nest.in_space, in_space, level, count)
        children = Children(
            places,
            max(_product(spatial[level, 0]), machine.grid[level, 0]),
            max(_product(spatial[level, 1]), machine.grid[level, 1]),
            machine.shares[level, space],
            _groups(places, np.zeros(count, np.bool_)) if count > 1 and machine.shares[level, space] else count,
        )
        moves = _moves(coefficients, place_values, nest.in_time, first, in_time, extents)
        asked, came, lent = _traffic(
            moves,
            nest.in_time.iterations[first:in_time],
            _product(extents),
            level == 0 or machine.is_whole[level - 1, space],
            children,
            count > 1 and machine.lends[level, space],
        )
        moved.asked[at, space, level], moved.came[at, space, level], moved.lent[at, space, level] = asked, came, lent


@inner_making_arrays
def _product(counts: Ints) -> int:
    product = 1
    for count in counts:
        product *= count
    return product


@inner_making_arrays
def _places(coefficients: Ints, place_values: Ints, loops: Loops, in_space: int, level: int, count: int) -> Ints:
    """Where each child of a memory finds its words, in the order of children."""
    places = np.zeros(count, np.int64)
    children = 1
    for loop in range(in_space):
        if loops.level[loop] != level:
            continue
        key = 0
        for rank in range(coefficients.shape[0]):
            key += coefficients[rank, loops.dim[loop]] * loops.stride[loop] * place_values[rank]
        for step in range(loops.iterations[loop] - 1, -1, -1):  # a loop further out is slower
            for child in range(children):
                places[step * children + child] = places[child] + step * key
        children *= loops.iterations[loop]
    return places


@inner_making_arrays
def _groups(places: Ints, is_lent: Flags) -> int:
    """How many different places there are among the children that are not lent their words."""
    asking = np.empty(places.shape[0], np.int64)
    count = 0
    for child in range(places.shape[0]):
        if not is_lent[child]:
            asking[count] = places[child]
            count += 1
    if count == 0:
        return 0
    found = np.sort(asking[:count])
    groups = 1
    for at in range(1, count):
        if found[at] != found[at - 1]:
            groups += 1
    return groups


@inner_making_arrays
def _moves(coefficients: Ints, place_values: Ints, loops: Loops, first: int, in_time: int, extents: Ints) -> Moves:
    """How a tile of these extents (rank) moves by each loop from the first on."""
    ranks, outside = extents.shape[0], in_time - first
    moves = Moves(np.zeros(outside, np.int64), np.full(outside, -1), np.zeros(outside, np.int64))
    inside = np.zeros(ranks, np.int64)
    words = _product(extents)
    for k in range(outside):
        dim, stride = loops.dim[first + k], loops.stride[first + k]
        common, is_moving = 1, False
        for rank in range(ranks):
            further = coefficients[rank, dim] * stride
            by = further - inside[rank]
            inside[rank] += further
            moves.by[k] += by * place_values[rank]
            is_moving |= by != 0
            common *= max(extents[rank] - abs(by), 0)
        if is_moving:
            moves.strips[k] = words - common
            moves.alike[k] = k
            for other in range(k):
                if moves.alike[other] == other and moves.by[other] == moves.by[k]:
                    moves.alike[k] = other
                    break
    return moves


@inner_making_arrays
def _traffic(
    moves: Moves, counts: Ints, words: int, is_always_whole: bool, children: Children, may_lend: bool
) -> tuple[float, float, float]:
    """What the children of a memory ask of it in the whole nest: words read, words that arrive, words lent.

    counts (loop): iterations of the loops outside of the tile of a child, whose words are given.
    """
    has_strips = False
    for k in range(counts.shape[0]):
        has_strips |= moves.alike[k] >= 0 and moves.strips[k] < words
    may_lend = may_lend and _can_lend(children, moves.by)
    if may_lend or (has_strips and not is_always_whole):
        return _nested(moves, counts, words, is_always_whole, children, may_lend)
    visits = outer = 1  # every visit that brings anything brings all
    for k in range(counts.shape[0] - 1, -1, -1):
        if is_always_whole or moves.alike[k] >= 0:
            visits += (counts[k] - 1) * outer
        outer *= counts[k]
    brought = float(words * visits)
    return children.groups * brought, children.places.shape[0] * brought, 0.0


@inner_making_arrays
def _nested(
    moves: Moves, counts: Ints, words: int, is_always_whole: bool, children: Children, may_lend: bool
) -> tuple[float, float, float]:
    """The same from the loops put together, the innermost first."""
    outside, present, groups = counts.shape[0], children.places.shape[0], children.groups
    alike, strips = moves.alike, moves.strips
    states = 2 + 2 * outside  # 0, 1: nothing is remembered; 2 + 2 i, 3 + 2 i: that it moved as loop i moves it
    asked, came, lent = np.zeros(states), np.zeros(states), np.zeros(states)
    after = np.arange(states)
    new_asked, new_came, new_lent = np.zeros(states), np.zeros(states), np.zeros(states)
    new_after = np.zeros(states, np.int64)
    is_lent = np.zeros(present, np.bool_)
    for k in range(outside):
        more = counts[k] - 1
        left = borrowers = -1  # not yet known
        for state in range(states):
            before = after[state]
            brings, to = _step(alike[k], strips[k], before, words, is_always_whole)
            reads, owners, guests = groups, present, 0
            # A strip follows a strip only by the same move, and so with the same shape.
            brought = words if is_always_whole or before < 2 else strips[before // 2 - 1]
            if may_lend and before % 2 and brings and brings == brought:
                if left < 0:
                    borrowers = _lend(children, moves.by[k], is_lent)
                    left = _groups(children.places, is_lent) if children.shares else present - borrowers
                if left < groups:
                    reads, owners, guests = left, present - borrowers, borrowers
            new_asked[state] = asked[state] + more * (reads * brings + asked[to])
            new_came[state] = came[state] + more * (owners * brings + came[to])
            new_lent[state] = lent[state] + more * (guests * brings + lent[to])
            new_after[state] = after[to]
        asked, new_asked = new_asked, asked
        came, new_came = new_came, came
        lent, new_lent = new_lent, lent
        after, new_after = new_after, after
    return groups * words + asked[1], present * words + came[1], lent[1]


@inner_making_arrays
def _step(alike: int, strip: int, state: int, words: int, is_always_whole: bool) -> tuple[int, int]:
    """Words that a tile brings when a loop goes on by which it moves like this one, and the state after it."""
    if is_always_whole:
        return words, 1
    if alike < 0:
        return 0, state - state % 2
    if state < 2 or state // 2 - 1 == alike:
        return strip, 3 + 2 * alike
    return words, 1


@inner_making_arrays
def _lend(children: Children, by: int, is_lent: Flags) -> int:
    """Mark the children whose words a neighbour had in the visit before, when all moved by so much. -> how many."""
    places, width, height, found = children.places, children.width, children.height, 0
    for child in range(places.shape[0]):
        x, y = child % width, child // width
        wanted = places[child] + by
        is_lent[child] = (
            (x > 0 and places[child - 1] == wanted)
            or (x + 1 < width and child + 1 < places.shape[0] and places[child + 1] == wanted)
            or (y > 0 and places[child - width] == wanted)
            or (y + 1 < height and child + width < places.shape[0] and places[child + width] == wanted)
        )
        found += is_lent[child]
    return found


@inner_making_arrays
def _can_lend(children: Children, moves: Ints) -> bool:
    """Whether any of some moves of a tile is the way from a child to its neighbour, there or back."""
    places, width = children.places, children.width
    for child in range(places.shape[0]):
        for axis in range(2):
            other = child + (width if axis else 1)
            if other >= places.shape[0] or (axis == 0 and other % width == 0):
                continue
            between = places[other] - places[child]
            for by in moves:
                if by == between or by == -between:
                    return True
    return False
