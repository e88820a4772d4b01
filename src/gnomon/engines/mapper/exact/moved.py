"""What moves by `walk`, in closed form and compiled.

An instance sees of each dimension a nest of its own: the loops in time, of which it makes the first passes and no more. So its
visits are all combinations of passes, one of each dimension. When loop k goes on, the loops outside of it stand anywhere, it has
made a step, and all inside of it begin again. Ranks of a data space have no dimension in common, and what a tile shares with the
one before it is a box. So over all instances and visits

    words(k) = others(k) * (prod over ranks of lengths(k) - prod over ranks of overlaps(k))

where lengths and overlaps are sums along one rank, and others counts the passes and instances of the dimensions that do not move
through the data space. Along a rank of one dimension a tile that moves shares nothing with the one before it. Otherwise the sum
needs to tell only a few kinds of passes apart: the last pass of an instance, in which its tile may be cut off, and those before.
Instances are of one kind where their last passes are the same.

[see `compiled` on why all of it is one file]
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from gnomon.core.jit import compiled, inner_making_arrays
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, Machine
from gnomon.engines.mapper.exact.found import (
    ASKED,
    BROUGHT,
    CHILD_FIRST,
    FIRST,
    FIRST_ASKED,
    LAST_UPDATED,
    LAST_WORDS,
    Found,
)

MOST_KINDS = 62  # of children along one rank: bits of a number
# In place of a loop that goes on, and of a memory; as literals of Python numba would compile anew for each of them.
STANDS, FIRST_TILE, _UNITS = cast(int, np.int64(-1)), cast(int, np.int64(-2)), cast(int, np.int64(-1))
# Columns of a loop, and of a place in the chain of a dimension, which has the number of the loop in place of its dimension.
_LEVEL, _DIM, _COUNT, _STRIDE, _TOP = range(5)
_LOOP = _DIM  # -1: over children
# Columns of a kind of instances: how many there are, the extent of their last tile, and the passes that they make.
_MANY, _EXTENT, _PASSES_MADE = range(3)
# Columns of sums over passes and instances: how many, their extents, and both of those whose tile stays.
_PASSES, _EXTENTS, _STAYS, _STAYING = range(4)


class Nest(NamedTuple):
    """The loops of one mapping."""

    loops: Ints  # (loop, 5), in time, the innermost first
    chain: Ints  # (dim, place, 5): all loops of a dimension, the innermost first
    length: Ints  # (dim)
    full: Ints  # (level + 1, dim): extents of a tile, 0: of a unit
    cut: Ints  # the same of the last tile


class Kinds(NamedTuple):
    """Kinds of instances along each dimension."""

    number: Ints  # (dim)
    inner: Ints  # (dim): the first kind that differs by its place below the parent
    each: Ints  # (dim, kind, 3)
    before: Ints  # (dim, kind, loop): passes of the loops outside of it
    moved: Ints  # (dim, kind, loop): how far its last pass goes, by the loop and those inside of it


class Standing(NamedTuple):
    """Where the loops stand, and the sums along ranks."""

    sums: Ints  # (dim, 1 + loop, 4): 0: over all passes; 1 + loop: over those of the loops outside of it
    row: Ints  # (dim): of these sums, by the loops that have been passed
    reached: Ints  # (dim): how far those go
    fan: Ints  # (dim): children of a parent along it


class Tables(NamedTuple):
    """Which kinds of children find the same words, along each rank."""

    number: Ints  # (rank): of masks; 0: no two children find the same
    masks: Ints  # (rank, table): kinds of children at one place
    places: Ints  # (rank, table): how many such places


class Cells(NamedTuple):
    """Kinds of passes along each dimension."""

    number: Ints  # (dim)
    weight: Ints  # (dim, cell)
    each: Ints  # (dim, cell, kind, 4): is there, extent after, extent before, move
    keys: Ints  # (combination, 4): is there, length, where the overlap begins, and the overlap


class Loop(NamedTuple):
    """Where the loops of one dimension stand when one of them goes on, or when none does."""

    full: int  # extent of a tile
    row: int  # as in `Standing`
    reached: int
    iterations: int  # of the loop that goes on; 0: none does
    stride: int


# -- the loops of a mapping --------------------------------------------------------------------------------------------


@compiled
def flattened(
    temporal: Ints, temporal_last: Ints, order: Ints, spatial: Ints, spatial_last: Ints, spatial_order: Ints, nest: Nest
) -> int:
    """Write the loops of more than one iteration and the extents of tiles. -> how many are in time."""
    levels, dims = temporal.shape
    nest.full[0, :] = 1
    nest.cut[0, :] = 1
    nest.length[:] = 0
    in_time = 0
    for level in range(levels):
        nest.full[level + 1] = nest.full[level]
        nest.cut[level + 1] = nest.cut[level]
        for axis in range(3):
            for place in range(dims):
                if axis < 2:
                    dim = spatial_order[level, axis, place]
                    count, top, loop = spatial[level, axis, dim], spatial_last[level, axis, dim] - 1, -1
                else:
                    dim = order[level, place]
                    count, top, loop = temporal[level, dim], temporal_last[level, dim] - 1, in_time
                if count == 1:
                    continue
                stride = nest.full[level + 1, dim]
                link = nest.chain[dim, nest.length[dim]]
                link[_LEVEL], link[_LOOP], link[_COUNT], link[_STRIDE], link[_TOP] = level, loop, count, stride, top
                nest.length[dim] += 1
                if axis == 2:
                    one = nest.loops[in_time]
                    one[_LEVEL], one[_DIM], one[_COUNT], one[_STRIDE], one[_TOP] = level, dim, count, stride, top
                    in_time += 1
                nest.cut[level + 1, dim] += stride * top
                nest.full[level + 1, dim] *= count
    return in_time


@inner_making_arrays
def begin_of(nest: Nest, dim: int, child: int) -> int:
    """The first place in the chain of a dimension outside of the tile of a memory."""
    begin: int = nest.length[dim]
    while begin > 0 and nest.chain[dim, begin - 1, _LEVEL] > child:
        begin -= 1
    return begin


@inner_making_arrays
def first_row(nest: Nest, dim: int, child: int) -> int:
    """The row of sums over first tiles: that of the outermost loop in time."""
    for place in range(nest.length[dim] - 1, -1, -1):
        if nest.chain[dim, place, _LEVEL] <= child:
            return 0
        if nest.chain[dim, place, _LOOP] >= 0:
            return int(1 + nest.chain[dim, place, _LOOP])
    return 0


@compiled
def is_even(nest: Nest, dim: int) -> bool:
    """Whether all parts of a dimension divide it."""
    return bool(nest.full[-1, dim] == nest.cut[-1, dim])


# -- passes along one dimension ----------------------------------------------------------------------------------------


@inner_making_arrays
def write_kind(
    chain: Ints, begin: int, end: int, split: int, is_beyond: bool, each: Ints, before: Ints, moved: Ints
) -> None:
    """Write the passes of instances whose first index that is not the top one is that of the loop at `split`.

    Before the top index they make every pass inside of it. Beyond it they have no work while the loops outside are in their last
    pass of all, so that theirs is the one before.
    """
    whole = split  # loops inside of it make all their iterations
    if is_beyond:
        whole += 1
        while whole < end and (chain[whole, _LOOP] < 0 or chain[whole, _TOP] == 0):
            whole += 1
        if whole == end:
            each[_PASSES_MADE] = 0
            return
    passes = 1
    for place in range(end - 1, begin - 1, -1):
        loop = chain[place, _LOOP]
        if loop >= 0:
            top = chain[place, _COUNT] - 1 if place < whole else chain[place, _TOP] - (is_beyond and place == whole)
            before[loop] = passes
            passes = (passes - 1) * chain[place, _COUNT] + top + 1
            moved[loop] = top * chain[place, _STRIDE]
    each[_PASSES_MADE] = passes
    so_far = 0
    for place in range(begin, end):
        loop = chain[place, _LOOP]
        if loop >= 0:
            so_far += moved[loop]
            moved[loop] = so_far


@inner_making_arrays
def write_kinds(
    nest: Nest, kinds: Kinds, dim: int, child: int, parent: int, first_free: int, last_free: int, alone: Flags
) -> None:
    """Write the kinds of instances of a memory along a dimension.

    Of the children of memories from `first_free` to `last_free`, and of those whose children stand `alone`, all count; of the
    others the first.
    """
    chain, full, cut = nest.chain[dim], nest.full[child + 1, dim], nest.cut[child + 1, dim]
    each, before, moved = kinds.each[dim], kinds.before[dim], kinds.moved[dim]
    begin, end = begin_of(nest, dim, child), nest.length[dim]
    within = 1  # instances that the loops inside of a place make up
    can_be_cut = full != cut
    for place in range(begin, end):
        level = chain[place, _LEVEL]
        can_be_cut |= chain[place, _TOP] < chain[place, _COUNT] - 1
        if chain[place, _LOOP] < 0 and (first_free <= level <= last_free or alone[level]):
            within *= chain[place, _COUNT]
    kinds.inner[dim] = 0
    kinds.number[dim] = 1
    if not can_be_cut:
        each[0, _MANY], each[0, _EXTENT] = within, full
        write_kind(chain, begin, end, begin, False, each[0], before[0], moved[0])
        return
    found, inner = 0, -1
    for place in range(end - 1, begin - 1, -1):
        if chain[place, _LOOP] >= 0:
            continue
        level, count, top = chain[place, _LEVEL], chain[place, _COUNT], chain[place, _TOP]
        if level <= parent and inner < 0:
            inner = found
        is_free = first_free <= level <= last_free or alone[level]
        if is_free:
            within //= count
        less, more = (top, count - 1 - top) if is_free else (min(top, 1), 0)
        if less > 0:
            each[found, _MANY], each[found, _EXTENT] = less * within, full
            write_kind(chain, begin, end, place, False, each[found], before[found], moved[found])
            found += 1
        if more > 0:
            each[found, _MANY], each[found, _EXTENT] = more * within, full
            write_kind(chain, begin, end, place, True, each[found], before[found], moved[found])
            found += 1
        if not is_free and top > 0:  # the first has nothing to do with the last pass of all
            kinds.inner[dim], kinds.number[dim] = max(inner, 0), found
            return
    each[found, _MANY], each[found, _EXTENT] = 1, cut
    write_kind(chain, begin, end, begin, False, each[found], before[found], moved[found])
    kinds.inner[dim], kinds.number[dim] = inner if inner >= 0 else found, found + 1


@inner_making_arrays
def write_sums(nest: Nest, kinds: Kinds, dim: int, child: int, sums: Ints) -> None:
    """Write the sums over passes and instances of a dimension, as the loops outside of a memory's tile are passed."""
    full, number, each = nest.full[child + 1, dim], kinds.number[dim], kinds.each[dim]
    passes = extents = 0
    for kind in range(number):
        made = each[kind, _PASSES_MADE]
        if made > 0:
            passes += each[kind, _MANY] * made
            extents += each[kind, _MANY] * ((made - 1) * full + each[kind, _EXTENT])
    sums[0, _PASSES], sums[0, _STAYS], sums[0, _EXTENTS], sums[0, _STAYING] = passes, passes, extents, extents
    for place in range(begin_of(nest, dim, child), nest.length[dim]):
        loop = nest.chain[dim, place, _LOOP]
        if loop < 0:
            continue
        sums[1 + loop, :] = 0
        for kind in range(number):
            if each[kind, _PASSES_MADE] == 0:
                continue
            made, many, extent = kinds.before[dim, kind, loop], each[kind, _MANY], full
            if kinds.moved[dim, kind, loop] == 0:
                extent = each[kind, _EXTENT]
                sums[1 + loop, _STAYS] += many
                sums[1 + loop, _STAYING] += many * extent
            sums[1 + loop, _PASSES] += many * made
            sums[1 + loop, _EXTENTS] += many * ((made - 1) * full + extent)


