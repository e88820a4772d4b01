"""What moves under a mapping whose parts do not divide its dimensions, compiled.

The last pass of all of such a dimension is another one: fewer iterations, smaller tiles, fewer children, and its last iterations
are walked too. So what a pass of loop k does depends on the set E of dimensions that it is the last pass of, beside what is
remembered when it begins, s. Each such pair is worked out once, from passes of the loop inside and the steps between them:

    G(k, E, s) = G(k - 1, E(0), s) + sum over the further iterations i that are walked of
                 n(i) (step(k, E, i, s') + G(k - 1, E(i), s''))

n(i) are the iterations that i stands for, E(i) what of E is left inside of it. What is remembered is how the tile moved last and,
where neighbours lend, what was brought last. `movement` is the definition of all this. [see `compiled` on the files]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import compiled, inner_making_arrays
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, Machine, Moved

_WALKED = 4  # iterations of a loop that are walked, at most
_NOWHERE = -(2**62)  # where a child that is not there finds its words
# Columns of Layout.steps: the iterations that are walked of each pass
_MOVE, _STRIP_WORDS, _STRIP, _LEAF, _SHIFT = range(5)
# Columns of Layout.leaves
_WORDS, _WHOLE, _CHILDREN, _GROUPS = range(4)
# Columns of Memo.entries
_NEXT, _STATE, _AFTER = range(3)
# Columns of Open.frames
_PASS, _AT, _BEGUN, _NOW, _READ, _ARRIVED, _BORROWED = range(7)
# Columns of Memo.borrowed
_FROM, _TO, _BY, _LEFT, _BORROWERS = range(5)
_PAIRS = 64  # rows of Memo.borrowed


class Nest(NamedTuple):
    """The loops in time of one mapping, the innermost first, and its tiles, also as they are in the last pass of all.

    A set of dimensions is a number of bits, one for each dimension whose parts do not divide it.
    """

    bits: Ints  # (dim): the set of this one alone
    every: int  # the set of all
    level: Ints  # (loop)
    dim: Ints
    iterations: Ints
    last: Ints
    stride: Ints
    is_uneven: Flags  # (loop): one further inside is another in the last pass
    affected: Ints  # (loop): dimensions for which it or one further inside is another in the last pass
    affected_at: Ints  # (level): the same of its children and of all inside of them
    beside: Ints  # (level): dimensions whose last pass only children beside the first see
    tiles: Ints  # (level, dim): extents
    last_tiles: Ints
    children: Ints  # (level, dim): extents of the tiles of all children
    last_children: Ints


class Passes(NamedTuple):
    """All passes that differ, those of the outermost loop first, and the iterations that are walked of each."""

    ends: Ints  # (loop): after its last pass
    steps: Ints  # (pass): iterations that are walked
    at: Ints  # (pass, step): which iteration
    stands_for: Ints  # (pass, step): iterations
    is_repeat: Flags  # (pass, step): it asks for what the step before it asked for
    last_of: Ints  # (pass, step): dimensions that all loops from here outwards end
    inner: Ints  # (pass, step): the pass of the loop inside


class Leaves(NamedTuple):
    """The visits of the tile of one child that differ, by the dimensions that are ended outside."""

    ended: Ints  # (leaf): dimensions
    first_loop: int  # the first outside
    passes: int  # of the loops outside
    at: Ints  # (pass, step): that of the step, where no loop is further inside
    first: Ints  # (pass): that of its first visit
    final: Ints  # (pass)
    start: int  # that of the first visit of all


class Tile(NamedTuple):
    """One data space in the tiles of the children of one memory, by the kinds of visits."""

    coefficients: Ints  # (rank, dim)
    values: Ints  # (rank): of a rank in the one number that stands for a place
    lows: Ints  # (leaf, rank): its ends, from the place of its first loop indices
    highs: Ints
    leaves: Ints  # (leaf, column)
    strips: (
        Ints  # (strip, column): what a visit brings: sizes and place in the tile, leaf; the first of them is nothing
    )
    moves: Ints  # as one number; the first of them is none
    sizes: Ints  # (2): moves and strips that are known
    lends: bool


class Layout(NamedTuple):
    """The same with its steps, as a walk needs it."""

    steps: Ints  # (pass, step, column): what is brought when the tile moves there from the step before
    leaves: Ints  # (leaf, column): words, the strip that is all of them, children and reads that serve all of those
    strips: Ints  # (strip, column)
    places: Ints  # (leaf, child): where it finds its words, as one number
    moves: int  # that are told apart, with none
    innermost: int  # the first pass that has no loop inside
    is_alone: bool  # the only child
    is_always_whole: bool
    width: int  # of the grid of children
    height: int
    shares: bool  # children that need the same have it from one read
    lends: bool


class Memo(NamedTuple):
    """What was worked out."""

    heads: Ints  # (pass): its latest entry; -1: none
    entries: Ints  # (entry, column): the one before of the same pass, what is remembered before and after
    sums: Floats  # (entry, 3): words read, words that arrive, words lent
    size: Ints  # (2): entries, pairs
    borrowed: Ints  # (pair, column): what neighbours can lend from one leaf to another


class Open(NamedTuple):
    """The passes that are being worked out, one in another."""

    frames: Ints  # (depth, column): pass, step, what was and is remembered, what the visit of the step asked for
    sums: Floats  # (depth, 3): as in Memo


@compiled
def all_moved(
    machine: Machine,
    temporal: Ints,
    temporal_last: Ints,
    order: Ints,
    spatial: Ints,
    spatial_last: Ints,
    spatial_order: Ints,
    kept: Flags,
    which: Ints,
    moved: Moved,
) -> None:
    """Write what moves under these ones of many mappings; shapes as in `coded.Coded`."""
    for at in which:
        nest = _nest(temporal[at], temporal_last[at], order[at], spatial[at], spatial_last[at], spatial_order[at])
        _set_sizes(machine, nest, spatial[at], at, moved)
        moved.fits[at] = _fits(machine, kept[at], moved.words[at])
        if not moved.fits[at]:
            continue
        units = _set_instances(
            temporal[at], temporal_last[at], spatial[at], spatial_last[at], spatial_order[at], at, moved
        )
        passes = _passes(nest)
        for level in range(kept.shape[2]):
            loops = _over_children(spatial[at, level], spatial_last[at, level], spatial_order[at, level])
            leaves = _leaves(nest, passes, level)
            if level == 0:
                visits, unit_macs = _unit_work(nest, passes, leaves, loops)
                moved.macs[at] = int(unit_macs * units)
            for space in range(kept.shape[1]):
                if level == 0 and loops.shape[0] == 0:
                    moved.asked[at, space, 0] = moved.came[at, space, 0] = visits
                    continue
                layout = _layout(machine, nest, passes, leaves, loops, level, space)
                asked, came, lent = _walked(passes, leaves, layout)
                moved.asked[at, space, level], moved.came[at, space, level] = asked, came
                moved.lent[at, space, level] = lent


# -- the loops ---------------------------------------------------------------------------------------------------------


@inner_making_arrays
def _nest(
    temporal: Ints, temporal_last: Ints, order: Ints, spatial: Ints, spatial_last: Ints, spatial_order: Ints
) -> Nest:
    levels, dims = temporal.shape
    affected = at = 0
    nest = _empty_nest(temporal, temporal_last, spatial, spatial_last)
    reach, last_reach = np.ones(dims, np.int64), np.ones(dims, np.int64)
    for level in range(levels):
        for axis in range(2):
            for dim in spatial_order[level, axis]:
                count, last = spatial[level, axis, dim], spatial_last[level, axis, dim]
                if count > 1:
                    affected |= nest.bits[dim] if count != last else 0
                    nest.beside[level] |= nest.bits[dim] if last > 1 else 0
                    last_reach[dim] += reach[dim] * (last - 1)
                    reach[dim] *= count
        _copy(reach, nest.children[level])
        _copy(last_reach, nest.last_children[level])
        nest.affected_at[level] = affected
        for dim in order[level]:
            count, last = temporal[level, dim], temporal_last[level, dim]
            if count > 1:
                nest.level[at], nest.dim[at], nest.iterations[at], nest.last[at] = level, dim, count, last
                nest.stride[at] = reach[dim]
                nest.is_uneven[at] = (affected & nest.bits[dim]) != 0
                affected |= nest.bits[dim] if count != last else 0
                nest.affected[at] = affected
                last_reach[dim] += reach[dim] * (last - 1)
                reach[dim] *= count
                at += 1
        _copy(reach, nest.tiles[level])
        _copy(last_reach, nest.last_tiles[level])
    return nest


@inner_making_arrays
def _copy(numbers: Ints, to: Ints) -> None:
    for at in range(numbers.shape[0]):
        to[at] = numbers[at]


@inner_making_arrays
def _empty_nest(temporal: Ints, temporal_last: Ints, spatial: Ints, spatial_last: Ints) -> Nest:
    """Which dimensions have parts that do not divide them, and room for the rest."""
    levels, dims = temporal.shape
    bits, bit, loops = np.zeros(dims, np.int64), 1, 0
    for dim in range(dims):
        is_even = True
        for level in range(levels):
            is_even &= temporal[level, dim] == temporal_last[level, dim]
            for axis in range(2):
                is_even &= spatial[level, axis, dim] == spatial_last[level, axis, dim]
            loops += temporal[level, dim] > 1
        if not is_even:
            bits[dim] = bit
            bit *= 2
    of_loops, of_levels = np.zeros((6, loops), np.int64), np.zeros((2, levels), np.int64)
    sizes = np.zeros((4, levels, dims), np.int64)
    return Nest(
        bits,
        bit - 1,
        of_loops[0],
        of_loops[1],
        of_loops[2],
        of_loops[3],
        of_loops[4],
        np.zeros(loops, np.bool_),
        of_loops[5],
        of_levels[0],
        of_levels[1],
        sizes[0],
        sizes[1],
        sizes[2],
        sizes[3],
    )


@inner_making_arrays
def _not_beside(nest: Nest, outer: int, inner: int) -> int:
    """The dimensions whose last pass the first child of each of these memories sees, down to but without the inner one."""
    left = nest.every
    for level in range(outer, inner, -1):
        left &= ~nest.beside[level]
    return left


@inner_making_arrays
def _passes(nest: Nest) -> Passes:
    loops, most = nest.level.shape[0], 0
    for loop in range(loops):
        kinds = 1
        for bit in nest.bits:
            kinds *= 2 if nest.affected[loop] & bit else 1
        most += kinds
    passes = Passes(
        np.zeros(loops, np.int64),
        np.zeros(most, np.int64),
        np.zeros((most, _WALKED), np.int64),
        np.zeros((most, _WALKED), np.int64),
        np.zeros((most, _WALKED), np.bool_),
        np.zeros((most, _WALKED), np.int64),
        np.zeros((most, _WALKED), np.int64),
    )
    if loops == 0:
        return passes
    ended, known = np.zeros(most, np.int64), np.zeros(nest.every + 1, np.int64)
    ended[0] = _not_beside(nest, nest.tiles.shape[0] - 1, nest.level[loops - 1]) & nest.affected[loops - 1]
    begin, end, size = 0, 1, 1
    for loop in range(loops - 1, -1, -1):
        passes.ends[loop] = end
        known[:] = -1
        for one in range(begin, end):
            _walk(nest, loop, ended[one], one, passes)
            if loop == 0:
                continue
            seen = _not_beside(nest, nest.level[loop], nest.level[loop - 1]) & nest.affected[loop - 1]
            for step in range(passes.steps[one]):
                inside = passes.last_of[one, step] & seen
                if known[inside] < 0:
                    known[inside], ended[size] = size, inside
                    size += 1
                passes.inner[one, step] = known[inside]
        begin, end = end, size
    return passes


@inner_making_arrays
def _walk(nest: Nest, loop: int, ended: int, one: int, passes: Passes) -> None:
    """Write the iterations of a loop that are walked in a pass that ends these dimensions."""
    bit = nest.bits[nest.dim[loop]]
    is_last = (ended & bit) != 0
    count = nest.last[loop] if is_last else nest.iterations[loop]
    walks_last = is_last and nest.is_uneven[loop]
    walks_two = walks_last and nest.iterations[loop] != nest.last[loop]
    _add_step(passes, one, 0, 1, False)
    further = count - 1 - ((2 if walks_two else 1) if walks_last else 0)
    if further > 0:
        _add_step(passes, one, 1, further, False)
    if walks_two and count >= 3:
        _add_step(passes, one, count - 2, 1, count >= 4)
    if walks_last and count >= 2:
        _add_step(passes, one, count - 1, 1, not walks_two and count >= 3)
    for step in range(passes.steps[one]):
        ends = passes.at[one, step] == count - 1
        passes.last_of[one, step] = ended if ends else ended & ~bit


@inner_making_arrays
def _add_step(passes: Passes, one: int, index: int, stands_for: int, is_repeat: bool) -> None:
    at = passes.steps[one]
    passes.at[one, at], passes.stands_for[one, at], passes.is_repeat[one, at] = index, stands_for, is_repeat
    passes.steps[one] += 1


@inner_making_arrays
def _leaves(nest: Nest, passes: Passes, level: int) -> Leaves:
    """Those of the tile inside of a memory's children."""
    loops = nest.level.shape[0]
    first_loop = 0
    while first_loop < loops and nest.level[first_loop] < level:
        first_loop += 1
    count = passes.ends[first_loop] if first_loop < loops else 0
    ended, known, size = np.zeros(nest.every + 1, np.int64), np.full(nest.every + 1, -1), 0
    at, first, final = np.zeros((count, _WALKED), np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    if count == 0:
        ended[0] = _not_beside(nest, nest.tiles.shape[0] - 1, level) & nest.affected_at[level]
        return Leaves(ended[:1], first_loop, 0, at, first, final, 0)
    begin = passes.ends[first_loop + 1] if first_loop + 1 < loops else 0
    seen = _not_beside(nest, nest.level[first_loop], level) & nest.affected_at[level]
    for one in range(begin, count):
        for step in range(passes.steps[one]):
            inside = passes.last_of[one, step] & seen
            if known[inside] < 0:
                known[inside], ended[size] = size, inside
                size += 1
            at[one, step] = known[inside]
        first[one], final[one] = at[one, 0], at[one, passes.steps[one] - 1]
    for one in range(begin - 1, -1, -1):
        first[one] = first[passes.inner[one, 0]]
        final[one] = final[passes.inner[one, passes.steps[one] - 1]]
    return Leaves(ended[:size], first_loop, count, at, first, final, first[0])


# -- sizes and instances -----------------------------------------------------------------------------------------------


@inner_making_arrays
def _set_sizes(machine: Machine, nest: Nest, spatial: Ints, at: int, moved: Moved) -> None:
    """Write the words of tiles and how many children there are: at the first visit, for no other has more."""
    ended, loop = nest.every, nest.level.shape[0] - 1
    spaces, ranks = machine.coefficients.shape[:2]
    lows, highs = np.zeros(ranks, np.int64), np.zeros(ranks, np.int64)
    for level in range(nest.tiles.shape[0] - 1, -1, -1):
        moved.fanout[at, level] = _product(spatial[level, 0]) * _product(spatial[level, 1])
        for space in range(spaces):
            coefficients, tiles = machine.coefficients[space], nest.tiles[level]
            moved.words[at, space, level] = _box(
                coefficients, tiles, nest.last_tiles[level], nest.bits, ended, lows, highs
            )
        while loop >= 0 and nest.level[loop] == level:
            if nest.last[loop] > 1:
                ended &= ~nest.bits[nest.dim[loop]]
            loop -= 1
        for space in range(spaces):
            coefficients, tiles = machine.coefficients[space], nest.children[level]
            words = _box(coefficients, tiles, nest.last_children[level], nest.bits, ended, lows, highs)
            moved.child_words[at, space, level] = words if moved.fanout[at, level] > 1 else 0
        ended &= ~nest.beside[level]


@inner_making_arrays
def _product(counts: Ints) -> int:
    product = 1
    for count in counts:
        product *= count
    return product


@inner_making_arrays
def _box(coefficients: Ints, extents: Ints, last_extents: Ints, bits: Ints, ended: int, lows: Ints, highs: Ints) -> int:
    """Write the ends of a tile's words (rank) from the place of its first loop indices. -> words."""
    words = 1
    for rank in range(lows.shape[0]):
        lows[rank] = highs[rank] = 0
        for dim in range(extents.shape[0]):
            factor = coefficients[rank, dim]
            if factor:
                far = factor * ((last_extents[dim] if bits[dim] & ended else extents[dim]) - 1)
                if far > 0:
                    highs[rank] += far
                else:
                    lows[rank] += far
        words *= highs[rank] - lows[rank] + 1
    return words


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
def _set_instances(
    temporal: Ints, temporal_last: Ints, spatial: Ints, spatial_last: Ints, spatial_order: Ints, at: int, moved: Moved
) -> int:
    """Write the instances that are mapped and those at work on average, and the cycles of the units. -> units at work."""
    levels, dims = temporal.shape
    passes, active, innermost, places, cycles = np.ones(dims), 1.0, 1.0, 1, 1
    for level in range(levels - 1, -1, -1):
        innermost = active
        moved.places[at, level], moved.active[at, level] = places, int(active)
        places *= moved.fanout[at, level]
        for dim in range(dims):
            cycles *= temporal[level, dim]
            passes[dim] = temporal_last[level, dim] + temporal[level, dim] * (passes[dim] - 1)
        for axis in range(1, -1, -1):
            for place in range(dims - 1, -1, -1):
                dim = spatial_order[level, axis, place]
                count, last, outside = spatial[level, axis, dim], spatial_last[level, axis, dim], passes[dim]
                passes[dim] = last + count * (outside - 1)
                active *= count if count == last else passes[dim] / outside
    moved.cycles[at] = cycles
    return int(innermost * moved.fanout[at, 0])


@inner_making_arrays
def _unit_work(nest: Nest, passes: Passes, leaves: Leaves, loops: Ints) -> tuple[float, float]:
    """Visits of the innermost memory's children, and the multiply-accumulates of a unit, averaged over all that ever work."""
    no_places, every = np.zeros(nest.bits.shape[0], np.int64), np.zeros(_product(loops[:, 1]), np.bool_)
    at_once = np.zeros(leaves.ended.shape[0])
    for leaf in range(at_once.shape[0]):
        places = _places(nest, loops, no_places, leaves.ended[leaf])
        for child in range(places.shape[0]):
            if places[child] != _NOWHERE:
                at_once[leaf] += 1
                every[child] = True
    workers = 0
    for works in every:
        workers += int(works)
    visits, work = np.zeros(leaves.passes), np.zeros(leaves.passes)
    for one in range(leaves.passes - 1, -1, -1):
        for step in range(passes.steps[one]):
            times = passes.stands_for[one, step]
            if one >= _innermost(passes, leaves):
                visits[one] += times
                work[one] += times * at_once[leaves.at[one, step]]
            else:
                visits[one] += times * visits[passes.inner[one, step]]
                work[one] += times * work[passes.inner[one, step]]
    if leaves.passes == 0:
        return 1.0, at_once[0] / workers
    return visits[0], work[0] / workers


@inner_making_arrays
def _innermost(passes: Passes, leaves: Leaves) -> int:
    """The first pass outside of a tile that has no other inside."""
    outer = leaves.first_loop + 1
    return passes.ends[outer] if outer < passes.ends.shape[0] else 0


# -- children ----------------------------------------------------------------------------------------------------------


@inner_making_arrays
def _over_children(spatial: Ints, spatial_last: Ints, spatial_order: Ints) -> Ints:
    """The loops over the children of a memory, the innermost first: dimension, count, last, axis."""
    loops, size = np.zeros((spatial.shape[0] * spatial.shape[1], 4), np.int64), 0
    for axis in range(2):
        for dim in spatial_order[axis]:
            if spatial[axis, dim] > 1:
                loops[size, 0], loops[size, 1] = dim, spatial[axis, dim]
                loops[size, 2], loops[size, 3] = spatial_last[axis, dim], axis
                size += 1
    return loops[:size]


@inner_making_arrays
def _places(nest: Nest, loops: Ints, strides: Ints, ended: int) -> Ints:
    """Where each child finds its words, by number of the child, as `movement` numbers them; strides (loop)."""
    size = 1
    most = _product(loops[:, 1])
    numbers, places, ends = np.zeros(most, np.int64), np.zeros(most, np.int64), np.full(most, ended)
    for loop in range(loops.shape[0] - 1, -1, -1):
        bit, to = nest.bits[loops[loop, 0]], most
        for one in range(size - 1, -1, -1):  # from behind, for each makes way for more
            number, place, within = numbers[one], places[one], ends[one]
            count = loops[loop, 2] if within & bit else loops[loop, 1]
            for step in range(count - 1, -1, -1):
                to -= 1
                numbers[to], places[to] = number * count + step, place + step * strides[loop]
                ends[to] = within if step == count - 1 else within & ~bit
        size = most - to
        for one in range(size):
            numbers[one], places[one], ends[one] = numbers[to + one], places[to + one], ends[to + one]
    found = np.full(most, _NOWHERE)
    for one in range(size):  # where two have one number the later is meant
        found[numbers[one]] = places[one]
    return found


@inner_making_arrays
def _groups(places: Ints, is_out: Flags) -> int:
    """How many different places there are among the children that are there and not left out."""
    asking, count = np.empty(places.shape[0], np.int64), 0
    for child in range(places.shape[0]):
        if places[child] != _NOWHERE and not is_out[child]:
            asking[count] = places[child]
            count += 1
    found = np.sort(asking[:count])
    groups = 1 if count else 0
    for at in range(1, count):
        groups += found[at] != found[at - 1]
    return groups


@inner_making_arrays
def _lend(layout: Layout, before: int, leaf: int, by: int, is_lent: Flags) -> int:
    """Mark the children whose words a neighbour had in the visit before, when all moved by so much. -> how many."""
    had, places = layout.places[before], layout.places[leaf]
    width, height, most, found = layout.width, layout.height, places.shape[0], 0
    for child in range(most):
        if places[child] == _NOWHERE:
            continue
        x, y = child % width, child // width
        wanted = places[child] + by
        is_lent[child] = (
            (x > 0 and had[child - 1] == wanted)
            or (x + 1 < width and child + 1 < most and had[child + 1] == wanted)
            or (y > 0 and had[child - width] == wanted)
            or (y + 1 < height and child + width < most and had[child + width] == wanted)
        )
        found += is_lent[child]
    return found


# -- the tile of a data space ------------------------------------------------------------------------------------------


@inner_making_arrays
def _layout(
    machine: Machine, nest: Nest, passes: Passes, leaves: Leaves, loops: Ints, level: int, space: int
) -> Layout:
    values = machine.place_values[space]
    ranks, kinds, children = values.shape[0], leaves.ended.shape[0], _product(loops[:, 1])
    lends = children > 1 and machine.lends[level, space]
    tile = Tile(
        machine.coefficients[space],
        values,
        np.zeros((kinds, ranks), np.int64),
        np.zeros((kinds, ranks), np.int64),
        np.zeros((kinds, 4), np.int64),
        np.zeros((1 + kinds + _WALKED * leaves.passes if lends else 2, 3 * ranks + 2), np.int64),
        np.zeros(1 + _WALKED * leaves.passes, np.int64),
        np.ones(2, np.int64),
        lends,
    )
    places = _set_leaves(nest, leaves, loops, level, machine.shares[level, space], tile)
    return Layout(
        _steps(nest, passes, leaves, tile),
        tile.leaves,
        tile.strips,
        places,
        tile.sizes[0],
        _innermost(passes, leaves),
        children == 1 and leaves.passes > 0 and nest.level[leaves.first_loop] == level,
        level == 0 or machine.is_whole[level - 1, space],
        _across(machine.grid[level, 0], loops, 0),
        _across(machine.grid[level, 1], loops, 1),
        machine.shares[level, space],
        lends,
    )


@inner_making_arrays
def _across(of_machine: int, loops: Ints, axis: int) -> int:
    """Children along an axis: those that are there, or where a mapping takes more, those."""
    mapped = 1
    for loop in range(loops.shape[0]):
        mapped *= loops[loop, 1] if loops[loop, 3] == axis else 1
    return max(of_machine, mapped)


@inner_making_arrays
def _set_leaves(nest: Nest, leaves: Leaves, loops: Ints, level: int, shares: bool, tile: Tile) -> Ints:
    """Write the tile of each kind of visit. -> where its children find their words (leaf, child)."""
    children = _product(loops[:, 1])
    places, no_one = np.zeros((leaves.ended.shape[0], children), np.int64), np.zeros(children, np.bool_)
    strides = _strides(nest, loops, level, tile)
    for leaf in range(leaves.ended.shape[0]):
        inside, words, one = leaves.ended[leaf] & ~nest.beside[level], 1, tile.leaves[leaf]
        if level:
            tiles, last_tiles = nest.tiles[level - 1], nest.last_tiles[level - 1]
            words = _box(tile.coefficients, tiles, last_tiles, nest.bits, inside, tile.lows[leaf], tile.highs[leaf])
        _copy(_places(nest, loops, strides, leaves.ended[leaf]), places[leaf])
        one[_WORDS] = words
        one[_CHILDREN] = 0
        for place in places[leaf]:
            one[_CHILDREN] += place != _NOWHERE
        one[_GROUPS] = _groups(places[leaf], no_one) if shares and children > 1 else one[_CHILDREN]
        if tile.lends:
            strip = tile.strips[tile.sizes[1]]
            _clear(strip)
            for rank in range(tile.values.shape[0]):
                strip[rank] = tile.highs[leaf, rank] - tile.lows[leaf, rank] + 1
            strip[-1] = leaf
            one[_WHOLE] = _interned(tile)
    return places


@inner_making_arrays
def _clear(numbers: Ints) -> None:
    for at in range(numbers.shape[0]):
        numbers[at] = 0


@inner_making_arrays
def _strides(nest: Nest, loops: Ints, level: int, tile: Tile) -> Ints:
    """How far from one child to the next, for each loop over them, as one number."""
    reach = np.ones(nest.bits.shape[0], np.int64)
    if level:
        _copy(nest.tiles[level - 1], reach)
    strides = np.zeros(loops.shape[0], np.int64)
    for loop in range(loops.shape[0]):
        dim = loops[loop, 0]
        for rank in range(tile.values.shape[0]):
            strides[loop] += tile.coefficients[rank, dim] * tile.values[rank] * reach[dim]
        reach[dim] *= loops[loop, 1]
    return strides


@inner_making_arrays
def _interned(tile: Tile) -> int:
    """The number of the strip that was written behind those known, which may be one of them."""
    known = tile.sizes[1]
    for row in range(known):
        if _are_alike(tile.strips[row], tile.strips[known], tile.strips.shape[1]):
            return row
    tile.sizes[1] += 1
    return int(known)


@inner_making_arrays
def _are_alike(one: Ints, other: Ints, columns: int) -> bool:
    """Whether so many columns, the first ones, are."""
    alike = 0
    while alike < columns and one[alike] == other[alike]:
        alike += 1
    return alike == columns


@inner_making_arrays
def _steps(nest: Nest, passes: Passes, leaves: Leaves, tile: Tile) -> Ints:
    """How the tile moves at each step of each pass, and what it brings when it moved so before."""
    loop, innermost = leaves.first_loop, _innermost(passes, leaves)
    steps = np.zeros((leaves.passes, _WALKED, 5), np.int64)
    ranks = tile.values.shape[0]
    left = np.zeros((leaves.passes, ranks), np.int64)  # where the last visit of a pass is, from its first
    by = np.zeros(ranks, np.int64)
    for one in range(leaves.passes - 1, -1, -1):
        while loop + 1 < passes.ends.shape[0] and one < passes.ends[loop + 1]:
            loop += 1
        stride, dim = nest.stride[loop], nest.dim[loop]
        for step in range(1, passes.steps[one]):
            leaf, before = leaves.at[one, step], leaves.at[one, step - 1]
            inner = passes.inner[one, step - 1]
            if one < innermost:
                leaf, before = leaves.first[passes.inner[one, step]], leaves.final[inner]
            further = stride * (passes.at[one, step] - passes.at[one, step - 1])
            for rank in range(ranks):
                by[rank] = further * tile.coefficients[rank, dim] - (left[inner, rank] if one < innermost else 0)
            _set_step(by, before, leaf, tile, steps[one, step])
        final = passes.steps[one] - 1
        inner, further = passes.inner[one, final], stride * passes.at[one, final]
        for rank in range(ranks):
            left[one, rank] = further * tile.coefficients[rank, dim] + (left[inner, rank] if one < innermost else 0)
    return steps


@inner_making_arrays
def _set_step(by: Ints, before: int, leaf: int, tile: Tile, step: Ints) -> None:
    """Write what happens when a tile as in one kind of visit becomes one of another that begins so far from it."""
    move, words, common = 0, 1, 1
    for rank in range(by.shape[0]):
        low, high = by[rank] + tile.lows[leaf, rank], by[rank] + tile.highs[leaf, rank]
        low_before, high_before = tile.lows[before, rank], tile.highs[before, rank]
        twice = low + high - low_before - high_before
        move += (abs(twice) + 1) // 2 * (1 if twice >= 0 else -1) * tile.values[rank]
        step[_SHIFT] += (low - low_before) * tile.values[rank]
        words *= high - low + 1
        common *= max(min(high, high_before) - max(low, low_before) + 1, 0)
    step[_LEAF], step[_STRIP_WORDS] = leaf, words - common
    if move:
        tile.moves[tile.sizes[0]] = move
        while tile.moves[step[_MOVE]] != move or step[_MOVE] == 0:
            step[_MOVE] += 1
        tile.sizes[0] = max(tile.sizes[0], step[_MOVE] + 1)
    if tile.lends and words > common:
        _write_strip(by, before, leaf, common, tile)
        step[_STRIP] = _interned(tile)


@inner_making_arrays
def _write_strip(by: Ints, before: int, leaf: int, common: int, tile: Tile) -> None:
    """The words of a tile that it had not before, in the one form that each such set has, as in `boxes.new_in`."""
    ranks, strip = by.shape[0], tile.strips[tile.sizes[1]]
    _clear(strip)
    strip[-1] = leaf
    short = only = least = most = (
        0  # ranks along which the common part does not reach from end to end; ends of the last
    )
    for rank in range(ranks):
        length = tile.highs[leaf, rank] - tile.lows[leaf, rank] + 1
        further = by[rank] + tile.lows[leaf, rank]
        start = max(tile.lows[before, rank] - further, 0)
        end = min(tile.highs[before, rank] - further + 1, length)
        strip[rank], strip[ranks + rank], strip[2 * ranks + rank] = length, end - start, start
        if end - start < length:
            only, least, most = rank, start, end
            short += 1
    is_box = short == 1 and (least == 0 or most == strip[only])
    if common == 0 or is_box:
        _clear(strip[ranks:-1])
    if common and is_box:
        if least == 0:
            strip[-2] = most * tile.values[only]
            strip[only] -= most
        else:
            strip[only] = least


# -- visits ------------------------------------------------------------------------------------------------------------


@inner_making_arrays
def _walked(passes: Passes, leaves: Leaves, layout: Layout) -> tuple[float, float, float]:
    """What the children of a memory ask of it in the whole nest: words read, words that arrive, words lent."""
    first = layout.leaves[leaves.start]
    read, arriving = float(first[_GROUPS] * first[_WORDS]), float(first[_CHILDREN] * first[_WORDS])
    if leaves.passes == 0:
        return read, arriving, 0.0
    room, depth = 4 * leaves.passes, passes.ends.shape[0] - leaves.first_loop
    while True:
        memo = Memo(
            np.full(leaves.passes, -1),
            np.zeros((room, 3), np.int64),
            np.zeros((room, 3)),
            np.zeros(2, np.int64),
            np.zeros((_PAIRS, 5), np.int64),
        )
        open_passes = Open(np.zeros((depth, 7), np.int64), np.zeros((depth, 3)))
        if _work_out(passes, layout, memo, open_passes, first[_WHOLE] * layout.moves):
            sums = memo.sums[memo.size[0] - 1]
            return read + sums[0], arriving + sums[1], sums[2]
        room *= 4


@inner_making_arrays
def _work_out(passes: Passes, layout: Layout, memo: Memo, opened: Open, state: int) -> bool:
    """Note what all visits after the first ask for, as the last entry. -> whether there was room for it all."""
    depth = 0
    _open(opened, depth, 0, state)
    while True:
        frame = opened.frames[depth]
        one, step = frame[_PASS], frame[_AT]
        if step == passes.steps[one]:
            entry = memo.size[0]
            if entry == memo.entries.shape[0]:
                return False
            _note(memo, opened, depth)
            if depth == 0:
                return True
            depth -= 1
            _go_on(passes, opened, depth, memo, entry)
            continue
        if step:
            _visit(passes, layout, memo, opened, depth)
        if one >= layout.innermost:
            frame[_AT] += 1
            continue
        inner = passes.inner[one, step]
        entry = _known(memo, inner, frame[_NOW])
        if entry >= 0:
            _go_on(passes, opened, depth, memo, entry)
        else:
            depth += 1
            _open(opened, depth, inner, frame[_NOW])


@inner_making_arrays
def _open(opened: Open, depth: int, one: int, state: int) -> None:
    """Begin a pass, after its first visit."""
    frame = opened.frames[depth]
    frame[_PASS], frame[_AT], frame[_BEGUN], frame[_NOW] = one, 0, state, state
    opened.sums[depth, 0] = opened.sums[depth, 1] = opened.sums[depth, 2] = 0.0


@inner_making_arrays
def _known(memo: Memo, one: int, state: int) -> int:
    """The entry of a pass that begins so; -1: none."""
    entry = memo.heads[one]
    while entry >= 0 and memo.entries[entry, _STATE] != state:
        entry = memo.entries[entry, _NEXT]
    return int(entry)


@inner_making_arrays
def _note(memo: Memo, opened: Open, depth: int) -> None:
    """Make an entry of a pass that is at its end."""
    frame, entry = opened.frames[depth], memo.size[0]
    row = memo.entries[entry]
    row[_NEXT], row[_STATE], row[_AFTER] = memo.heads[frame[_PASS]], frame[_BEGUN], frame[_NOW]
    for column in range(3):
        memo.sums[entry, column] = opened.sums[depth, column]
    memo.heads[frame[_PASS]] = entry
    memo.size[0] += 1


@inner_making_arrays
def _go_on(passes: Passes, opened: Open, depth: int, memo: Memo, entry: int) -> None:
    """Add what the pass inside of a step asked for."""
    frame = opened.frames[depth]
    times = passes.stands_for[frame[_PASS], frame[_AT]]
    for column in range(3):
        opened.sums[depth, column] += times * memo.sums[entry, column]
    frame[_NOW] = memo.entries[entry, _AFTER]
    frame[_AT] += 1


@inner_making_arrays
def _visit(passes: Passes, layout: Layout, memo: Memo, opened: Open, depth: int) -> None:
    """Add what the first visit of a step asks for, or what the one before it asked for where that is meant."""
    frame = opened.frames[depth]
    one, step = frame[_PASS], frame[_AT]
    frame[_NOW], words, arriving, borrowed = _visited(layout, memo, layout.steps[one, step], frame[_NOW])
    if not (passes.is_repeat[one, step] and layout.is_alone and one >= layout.innermost):
        frame[_READ], frame[_ARRIVED], frame[_BORROWED] = words, arriving, borrowed
    times = passes.stands_for[one, step]
    opened.sums[depth, 0] += float(times * frame[_READ])
    opened.sums[depth, 1] += float(times * frame[_ARRIVED])
    opened.sums[depth, 2] += float(times * frame[_BORROWED])


@inner_making_arrays
def _visited(layout: Layout, memo: Memo, step: Ints, state: int) -> tuple[int, int, int, int]:
    """What is remembered after a step, and what it asks for: words read, words that arrive, words lent."""
    before, move = state // layout.moves, state % layout.moves
    leaf = layout.leaves[step[_LEAF]]
    words, strip = leaf[_WORDS], leaf[_WHOLE]
    if layout.is_always_whole:
        move = 0
    elif step[_MOVE] == 0 or move == 0 or move == step[_MOVE]:
        words, strip, move = step[_STRIP_WORDS], step[_STRIP], step[_MOVE] if step[_MOVE] else move
    else:
        move = 0
    if words == 0:
        return move, 0, 0, 0
    groups, children, borrowers = leaf[_GROUPS], leaf[_CHILDREN], 0
    if before and _are_alike(layout.strips[before], layout.strips[strip], layout.strips.shape[1] - 2):
        by = step[_SHIFT] + layout.strips[strip, -2] - layout.strips[before, -2]
        pair = _lent(layout, memo, layout.strips[before, -1], step[_LEAF], by)
        if memo.borrowed[pair, _LEFT] < groups:
            groups, borrowers = memo.borrowed[pair, _LEFT], memo.borrowed[pair, _BORROWERS]
            children -= borrowers
    return strip * layout.moves + move, groups * words, children * words, borrowers * words


@inner_making_arrays
def _lent(layout: Layout, memo: Memo, before: int, leaf: int, by: int) -> int:
    """The row of what neighbours can lend, when all have the same shape of words before and now, so far from there."""
    for pair in range(min(memo.size[1], _PAIRS)):
        row = memo.borrowed[pair]
        if row[_FROM] == before and row[_TO] == leaf and row[_BY] == by:
            return int(pair)
    pair = memo.size[1] % _PAIRS
    memo.size[1] += 1
    row, is_lent = memo.borrowed[pair], np.zeros(layout.places.shape[1], np.bool_)
    row[_FROM], row[_TO], row[_BY] = before, leaf, by
    row[_BORROWERS] = _lend(layout, before, leaf, by, is_lent)
    row[_LEFT] = layout.leaves[leaf, _CHILDREN] - row[_BORROWERS]
    if layout.shares:
        row[_LEFT] = _groups(layout.places[leaf], is_lent)
    return int(pair)
