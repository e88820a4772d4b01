"""What every mapping of a part of the space must cost at least, and a walk of its factors that such bounds cut short.

A bound knows the loops over the children of all memories, which data spaces they keep, and the loops in time of the innermost
memories. It rests on one argument. A memory that holds |U| words, and whose loops up to some point touch |B| different words, is
brought at least |B| - |U| of them each time that these loops run, whatever their order. With V such runs,

    brought >= V (|B| - |U|) + |U|,

and the largest value over all such points holds. Two data spaces cannot both have the innermost loop to themselves: among the
memories that wait for the same loops, the cheapest choice of the innermost one is taken for all of them together. [as in Q.
Huang et al., Mind the Gap: Attainable Data Movement and Operational Intensity Bounds for Tensor Algorithms, ISCA 2024]

The functions stand in one file because numba keeps what it compiled until the file of a function changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.core.jit import compiled, inner_making_arrays

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CYCLES, ENERGY, PRODUCT = 0, 1, 2  # what a walk makes small
# Columns of Part.rates: of the words asked the part that reaches the memory outside, and what of them rounding may lose; words that
# it need not read, as they are written there first; the same of what is filled; and picojoules of a word.
_REACHES, _LOST, _FIRST, _FILL_LOST, _FILL_FIRST, _READ_PJ, _UPDATE_PJ, _FILL_PJ = range(8)
_STEPS_OF_A_BOUND = 20  # in the time of a bound so many factors are tried


class Terms(NamedTuple):
    """A problem and an accelerator as numbers for bounds; level 0 is the innermost memory."""

    bounds: Ints  # (dim)
    coefficients: Ints  # (space, rank, dim), without signs; of dimensions of one iteration 0
    ranks: Ints  # (space): how many it has
    moves: Flags  # (space, dim): the dimension moves the data space
    slides: Flags  # (space, dim): and another one moves the same rank, so that tiles overlap
    is_separable: Flags  # (space): no dimension moves two ranks
    whole: Floats  # (space): different words that all loops touch
    boxes: Floats  # (space): words of the box of all loops, gaps among them
    is_output: Flags  # (space)
    price_pj: Floats  # (level, 3): of a word that is read, filled, updated
    clusters: Ints  # (level): wide accesses at once
    limits_words_per_cycle: Floats  # (level, 3): reads, writes, both
    scale: Floats  # (level, space): words of bandwidth that a word takes
    lends: Flags  # (level, space): a child may have words from its neighbour
    room_words: Ints  # (level); -1: without end
    units_pj: float  # of all multiply-accumulates
    divisors: Ints  # (dim, at), ascending; 0 behind the last
    floors: bool  # instances at work are rounded down
    across: bool  # children share a read across all levels between two memories that keep a data space


class Part(NamedTuple):
    """A part of the space, everything but the loops in time, with what follows from that."""

    spatial: Ints  # (level, dim): iterations over children, both axes
    kept: Flags  # (space, level)
    least: Ints  # (level, dim): iterations in time
    most: Ints
    is_even: bool  # parts divide their dimensions
    inside: Ints  # (level + 1, dim): iterations over the children of all levels further in
    above: Floats  # (level): instances at work; and of the units in the last place
    used: Floats  # (level): of those, how many work at some time at least
    alike: Floats  # (space, level): of those at work, how many need the same words
    share: Floats  # (level, space): of the words that the children take, the part that is read at least
    may_lend: Flags  # (level, space): a child may get words from a neighbour
    far: Ints  # (space, level): the memory that is asked by what is inside of this one; -1: none, or nothing is inside
    rates: Floats  # (space, level, 8): what is read, updated and filled of what is asked; see the columns
    steps: float  # in time, at least
    rounding: float  # of the words of an instance, the part that is left where instances at work are rounded down


class Place(NamedTuple):
    """Where a walk stands, so that it goes on from there."""

    at: Ints  # (1): the loop that is chosen next, level * dims + dim; -1: the walk is at its end
    tried: Ints  # (level * dim): iterations; 0: none yet
    left: Ints  # (level * dim): what is left of the dimension for this loop and those outside
    temporal: Ints  # (level, dim)


@compiled
def different(one: int, two: int, n_one: int, n_two: int) -> int:
    """Different values of one * i + two * j, or fewer, for as many i and j."""
    if one > two:
        one, two, n_one, n_two = two, one, n_two, n_one
    if two % one:
        return n_one + n_two - 1
    step = two // one
    return (n_two - 1) * step + n_one if step <= n_one else n_one * n_two


@compiled
def touched(coefficients: Ints, ranks: int, is_separable: bool, box: Ints) -> float:
    """Different words that a box of loops touches, or fewer; without the gaps of strides."""
    product, most = 1.0, 1.0
    for rank in range(ranks):
        terms, first, second, span = 0, 0, 0, 1
        for dim in range(box.shape[0]):
            if coefficients[rank, dim]:
                span += box[dim] - 1
                terms += 1
                if terms == 1:
                    first = dim
                else:
                    second = dim
        if terms == 2:
            span = different(coefficients[rank, first], coefficients[rank, second], box[first], box[second])
        product *= span
        most = max(most, span)
    return product if is_separable else most


@compiled
def held(coefficients: Ints, ranks: int, box: Ints) -> float:
    """Words of the bounding box, gaps among them."""
    product = 1.0
    for rank in range(ranks):
        length = 1
        for dim in range(box.shape[0]):
            length += coefficients[rank, dim] * (box[dim] - 1)
        product *= length
    return product


@compiled
def part_of(terms: Terms, spatial: Ints, kept: Flags, least: Ints, most: Ints, is_even: bool) -> Part:
    """A part of the space by its loops over children (level, dim) and by what is kept (space, level)."""
    levels, dims = spatial.shape
    spaces = kept.shape[0]
    inside = np.ones((levels + 1, dims), np.int64)
    for level in range(levels):
        inside[level + 1] = inside[level] * spatial[level]
    above, used, alike = np.ones(levels + 1), np.ones(levels + 1), np.ones((spaces, levels + 1))
    steps, rounding = 1.0, 1.0
    for dim in range(dims):
        steps *= -(-terms.bounds[dim] // inside[levels, dim])
        for level in range(levels + 1):  # the last place is that of the units
            outside = inside[levels, dim] // (inside[level + 1, dim] if level < levels else 1)
            above[level] *= outside
            used[level] *= outside if is_even else _least_used(spatial, level, dim)
            for space in range(spaces):
                if not terms.moves[space, dim]:
                    alike[space, level] *= outside
    for level in range(levels):
        if terms.floors and not is_even and above[level] > 1:
            rounding = min(rounding, 0.5 if above[level] < 8 else 1 - 4 / above[level])
    share, may_lend = np.ones((levels, spaces)), np.zeros((levels, spaces), np.bool_)
    far = np.full((spaces, levels), -1)
    for space in range(spaces):
        for level in range(levels):
            may_lend[level, space] = _may_lend(terms, spatial[level], level, space)
            share[level, space] = _share(terms, spatial[level], space, may_lend[level, space])
            if level == 0 or kept[space, level - 1]:
                for outer in range(levels - 1, level - 1, -1):
                    if kept[space, outer]:
                        far[space, level] = outer
    rates = np.zeros((spaces, levels, 8))
    for space in range(spaces):
        for near in range(levels):
            if far[space, near] >= 0:
                _write_rates(
                    terms,
                    spatial,
                    is_even,
                    space,
                    near,
                    far[space, near],
                    above,
                    alike,
                    share,
                    may_lend,
                    rates[space, near],
                )
    return Part(
        spatial, kept, least, most, is_even, inside, above, used, alike, share, may_lend, far, rates, steps, rounding
    )


@inner_making_arrays
def _least_used(spatial: Ints, level: int, dim: int) -> int:
    """Children of all memories outside of a level that have a part of a dimension, where the last one may have little of it."""
    used = 1
    for outer in range(spatial.shape[0] - 1, level, -1):
        used = spatial[outer, dim] if used == 1 else (used - 1) * spatial[outer, dim] + 1
    return used


@inner_making_arrays
def _shared_across(terms: Terms, spatial: Ints, space: int, near: int, far: int) -> float:
    """What is left of reads at least where loops over children of several levels move one rank, and so meet in the same words."""
    left = 1.0
    for rank in range(terms.ranks[space]):
        levels, children, span = 0, 1.0, 1.0
        for level in range(near, far + 1):
            for dim in range(spatial.shape[1]):
                if terms.coefficients[space, rank, dim] and spatial[level, dim] > 1:
                    levels += 1
                    break
        for dim in range(spatial.shape[1]):
            if terms.coefficients[space, rank, dim]:
                together = 1
                for level in range(near, far + 1):
                    together *= spatial[level, dim]
                children *= together
                span += together - 1
        if levels > 1:
            left *= span / children
    return left


@inner_making_arrays
def _write_rates(
    terms: Terms,
    spatial: Ints,
    is_even: bool,
    space: int,
    near: int,
    far: int,
    above: Floats,
    alike: Floats,
    share: Floats,
    may_lend: Flags,
    rates: Floats,
) -> None:
    """Write a row of Part.rates."""
    rates[_REACHES] = 1.0
    for level in range(near + 1, far + 1):
        rates[_REACHES] *= share[level, space]
    if terms.across:
        rates[_REACHES] *= _shared_across(terms, spatial, space, near, far)
    is_rounded = not is_even or far > near or may_lend[near, space]  # counts of an instance that are not whole
    rates[_LOST] = above[far] if is_rounded else 0.0
    of_far = min(above[far], terms.clusters[far]) / above[far]
    rates[_READ_PJ] = terms.price_pj[far, 0] * of_far
    if terms.is_output[space]:
        rates[_UPDATE_PJ] = terms.price_pj[far, 2] * of_far
        rates[_FIRST] = terms.boxes[space] * alike[space, far]
    if near:
        rates[_FILL_LOST] = above[near - 1] if is_rounded else 0.0
        rates[_FILL_PJ] = terms.price_pj[near - 1, 1] * min(above[near - 1], terms.clusters[near - 1]) / above[near - 1]
        if terms.is_output[space]:
            rates[_FILL_FIRST] = terms.boxes[space] * alike[space, near - 1]


@inner_making_arrays
def _may_lend(terms: Terms, spatial: Ints, level: int, space: int) -> bool:
    """Whether a neighbour may have had the words that a child needs: where two dimensions move a rank, or nothing moves."""
    if not terms.lends[level, space]:
        return False
    for dim in range(spatial.shape[0]):
        if spatial[dim] > 1 and (terms.slides[space, dim] or (level == 0 and not terms.moves[space, dim])):
            return True
    return not terms.is_separable[space]


@inner_making_arrays
def _share(terms: Terms, spatial: Ints, space: int, may_lend: bool) -> float:
    """Of the words that the children of a memory take, the part that is read at least."""
    children, groups, most = 1.0, 1.0, 1.0
    for dim in range(spatial.shape[0]):
        children *= spatial[dim]
    if may_lend:
        return 1.0 / children
    for rank in range(terms.ranks[space]):
        span = 1
        for dim in range(spatial.shape[0]):
            if terms.coefficients[space, rank, dim]:
                span += spatial[dim] - 1
        groups *= span
        most = max(most, span)
    return (groups if terms.is_separable[space] else most) / children


@compiled
def swept(
    bounds: Ints,
    moves: Flags,
    coefficients: Ints,
    ranks: int,
    is_separable: bool,
    is_even: bool,
    whole: float,
    box: Ints,
) -> tuple[float, float]:
    """-> runs of the loops up to a box, and the words that those of them touch in all that touch different ones.

    moves (dim), coefficients (rank, dim) and `whole`, the words that all loops touch, are those of one data space.
    """
    runs, runs_moved = 1.0, 1.0
    for dim in range(box.shape[0]):
        if box[dim] == bounds[dim]:
            continue
        passes = (bounds[dim] + box[dim] - 1) // box[dim]
        runs *= passes
        if moves[dim]:
            runs_moved *= passes
    if is_even and runs_moved > 1:
        return runs, max(whole, runs_moved * touched(coefficients, ranks, is_separable, box))
    return runs, whole


@inner_making_arrays
def needing(terms: Terms, part: Part, space: int, holder: int, level: int, reach: Ints) -> float:
    """Runs of the loops up to a level, times instances of a holder at work in them, that need the same words.

    reach (dim): iterations up to the level, be they more than there are. In a run an instance has as many as come to each at most.
    """
    found, is_outermost = 1.0, level == part.spatial.shape[0] - 1
    for dim in range(reach.shape[0]):
        if terms.moves[space, dim]:
            continue
        children = part.inside[level + 1, dim] / part.inside[holder + 1, dim]
        if part.is_even:
            found *= children * (1.0 if is_outermost else terms.bounds[dim] / reach[dim])
        elif is_outermost:
            found *= _least_used(part.spatial, holder, dim)
        elif reach[dim] < terms.bounds[dim]:
            found *= children * terms.bounds[dim] / reach[dim]
        else:  # all that are outside of it are here
            found *= max(children * terms.bounds[dim] / reach[dim], _least_used(part.spatial, holder, dim))
    return found


@compiled
def cut(
    terms: Terms,
    part: Part,
    space: int,
    holder: int,
    level: int,
    reach: Ints,
    runs: float,
    words: float,
    room: float,
) -> float:
    """Words brought at least to all instances of a holder, of so much room each, by the argument above with loops up to a level.

    Instances that need the same words need them in every run. What one holds at its first run it is brought too.
    """
    asked = needing(terms, part, space, holder, level, reach) * words
    kept = runs * part.above[holder] / part.above[level] * room
    return float(max(asked - kept + part.used[holder] * room, 0.0))


@compiled
def priced(rates: Floats, asked: float, filled: float) -> float:
    """Energy of what is asked of one memory and filled into another."""
    words = max(asked * rates[_REACHES] - rates[_LOST], 0.0)
    fills = max(filled - rates[_FILL_LOST] - rates[_FILL_FIRST], 0.0)
    reads = max(words - rates[_FIRST], 0.0)
    return float(reads * rates[_READ_PJ] + words * rates[_UPDATE_PJ] + fills * rates[_FILL_PJ])


@compiled
def bound(terms: Terms, part: Part, temporal: Ints, known: int) -> tuple[float, float]:
    """Cycles and picojoules of every mapping of a part whose innermost `known` memories have these loops in time (level, dim)."""
    spaces, levels = part.kept.shape
    dims = terms.bounds.shape[0]
    # Iterations of the children of each memory together, and with its own loops in time; more than there are at a ragged end.
    wide, tiles = np.ones((levels, dims), np.int64), np.ones((levels, dims), np.int64)
    for dim in range(dims):
        reach = 1
        for level in range(min(known + 1, levels)):
            reach *= part.spatial[level, dim]
            wide[level, dim] = reach
            if level < known:
                reach *= temporal[level, dim]
                tiles[level, dim] = reach
    # Of each data space, words that the children of a memory take, and those that are written into them.
    asked, filled = np.zeros((spaces, levels)), np.zeros((spaces, levels))
    waits = np.full(
        (spaces, levels), -1
    )  # the first memory outside that has loops in time; -1: their order is of no matter
    for space in range(spaces):
        for near in range(levels):
            if part.far[space, near] >= 0:
                _brought(terms, part, temporal, known, tiles, wide, space, near, asked, filled, waits)
    energy_pj = terms.units_pj
    for space in range(spaces):
        for near in range(levels):
            if part.far[space, near] >= 0 and waits[space, near] < 0:
                energy_pj += priced(part.rates[space, near], asked[space, near], filled[space, near])
    for level in range(min(known + 1, levels)):
        energy_pj += _of_waiting(terms, part, temporal, known, level, tiles, wide, asked, filled, waits)
    return max(part.steps, _slowest(terms, part, asked, filled)), energy_pj


@inner_making_arrays
def _brought(
    terms: Terms,
    part: Part,
    temporal: Ints,
    known: int,
    tiles: Ints,
    wide: Ints,
    space: int,
    near: int,
    asked: Floats,
    filled: Floats,
    waits: Ints,
) -> None:
    """Write what is brought to what is inside of a memory, whatever the order of the loops."""
    levels = part.kept.shape[1]
    if near > known:  # not even the tile is known: every word comes once
        everything = terms.whole[space]
        asked[space, near] = everything * needing(terms, part, space, near, levels - 1, terms.bounds)
        filled[space, near] = everything * needing(terms, part, space, near - 1, levels - 1, terms.bounds)
        return
    if near == 0 and not part.may_lend[0, space]:  # units remember nothing
        asked[space, 0] = part.share[0, space]
        for dim in range(terms.bounds.shape[0]):
            asked[space, 0] *= terms.bounds[dim]
        return
    coefficients, ranks, separable = terms.coefficients[space], terms.ranks[space], terms.is_separable[space]
    bounds, moves, whole = terms.bounds, terms.moves[space], terms.whole[space]
    around = held(coefficients, ranks, np.minimum(wide[near], bounds))
    own = held(coefficients, ranks, np.minimum(tiles[near - 1], bounds)) if near else 1.0
    for level in range(near, levels):
        if level < known or level == levels - 1:
            reach = tiles[level] if level < known else bounds
            box = np.minimum(reach, bounds)
            runs, words = swept(bounds, moves, coefficients, ranks, separable, part.is_even, whole, box)
            came = cut(terms, part, space, near, level, reach, runs, words, around)
            asked[space, near] = max(asked[space, near], came)
            if near:
                came = cut(terms, part, space, near - 1, level, reach, runs, words, own)
                filled[space, near] = max(filled[space, near], came)
    level = near
    while level < known and not has_loops(temporal[level]):
        level += 1
    if level < levels:
        waits[space, near] = level


@inner_making_arrays
def has_loops(counts: Ints) -> bool:
    """Whether any of these loops runs more than once."""
    for dim in range(counts.shape[0]):  # noqa: SIM110  numba compiles no generator in any()
        if counts[dim] > 1:
            return True
    return False


@inner_making_arrays
def _slowest(terms: Terms, part: Part, asked: Floats, filled: Floats) -> float:
    """Cycles that the memories need for what is brought."""
    spaces, levels = part.far.shape
    read, write = np.zeros(levels), np.zeros(levels)
    for space in range(spaces):
        for near in range(levels):
            far = part.far[space, near]
            if far < 0:
                continue
            rates = part.rates[space, near]
            words = max(asked[space, near] * rates[_REACHES] - rates[_LOST], 0.0)
            read[far] += max(words - rates[_FIRST], 0.0) * terms.scale[far, space]
            if terms.is_output[space]:
                write[far] += words * terms.scale[far, space]
            if near:
                fills = max(filled[space, near] - rates[_FILL_LOST] - rates[_FILL_FIRST], 0.0)
                write[near - 1] += fills * terms.scale[near - 1, space]
    cycles = 0.0
    for level in range(levels):
        limits, each = terms.limits_words_per_cycle[level], part.above[level] / part.rounding
        cycles = max(cycles, read[level] / (each * limits[0]), write[level] / (each * limits[1]))
        cycles = max(cycles, (read[level] + write[level]) / (each * limits[2]))
    return float(cycles)


@inner_making_arrays
def _of_waiting(
    terms: Terms,
    part: Part,
    temporal: Ints,
    known: int,
    level: int,
    tiles: Ints,
    wide: Ints,
    asked: Floats,
    filled: Floats,
    waits: Ints,
) -> float:
    """Energy of all that wait for the loops of one memory, with the innermost of these loops that is the cheapest for them."""
    spaces, levels = waits.shape
    bounds, rates = terms.bounds, part.rates
    who = np.empty((spaces * levels, 2), np.int64)
    around, own = np.zeros(spaces * levels), np.zeros(spaces * levels)
    plain, count = 0.0, 0
    for space in range(spaces):
        for near in range(levels):
            if waits[space, near] == level:
                plain += priced(rates[space, near], asked[space, near], filled[space, near])
                who[count, 0], who[count, 1] = space, near
                coefficients, ranks = terms.coefficients[space], terms.ranks[space]
                around[count] = held(coefficients, ranks, np.minimum(wide[near], bounds))
                if near:
                    own[count] = held(coefficients, ranks, np.minimum(tiles[near - 1], bounds))
                count += 1
    if count == 0:
        return 0.0
    cheapest = np.inf
    reach = wide[level].copy()
    for dim in range(bounds.shape[0]):
        iterations = temporal[level, dim] if level < known else _least_count(terms, part, wide[level], known, dim)
        if iterations == 1:
            continue
        if level < known or not _slides_further_out(terms, part, known, dim):
            reach[dim] = wide[level, dim] * iterations
        box = np.minimum(reach, bounds)
        more = 1.0 if level < known else _further_runs(terms, part, level, dim, box[dim])
        found, last = 0.0, -1
        runs = words = 0.0
        for at in range(count):
            space, near = who[at, 0], who[at, 1]
            if space != last:
                last = space
                runs, words = swept(
                    bounds,
                    terms.moves[space],
                    terms.coefficients[space],
                    terms.ranks[space],
                    terms.is_separable[space],
                    part.is_even,
                    terms.whole[space],
                    box,
                )
                runs *= more
            came, fills = cut(terms, part, space, near, level, reach, runs, words, around[at]), 0.0
            if near:
                fills = cut(terms, part, space, near - 1, level, reach, runs, words, own[at])
            came, fills = max(came, asked[space, near]), max(fills, filled[space, near])
            found += priced(rates[space, near], came, fills)
        cheapest = min(cheapest, found)
        reach[dim] = wide[level, dim]
    return plain if cheapest == np.inf else cheapest


@inner_making_arrays
def _slides_further_out(terms: Terms, part: Part, known: int, dim: int) -> bool:
    """Whether a loop that is not known yet may move a tile over words that it touched, by more than one place."""
    if part.inside[part.spatial.shape[0], dim] == part.inside[known + 1, dim]:
        return False
    for space in range(terms.slides.shape[0]):  # noqa: SIM110  likewise
        if terms.slides[space, dim]:
            return True
    return False


@inner_making_arrays
def _further_runs(terms: Terms, part: Part, level: int, dim: int, extent: int) -> float:
    """Runs of a loop that is not known yet over those that its extent says: it may go around children that not all have a last one."""
    if part.is_even:
        return 1.0
    bound, between = terms.bounds[dim], 1
    runs = most = (bound + extent - 1) // extent
    for outer in range(level + 1, part.spatial.shape[0]):
        between *= part.spatial[outer, dim]
        most = max(most, between * ((bound + between * extent - 1) // (between * extent)))
    return float(most / runs)


@inner_making_arrays
def _least_count(terms: Terms, part: Part, wide: Ints, known: int, dim: int) -> int:
    """The least iterations of a loop in time that is not known yet; 1: there is none."""
    levels = part.spatial.shape[0]
    inside = wide[dim] * (part.inside[levels, dim] // part.inside[known + 1, dim])
    if inside >= terms.bounds[dim]:
        return 1
    if not part.is_even:
        return 2
    left = terms.bounds[dim] // inside
    for at in range(terms.divisors.shape[1]):
        divisor = terms.divisors[dim, at]
        if divisor > 1 and left % divisor == 0:
            return int(divisor)
    return 1


@inner_making_arrays
def _next_count(terms: Terms, part: Part, level: int, dim: int, left: int, count: int) -> int:
    """The next iterations to try after `count`; 0: none. Ragged: the smallest tile for each number of passes outside."""
    least, most = part.least[level, dim], min(part.most[level, dim], left)
    if part.is_even:
        for at in range(terms.divisors.shape[1]):
            divisor = terms.divisors[dim, at]
            if divisor == 0 or divisor > most:
                return 0
            if divisor > count and divisor >= least and left % divisor == 0:
                return int(divisor)
        return 0
    if count == 0:
        found = 1
    else:
        passes = (left + count - 1) // count
        if passes == 1:
            return 0
        found = (left + passes - 2) // (passes - 1)
    if found < least:
        found = least
    return found if found <= most else 0


@inner_making_arrays
def _left_after(part: Part, left: int, level: int, dim: int, count: int) -> int:
    """What is left of a dimension outside of a loop in time, and of those over the children of the next memory; 0: it cannot be."""
    if part.is_even:
        left //= count
        if level + 1 < part.spatial.shape[0]:
            if left % part.spatial[level + 1, dim]:
                return 0
            left //= part.spatial[level + 1, dim]
        return left
    left = (left + count - 1) // count
    if level + 1 < part.spatial.shape[0]:
        if left < part.spatial[level + 1, dim]:
            return 0
        left = (left + part.spatial[level + 1, dim] - 1) // part.spatial[level + 1, dim]
    return left


@inner_making_arrays
def _can_end(part: Part, left: int, level: int, dim: int) -> bool:
    """Whether the loops outside of a level, and of the children there, can make up what is left."""
    levels, most = part.spatial.shape[0], 1
    for outer in range(level + 1, levels):
        most *= part.most[outer, dim]
        if outer + 1 < levels:
            most *= part.spatial[outer + 1, dim]
        if most >= left:
            return True
    return most >= left


@inner_making_arrays
def _fits(terms: Terms, part: Part, temporal: Ints, level: int) -> bool:
    """Whether the tile of a memory fits, as far as its loops are chosen; those that are not count once."""
    if terms.room_words[level] < 0:
        return True
    dims = terms.bounds.shape[0]
    box = np.ones(dims, np.int64)
    for dim in range(dims):
        reach = 1
        for inner in range(level + 1):
            reach *= part.spatial[inner, dim] * temporal[inner, dim]
        box[dim] = min(reach, terms.bounds[dim])
    words = 0.0
    for space in range(part.kept.shape[0]):
        if part.kept[space, level]:
            words += held(terms.coefficients[space], terms.ranks[space], box)
    return bool(words <= terms.room_words[level])


@compiled
def least(objective: int, cycles: float, energy_pj: float) -> float:
    """What is made small."""
    if objective == CYCLES:
        return cycles
    return energy_pj if objective == ENERGY else cycles * energy_pj


@compiled
def walk(
    terms: Terms,
    part: Part,
    objective: int,
    limit: float,
    tightens: bool,
    place: Place,
    most_steps: int,
    found: Ints,
    values: Floats,
) -> tuple[int, float]:
    """Walk the factors of a part whose bound is below `limit`, from `place` on, and write those that are complete.

    found (at, level, dim), values (at): their bounds; `tightens`: what is found lowers the limit, so that in the end it is the
    least bound of all. -> how many were found, and the limit. The walk stops when `found` is full.
    """
    levels, dims = part.spatial.shape
    count, steps, last = 0, 0, levels * dims
    while place.at[0] >= 0 and steps < most_steps and count < found.shape[0]:
        steps += 1
        at = place.at[0]
        level, dim = at // dims, at % dims
        left = place.left[at]
        tried = _next_count(terms, part, level, dim, left, place.tried[at])
        place.tried[at] = tried
        if tried == 0:
            place.temporal[level, dim] = 1
            place.at[0] = at - 1
            continue
        place.temporal[level, dim] = tried
        after = _left_after(part, left, level, dim, tried)
        if after == 0 or not _can_end(part, after, level, dim):
            continue
        if tried > 1 and not _fits(terms, part, place.temporal, level):
            place.tried[at] = left  # a larger one does not fit either
            continue
        if dim == dims - 1:
            steps += _STEPS_OF_A_BOUND
            cycles, energy_pj = bound(terms, part, place.temporal, level + 1)
            value = least(objective, cycles, energy_pj)
            if value >= limit:
                continue
            if at == last - 1:
                found[count], values[count] = place.temporal, value
                count += 1
                if tightens:
                    limit = value
                continue
        if level + 1 < levels:
            place.left[at + dims] = after
        place.at[0] = at + 1
        place.tried[at + 1] = 0
    return count, limit


@compiled
def of_parts(terms: Terms, ways: Ints, masks: Flags, least: Ints, most: Ints, is_even: bool, values: Floats) -> None:
    """Write cycles and picojoules (way, mask, 2) of the parts, with no loop in time known."""
    temporal = np.ones(least.shape, np.int64)
    for way in range(ways.shape[0]):
        for mask in range(masks.shape[0]):
            part = part_of(terms, ways[way], masks[mask], least, most, is_even)
            values[way, mask, 0], values[way, mask, 1] = bound(terms, part, temporal, 0)