@inner_making_arrays
def write_even_sums(
    nest: Nest, dim: int, child: int, first_free: int, last_free: int, alone: Flags, sums: Ints
) -> None:
    """The same where all parts of the dimension divide it."""
    begin, full = begin_of(nest, dim, child), nest.full[child + 1, dim]
    passes = 1
    for place in range(begin, nest.length[dim]):
        level = nest.chain[dim, place, _LEVEL]
        if nest.chain[dim, place, _LOOP] >= 0 or first_free <= level <= last_free or alone[level]:
            passes *= nest.chain[dim, place, _COUNT]
    extents = passes * full
    sums[0, _PASSES], sums[0, _STAYS], sums[0, _EXTENTS], sums[0, _STAYING] = passes, passes, extents, extents
    for place in range(begin, nest.length[dim]):
        loop = nest.chain[dim, place, _LOOP]
        if loop >= 0:
            passes //= nest.chain[dim, place, _COUNT]
            sums[1 + loop, _PASSES], sums[1 + loop, _EXTENTS] = passes, passes * full
            sums[1 + loop, _STAYS], sums[1 + loop, _STAYING] = 0, 0


@inner_making_arrays
def sum_up(
    nest: Nest, kinds: Kinds, dim: int, child: int, first_free: int, last_free: int, alone: Flags, sums: Ints
) -> None:
    """Write the sums of a dimension, whatever its parts."""
    if is_even(nest, dim):
        write_even_sums(nest, dim, child, first_free, last_free, alone, sums)
    else:
        write_kinds(nest, kinds, dim, child, child, first_free, last_free, alone)
        write_sums(nest, kinds, dim, child, sums)


@inner_making_arrays
def last_along(kinds: Kinds, dim: int, factor: int) -> int:
    """Words along a dimension of the tiles of those instances that have work in the last step; factor 0: how many there are."""
    longest = words = 0
    for kind in range(kinds.number[dim]):
        longest = max(longest, kinds.each[dim, kind, _PASSES_MADE])
    for kind in range(kinds.number[dim]):
        if kinds.each[dim, kind, _PASSES_MADE] == longest:
            words += kinds.each[dim, kind, _MANY] * (factor * (kinds.each[dim, kind, _EXTENT] - 1) + 1)
    return words


# -- ranks that more than one dimension moves along --------------------------------------------------------------------


@inner_making_arrays
def write_side(
    nest: Nest, is_one_kind: bool, child: int, parent: int, dim: int, factor: int, alone: Flags, far: int, side: Ints
) -> tuple[int, int]:
    """Write place and kind of each child along one dimension; side (child, 2). -> how many, and the next `far`.

    Children of a memory that shares no reads stand `far` from each other.
    """
    side[0, 0], side[0, 1] = 0, -1  # -1: so far at the top index
    found, kind = 1, 0
    for place in range(nest.length[dim] - 1, -1, -1):
        link = nest.chain[dim, place]
        if link[_LOOP] >= 0 or link[_LEVEL] <= child or link[_LEVEL] > parent:
            continue
        count, top, step = link[_COUNT], link[_TOP], factor * link[_STRIDE]
        if alone[link[_LEVEL]]:
            step = far
            far *= count
        more = kind + (top > 0)
        for at in range(found - 1, -1, -1):
            start, known = side[at, 0], side[at, 1]
            for index in range(count - 1, -1, -1):
                one = side[at * count + index]
                one[0] = start + index * step
                one[1] = known if known >= 0 or index == top else kind if index < top else more
        found *= count
        kind = more + (count - 1 > top)
    for at in range(found):
        if is_one_kind:
            side[at, 1] = 0
        elif side[at, 1] < 0:
            side[at, 1] = kind
    return found, far


@inner_making_arrays
def write_places(
    nest: Nest,
    kinds: Kinds,
    fan: Ints,
    child: int,
    parent: int,
    coefficients: Ints,
    alone: Flags,
    are_even: bool,
    far: int,
    places: Ints,
) -> None:
    """Write the place of each child along a rank, times 64, and the number of its kind behind it."""
    side = np.zeros((places.shape[0], 2), np.int64)
    found = base = 1
    for dim in range(coefficients.shape[0]):
        is_one_kind = are_even or kinds.number[dim] == 1
        if coefficients[dim] == 0 or (fan[dim] == 1 and is_one_kind):
            continue
        count, far = write_side(nest, is_one_kind, child, parent, dim, abs(coefficients[dim]), alone, far, side)
        for at in range(found - 1, -1, -1):
            start = places[at]
            for other in range(count - 1, -1, -1):
                places[at * count + other] = start + side[other, 0] * 64 + side[other, 1] * base
        found *= count
        base *= 1 if is_one_kind else kinds.number[dim] - kinds.inner[dim]


@inner_making_arrays
def write_masks(tables: Tables, rank: int, places: Ints) -> None:
    """Write which kinds of children stand at one place, and at how many places; places are sorted."""
    masks, sizes = tables.masks[rank], tables.places[rank]
    number = at = 0
    while at < places.shape[0]:
        here, mask = places[at] >> 6, 0
        while at < places.shape[0] and places[at] >> 6 == here:
            mask |= 1 << (places[at] & 63)
            at += 1
        known = 0
        while known < number and masks[known] != mask:
            known += 1
        if known == number:
            masks[number], sizes[number] = mask, 0
            number += 1
        sizes[known] += 1
    tables.number[rank] = number


@compiled
def write_table(
    nest: Nest,
    kinds: Kinds,
    fan: Ints,
    tables: Tables,
    child: int,
    parent: int,
    coefficients: Ints,
    alone: Flags,
    rank: int,
    are_even: bool,
) -> bool:
    """Write the table of a rank. -> whether its kinds of children are few enough for one."""
    children = combinations = far = 1
    for dim in range(coefficients.shape[0]):
        if coefficients[dim]:
            children *= fan[dim]
            far += abs(coefficients[dim]) * nest.full[-1, dim]
            combinations *= 1 if are_even else kinds.number[dim] - kinds.inner[dim]
    if combinations > MOST_KINDS:
        return False
    places = np.zeros(children, np.int64)
    write_places(nest, kinds, fan, child, parent, coefficients, alone, are_even, far, places)
    places.sort()
    write_masks(tables, rank, places)
    return True


@inner_making_arrays
def stepped_in(begin: int, end: int, count: int) -> int:
    """Passes from `begin` to before `end` in which a loop of `count` is not at its first iteration; 0: all of them."""
    if begin >= end:
        return 0
    if count == 0:
        return end - begin
    return end - begin - ((end + count - 1) // count - (begin + count - 1) // count)


@inner_making_arrays
def made_by(kinds: Kinds, dim: int, kind: int, row: int) -> int:
    """Passes that a kind of instance makes of the loops of a dimension that have not been passed, as the row says."""
    return int(kinds.before[dim, kind, row - 1] if row else kinds.each[dim, kind, _PASSES_MADE])


@inner_making_arrays
def write_cell(kinds: Kinds, dim: int, kind: int, at: Loop, place: int, cell: Ints) -> None:
    """Write of one kind of instance in one pass: whether it has work, its extents after and before, and how far it moved."""
    made = made_by(kinds, dim, kind, at.row)
    cell[0] = kinds.each[dim, kind, _PASSES_MADE] > 0 and place < made
    if cell[0] == 0:
        return
    moved = kinds.moved[dim, kind, at.row - 1] if at.row else 0
    cell[1], cell[2], cell[3] = at.full, at.full, at.reached
    if place == made - 1:  # its last one
        if moved == 0:
            cell[1] = kinds.each[dim, kind, _EXTENT]
        if at.iterations == 0:
            cell[2], cell[3] = kinds.each[dim, kind, _EXTENT], moved
    if at.iterations:
        cell[3] = at.reached - at.stride


@inner_making_arrays
def write_cells(kinds: Kinds, cells: Cells, dim: int, fan: int, at: Loop) -> None:
    """Write the kinds of passes of a dimension, and how many there are of each."""
    number, inner = kinds.number[dim], kinds.inner[dim]
    each, weights = cells.each[dim], cells.weight[dim]
    found = 0
    for kind in range(max(inner, 1 if number == 1 else 0)):  # instances that differ by the place of their parents
        if kinds.each[dim, kind, _PASSES_MADE] == 0:
            continue
        made, many = made_by(kinds, dim, kind, at.row), kinds.each[dim, kind, _MANY] // fan
        for begin in (0, made - 1):
            weight = stepped_in(begin, made if begin or made == 1 else made - 1, at.iterations) * many
            if weight:
                for slot in range(max(number - inner, 1)):
                    write_cell(kinds, dim, kind, at, begin, each[found, slot])
                weights[found] = weight
                found += 1
            if made == 1:
                break
    begin = 0
    while number > 1:
        end = -1  # the next pass at which a kind begins or ends its last
        for kind in range(inner, number):
            if kinds.each[dim, kind, _PASSES_MADE] == 0:
                continue
            made = made_by(kinds, dim, kind, at.row)
            for edge in range(made - 1, made + 1):
                if edge > begin and (end < 0 or edge < end):
                    end = edge
        if end < 0:
            break
        weight = stepped_in(begin, end, at.iterations)
        if weight:
            for slot in range(number - inner):
                write_cell(kinds, dim, inner + slot, at, begin, each[found, slot])
            weights[found] = weight
            found += 1
        begin = end
    cells.number[dim] = found


@inner_making_arrays
def write_key(
    kinds: Kinds, cells: Cells, coefficients: Ints, fan: Ints, at: Ints, combination: int, is_first: bool
) -> int:
    """Write the length of the tiles of a combination of kinds and what they share with those before. -> children of it."""
    key, left, many = cells.keys[combination], combination, 1
    after, before, moved = 1, 1, 0
    key[0] = 0
    for dim in range(coefficients.shape[0]):
        if coefficients[dim] == 0:
            continue
        slots = kinds.number[dim] - kinds.inner[dim]
        slot = left % slots
        left //= slots
        cell = cells.each[dim, at[dim], slot]
        if cell[0] == 0:
            return 0
        many *= kinds.each[dim, kinds.inner[dim] + slot, _MANY] if kinds.number[dim] > 1 else fan[dim]
        factor = abs(coefficients[dim])
        after += factor * (cell[1] - 1)
        before += factor * (cell[2] - 1)
        moved += factor * cell[3]
    begin = max(0, moved)
    overlap = 0 if is_first else max(min(after, moved + before) - begin, 0)
    key[0], key[1], key[2], key[3] = 1, after, begin if overlap else 0, overlap
    return many


@inner_making_arrays
def shared_in(tables: Tables, rank: int, keys: Ints, combinations: int) -> tuple[int, int]:
    """Lengths and overlaps of so many combinations, where children at one place with the same of both count once.

    What is counted is taken out of the keys.
    """
    length = overlap = 0
    for combination in range(combinations):
        key = keys[combination]
        if key[0] == 0:
            continue
        alike = 0
        for other in range(combination, combinations):
            one = keys[other]
            if one[0] and one[1] == key[1] and one[2] == key[2] and one[3] == key[3]:
                alike |= 1 << other
                one[0] = 0
        shared = 0
        for table in range(tables.number[rank]):
            if tables.masks[rank, table] & alike:
                shared += tables.places[rank, table]
        length += shared * key[1]
        overlap += shared * key[3]
    return length, overlap


@inner_making_arrays
def add_cell(
    kinds: Kinds,
    cells: Cells,
    tables: Tables,
    rank: int,
    coefficients: Ints,
    fan: Ints,
    at: Ints,
    is_first: bool,
    out: Ints,
) -> None:
    """Add the lengths and overlaps of one combination of passes; at (dim): which cell. is_first: nothing was there before."""
    combinations = weight = 1
    for dim in range(coefficients.shape[0]):
        if coefficients[dim]:
            combinations *= kinds.number[dim] - kinds.inner[dim]
            weight *= cells.weight[dim, at[dim]]
    length = overlap = 0
    for combination in range(combinations):
        many = write_key(kinds, cells, coefficients, fan, at, combination, is_first)
        if many:
            length += many * cells.keys[combination, 1]
            overlap += many * cells.keys[combination, 3]
    out[2] += weight * length
    out[3] += weight * overlap
    if tables.number[rank]:
        length, overlap = shared_in(tables, rank, cells.keys, combinations)
    out[0] += weight * length
    out[1] += weight * overlap


@inner_making_arrays
def along_uneven(
    nest: Nest,
    kinds: Kinds,
    cells: Cells,
    tables: Tables,
    standing: Standing,
    child: int,
    rank: int,
    coefficients: Ints,
    mover: int,
    out: Ints,
) -> None:
    """Write the sums of a rank of several dimensions, not all of whose parts divide them."""
    dims = coefficients.shape[0]
    at = np.zeros(dims, np.int64)
    out[:] = 0
    for dim in range(dims):
        if coefficients[dim]:
            count = stride = 0
            if mover >= 0 and nest.loops[mover, _DIM] == dim:
                count, stride = nest.loops[mover, _COUNT], nest.loops[mover, _STRIDE]
            loop = Loop(nest.full[child + 1, dim], standing.row[dim], standing.reached[dim], count, stride)
            write_cells(kinds, cells, dim, standing.fan[dim], loop)
            if cells.number[dim] == 0:
                return
    while True:
        add_cell(kinds, cells, tables, rank, coefficients, standing.fan, at, mover == FIRST_TILE, out)
        dim = 0
        while dim < dims:
            if coefficients[dim]:
                at[dim] += 1
                if at[dim] < cells.number[dim]:
                    break
                at[dim] = 0
            dim += 1
        if dim == dims:
            return


@inner_making_arrays
def along_even(
    nest: Nest, tables: Tables, standing: Standing, child: int, rank: int, coefficients: Ints, mover: int, out: Ints
) -> None:
    """Write the sums of a rank of several dimensions whose parts all divide them: every tile is as long and moves alike."""
    length = passes = children = 1
    moved = 0
    for dim in range(coefficients.shape[0]):
        factor = abs(coefficients[dim])
        if factor == 0:
            continue
        length += factor * (nest.full[child + 1, dim] - 1)
        moved += factor * standing.reached[dim]
        inside = standing.sums[dim, standing.row[dim], _PASSES]
        if mover >= 0 and nest.loops[mover, _DIM] == dim:
            inside -= standing.sums[dim, 1 + mover, _PASSES]
            moved -= factor * nest.loops[mover, _STRIDE]
        passes *= inside
        children *= standing.fan[dim]
    out[2], out[3] = passes * length, passes * max(length - abs(moved), 0)
    groups = tables.places[rank, 0] if tables.number[rank] else children
    out[0], out[1] = out[2] // children * groups, out[3] // children * groups


@inner_making_arrays
def along_one(standing: Standing, dim: int, factor: int, mover: int, out: Ints) -> None:
    """Write the sums of a rank of one dimension, along which a tile that moves shares nothing with the one before it."""
    row = standing.sums[dim, standing.row[dim]]
    if mover >= 0:
        outside = standing.sums[dim, 1 + mover]
        out[0] = factor * (row[_EXTENTS] - outside[_EXTENTS]) - (factor - 1) * (row[_PASSES] - outside[_PASSES])
        out[1] = 0
    else:
        out[0] = factor * row[_EXTENTS] - (factor - 1) * row[_PASSES]
        out[1] = factor * row[_STAYING] - (factor - 1) * row[_STAYS]
    out[2], out[3] = out[0], out[1]


@compiled
def along(
    nest: Nest,
    kinds: Kinds,
    cells: Cells,
    tables: Tables,
    standing: Standing,
    child: int,
    rank: int,
    coefficients: Ints,
    mover: int,
    out: Ints,
) -> None:
    """Write lengths and overlaps along a rank, of reads that children share and of all, over the passes of its dimensions.

    mover: the loop that goes on; STANDS: none of this rank, but for those that begin again; FIRST_TILE: nothing was before.
    """
    dims, only, are_even = 0, 0, True
    for dim in range(coefficients.shape[0]):
        if coefficients[dim]:
            dims += 1
            only = dim
            are_even = are_even and is_even(nest, dim)
    if dims == 0:
        out[:] = 1
    elif dims == 1:
        along_one(standing, only, abs(coefficients[only]), mover, out)
    elif are_even:
        along_even(nest, tables, standing, child, rank, coefficients, mover, out)
    else:
        along_uneven(nest, kinds, cells, tables, standing, child, rank, coefficients, mover, out)


# -- one data space between a memory and those inside of it ------------------------------------------------------------


@compiled
def prepare(
    nest: Nest,
    kinds: Kinds,
    tables: Tables,
    standing: Standing,
    child: int,
    parent: int,
    coefficients: Ints,
    rank_of: Ints,
    alone: Flags,
    last_free: int,
) -> bool:
    """Write the sums of all dimensions and the tables of ranks, all loops inside. -> whether groups of children can be told."""
    ranks, dims = coefficients.shape
    has_kinds = np.zeros(ranks, np.bool_)
    together = np.zeros(ranks, np.int64)
    for dim in range(dims):
        standing.fan[dim] = 1
        standing.row[dim], standing.reached[dim] = 0, 0
        is_shared = False
        for place in range(begin_of(nest, dim, child), nest.length[dim]):
            link = nest.chain[dim, place]
            if link[_LOOP] < 0 and link[_LEVEL] <= parent:
                standing.fan[dim] *= link[_COUNT]
                is_shared |= not alone[link[_LEVEL]]
        if rank_of[dim] >= 0:
            together[rank_of[dim]] += is_shared
            has_kinds[rank_of[dim]] |= not is_even(nest, dim)
    for dim in range(dims):
        if is_even(nest, dim) and (rank_of[dim] < 0 or not has_kinds[rank_of[dim]]):
            write_even_sums(nest, dim, child, child + 1, last_free, alone, standing.sums[dim])
        else:
            write_kinds(nest, kinds, dim, child, parent, child + 1, last_free, alone)
            write_sums(nest, kinds, dim, child, standing.sums[dim])
    for rank in range(ranks):
        tables.number[rank] = 0
        if together[rank] > 1 and not write_table(
            nest,
            kinds,
            standing.fan,
            tables,
            child,
            parent,
            coefficients[rank],
            alone,
            rank,
            not has_kinds[rank],
        ):
            return False
    return True


@inner_making_arrays
def write_others(
    nest: Nest, kinds: Kinds, child: int, parent: int, rank_of: Ints, alone: Flags, others: Ints
) -> tuple[int, int]:
    """Write the sums (dim, 1 + loop, 4) of dimensions that do not move the data space, children that share once.

    -> the products of their passes at the first tiles, by children that share and by parents.
    """
    levels, nowhere = alone.shape[0], np.zeros(alone.shape[0], np.bool_)
    of_children = of_parents = 1
    for dim in range(rank_of.shape[0]):
        if rank_of[dim] < 0:
            row = first_row(nest, dim, child)
            sum_up(nest, kinds, dim, child, parent + 1, levels, nowhere, others[dim])
            of_parents *= others[dim, row, _PASSES]
            if alone.any():
                sum_up(nest, kinds, dim, child, parent + 1, levels, alone, others[dim])
            of_children *= others[dim, row, _PASSES]
    return of_children, of_parents


@compiled
def between(
    nest: Nest,
    kinds: Kinds,
    cells: Cells,
    tables: Tables,
    standing: Standing,
    others: Ints,
    stay: Ints,
    in_time: int,
    child: int,
    parent: int,
    coefficients: Ints,
    rank_of: Ints,
    alone: Flags,
    is_output: bool,
    is_whole: bool,
    figures: Ints,
) -> bool:
    """Write what goes between the instances of a memory (-1: the units) and those of its parent. -> whether it can be told."""
    ranks, dims = coefficients.shape
    shared_first, first_sums = write_others(nest, kinds, child, parent, rank_of, alone, others)
    if not prepare(nest, kinds, tables, standing, child, parent, coefficients, rank_of, alone, alone.shape[0]):
        return False
    shared_others = all_others = all_first = 1
    for dim in range(dims):
        if rank_of[dim] < 0:
            shared_others *= others[dim, 0, _PASSES]
            all_others *= standing.sums[dim, 0, _PASSES]
            all_first *= standing.sums[dim, first_row(nest, dim, child), _PASSES]
    lengths = all_lengths = 1
    for rank in range(ranks):
        along(nest, kinds, cells, tables, standing, child, rank, coefficients[rank], STANDS, stay[rank])
        lengths *= stay[rank, 0]
        all_lengths *= stay[rank, 2]
    figures[FIRST] = first_sums * all_lengths if is_output else 0
    figures[CHILD_FIRST] = all_first * all_lengths if is_output else 0
    if is_whole:
        figures[ASKED], figures[BROUGHT] = shared_others * lengths, all_others * all_lengths
    asked = brought = 0
    out = np.zeros(4, np.int64)
    for loop in range(in_time):
        level, dim, count = nest.loops[loop, _LEVEL], nest.loops[loop, _DIM], nest.loops[loop, _COUNT]
        if level <= child:
            continue
        own, row = rank_of[dim], standing.row[dim]
        if not is_whole:
            if own >= 0:
                along(nest, kinds, cells, tables, standing, child, own, coefficients[own], loop, out)
            lengths = overlaps = all_lengths = all_overlaps = 1
            for rank in range(ranks):
                of_rank = out if rank == own else stay[rank]
                lengths *= of_rank[0]
                overlaps *= of_rank[1]
                all_lengths *= of_rank[2]
                all_overlaps *= of_rank[3]
            if own >= 0:
                asked += shared_others * (lengths - overlaps)
                brought += all_others * (all_lengths - all_overlaps)
            else:
                inside, outside = others[dim, row, _PASSES], others[dim, 1 + loop, _PASSES]
                rest = shared_others // inside
                asked += rest * (inside - outside) * (lengths - overlaps)
                shared_others = rest * outside
                inside, outside = standing.sums[dim, row, _PASSES], standing.sums[dim, 1 + loop, _PASSES]
                rest = all_others // inside
                brought += rest * (inside - outside) * (all_lengths - all_overlaps)
                all_others = rest * outside
        standing.row[dim] = 1 + loop
        standing.reached[dim] += (count - 1) * nest.loops[loop, _STRIDE]
        if own >= 0 and not is_whole:
            along(nest, kinds, cells, tables, standing, child, own, coefficients[own], STANDS, stay[own])
    lengths = all_lengths = 1
    for rank in range(ranks):
        along(nest, kinds, cells, tables, standing, child, rank, coefficients[rank], FIRST_TILE, out)
        lengths *= out[0]
        all_lengths *= out[2]
    figures[FIRST_ASKED] = shared_first * lengths  # of all parents; `write_ends` makes it that of the first
    if not is_whole:
        figures[ASKED], figures[BROUGHT] = asked + shared_first * lengths, brought + all_first * all_lengths
    return True


@inner_making_arrays
def write_even_ends(nest: Nest, parent: int, words: int, is_output: bool, figures: Ints) -> None:
    """Write what the first parent reads for the first tiles of its children, and what the last ones give back to it.

    Where all parts divide their dimensions: all parents read as much, and the last tiles are like the first.
    """
    parents = 1
    for dim in range(nest.length.shape[0]):
        for place in range(begin_of(nest, dim, parent), nest.length[dim]):
            if nest.chain[dim, place, _LOOP] < 0:
                parents *= nest.chain[dim, place, _COUNT]
    figures[FIRST_ASKED] //= parents
    figures[LAST_UPDATED] = figures[FIRST_ASKED] if is_output else 0
    figures[LAST_WORDS] = words if is_output else 0


@inner_making_arrays
def write_ends(
    nest: Nest,
    kinds: Kinds,
    cells: Cells,
    tables: Tables,
    standing: Standing,
    scratch: Ints,
    child: int,
    parent: int,
    coefficients: Ints,
    rank_of: Ints,
    alone: Flags,
    is_output: bool,
    figures: Ints,
) -> None:
    """The same, whatever the parts."""
    ranks, dims = coefficients.shape
    levels, nowhere = alone.shape[0], np.zeros(alone.shape[0], np.bool_)
    first = last = last_words = 1
    for dim in range(dims):
        factor = 0
        if rank_of[dim] < 0:
            write_kinds(nest, kinds, dim, child, parent, levels, child, alone)
            write_sums(nest, kinds, dim, child, scratch)
            first *= scratch[first_row(nest, dim, child), _PASSES]
        elif is_output:
            factor = abs(coefficients[rank_of[dim], dim])
            write_kinds(nest, kinds, dim, child, parent, levels, child, nowhere)
            last_words *= last_along(kinds, dim, factor)
            write_kinds(nest, kinds, dim, child, parent, child + 1, parent, alone)
        last *= last_along(kinds, dim, factor)
    prepare(nest, kinds, tables, standing, child, parent, coefficients, rank_of, alone, parent)
    for dim in range(dims):
        standing.row[dim] = first_row(nest, dim, child)
    out = np.zeros(4, np.int64)
    for rank in range(ranks):
        along(nest, kinds, cells, tables, standing, child, rank, coefficients[rank], FIRST_TILE, out)
        first *= out[0]
    figures[FIRST_ASKED] = first
    figures[LAST_UPDATED] = last if is_output else 0
    figures[LAST_WORDS] = last_words if is_output else 0


# -- a whole mapping ---------------------------------------------------------------------------------------------------


@compiled
def words_of(coefficients: Ints, extents: Ints) -> int:
    """Words of a tile of one data space; coefficients (rank, dim)."""
    product = 1
    for rank in range(coefficients.shape[0]):
        length = 1
        for dim in range(coefficients.shape[1]):
            length += abs(coefficients[rank, dim]) * (extents[dim] - 1)
        product *= length
    return product


@inner_making_arrays
def write_words(machine: Machine, nest: Nest, words: Ints) -> None:
    """Write the words of the largest tiles; words (space, level)."""
    spaces, levels = words.shape
    extents = np.zeros(nest.length.shape[0], np.int64)
    for level in range(levels):
        for dim in range(extents.shape[0]):
            extents[dim] = min(nest.full[level + 1, dim], nest.cut[levels, dim])
        for space in range(spaces):
            words[space, level] = words_of(machine.coefficients[space], extents)


@inner_making_arrays
def misfit(room: Ints, least: Floats, kept: Flags, words: Ints) -> int:
    """1 + the innermost memory that the tiles do not fit, or not fill enough; 0: none."""
    for level in range(kept.shape[1]):
        needed = 0
        for space in range(kept.shape[0]):
            if kept[space, level]:
                needed += words[space, level]
        if room[level] >= 0 and (needed > room[level] or needed < least[level]):
            return 1 + level
    return 0


@inner_making_arrays
def passes_of(nest: Nest, dim: int, level: int) -> int:
    """Steps along a dimension of all instances of a memory (-1: the units), as `activity` has them."""
    before, at_top = 0, 1
    for place in range(nest.length[dim] - 1, -1, -1):
        link = nest.chain[dim, place]
        if link[_LOOP] >= 0 or link[_LEVEL] > level:
            before = before * link[_COUNT] + at_top * link[_TOP]
        elif link[_TOP] > 0:
            before, at_top = before + at_top, 0
    return before + at_top


@inner_making_arrays
def write_at_work(nest: Nest, at_work: Floats) -> int:
    """Write how many instances of each memory have work, on average over the steps; at the end, units. -> the steps."""
    levels, dims = nest.full.shape[0] - 1, nest.full.shape[1]
    at_work[:] = 1.0
    steps = 1
    for dim in range(dims):
        of_one = passes_of(nest, dim, levels)
        steps *= of_one
        for level in range(levels):
            at_work[level] *= passes_of(nest, dim, level) / of_one
        at_work[levels] *= passes_of(nest, dim, _UNITS) / of_one
    return steps


@inner_making_arrays
def most_children(spatial: Ints) -> int:
    """Units that any of the mappings takes, and so the most children that are told apart; spatial (mapping, level, axis, dim)."""
    most = 1
    for at in range(spatial.shape[0]):
        product = 1
        for level in range(spatial.shape[1]):
            for axis in range(2):
                for dim in range(spatial.shape[3]):
                    product *= spatial[at, level, axis, dim]
        most = max(most, product)
    return most


@inner_making_arrays
def room_for(levels: int, dims: int, ranks: int, children: int) -> tuple[Nest, Kinds, Cells, Tables, Standing]:
    """Room for any mapping of so many memories, dimensions, ranks and children."""
    loops, most = levels * dims, 4 * levels + 1
    nest = Nest(
        np.zeros((loops, 5), np.int64),
        np.zeros((dims, 3 * levels, 5), np.int64),
        np.zeros(dims, np.int64),
        np.zeros((levels + 1, dims), np.int64),
        np.zeros((levels + 1, dims), np.int64),
    )
    kinds = Kinds(
        np.zeros(dims, np.int64),
        np.zeros(dims, np.int64),
        np.zeros((dims, most, 3), np.int64),
        np.zeros((dims, most, loops), np.int64),
        np.zeros((dims, most, loops), np.int64),
    )
    cells = Cells(
        np.zeros(dims, np.int64),
        np.zeros((dims, 4 * most + 1), np.int64),
        np.zeros((dims, 4 * most + 1, most, 4), np.int64),
        np.zeros((MOST_KINDS, 4), np.int64),
    )
    tables = Tables(
        np.zeros(ranks, np.int64),
        np.zeros((ranks, children), np.int64),
        np.zeros((ranks, children), np.int64),
    )
    standing = Standing(
        np.zeros((dims, loops + 1, 4), np.int64),
        np.zeros(dims, np.int64),
        np.zeros(dims, np.int64),
        np.zeros(dims, np.int64),
    )
    return nest, kinds, cells, tables, standing


@compiled
def all_counted(
    machine: Machine,
    rank_of: Ints,
    wants_ends: bool,
    temporal: Ints,
    temporal_last: Ints,
    order: Ints,
    spatial: Ints,
    spatial_last: Ints,
    spatial_order: Ints,
    kept: Flags,
    found: Found,
) -> None:
    """Write what is found of many mappings; rank_of (space, dim): the rank that it moves along; -1: none."""
    words, figures, at_work, places, states = found.words, found.figures, found.at_work, found.places, found.states
    many, spaces, levels = kept.shape
    dims, ranks = temporal.shape[2], machine.coefficients.shape[1]
    nest, kinds, cells, tables, standing = room_for(levels, dims, ranks, most_children(spatial))
    others, stay = np.zeros((dims, levels * dims + 1, 4), np.int64), np.zeros((ranks, 4), np.int64)
    alone = np.zeros(levels, np.bool_)
    for at in range(many):
        in_time = flattened(
            temporal[at], temporal_last[at], order[at], spatial[at], spatial_last[at], spatial_order[at], nest
        )
        write_words(machine, nest, words[at])
        states[at] = misfit(machine.room_words, machine.least_words, kept[at], words[at])
        if states[at]:
            continue
        found.steps[at] = write_at_work(nest, at_work[at])
        are_even = True
        for dim in range(dims):
            are_even = are_even and is_even(nest, dim)
        for space in range(spaces):
            child = _UNITS
            for parent in range(levels):
                if not kept[at, space, parent]:
                    continue
                for level in range(levels):
                    alone[level] = child < level <= parent and not machine.shares[level, space]
                coefficients, own = machine.coefficients[space], rank_of[space]
                is_output, told = machine.is_output[space], figures[at, space, child + 1]
                is_whole = child < 0 or machine.is_whole[child, space]
                if not between(
                    nest,
                    kinds,
                    cells,
                    tables,
                    standing,
                    others,
                    stay,
                    in_time,
                    child,
                    parent,
                    coefficients,
                    own,
                    alone,
                    is_output,
                    is_whole,
                    told,
                ):
                    states[at] = -1
                elif wants_ends and child >= 0 and are_even:
                    write_even_ends(nest, parent, words[at, space, child], is_output, told)
                elif wants_ends and child >= 0:
                    write_ends(
                        nest,
                        kinds,
                        cells,
                        tables,
                        standing,
                        others[0],
                        child,
                        parent,
                        coefficients,
                        own,
                        alone,
                        is_output,
                        told,
                    )
                child = parent
        places[at, levels - 1] = 1
        for level in range(levels - 1, 0, -1):
            places[at, level - 1] = places[at, level] * spatial[at, level].prod()
