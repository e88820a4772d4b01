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
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CYCLES, ENERGY, PRODUCT = 0, 1, 2  # what a walk makes small


class Terms(NamedTuple):
    """A problem and an accelerator as numbers for bounds; level 0 is the innermost memory."""

    bounds: Ints  # (dim)
    coefficients: Ints  # (space, rank, dim), without signs
    is_separable: Flags  # (space): no dimension moves two ranks
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


class Part(NamedTuple):
    """A part of the space: everything but the loops in time."""

    spatial: Ints  # (level, dim): iterations over children, both axes
    kept: Flags  # (space, level)
    least: Ints  # (level, dim): iterations in time
    most: Ints
    is_even: bool  # parts divide their dimensions


class Place(NamedTuple):
    """Where a walk stands, so that it goes on from there."""

    at: Ints  # (1): the loop that is chosen next, level * dims + dim; -1: the walk is at its end
    tried: Ints  # (level * dim): iterations; 0: none yet
    left: Ints  # (level * dim): what is left of the dimension for this loop and those outside
    temporal: Ints  # (level, dim)


@njit(cache=True)
def touched(coefficients: Ints, is_separable: bool, box: Ints) -> float:
    """Different words that a box of loops touches, or fewer; without the gaps of strides."""
    product, most = 1.0, 1.0
    for rank in range(coefficients.shape[0]):
        terms, first, extent, other, span = 0, 0, 1, 0, 1
        for dim in range(coefficients.shape[1]):
            factor = coefficients[rank, dim]
            if factor and box[dim] > 1:
                terms += 1
                span += box[dim] - 1
                if terms == 1:
                    first, extent = factor, box[dim]
                else:
                    other = dim
        here = float(span)
        if terms == 2:
            one, two, n_one, n_two = first, coefficients[rank, other], extent, box[other]
            if one > two:
                one, two, n_one, n_two = two, one, n_two, n_one
            if two % one == 0:
                step = two // one
                here = float((n_two - 1) * step + n_one) if step <= n_one else float(n_one * n_two)
        product *= here
        most = max(most, here)
    return product if is_separable else most


@njit(cache=True)
def held(coefficients: Ints, box: Ints) -> float:
    """Words of the bounding box, gaps among them."""
    product = 1.0
    for rank in range(coefficients.shape[0]):
        length = 1
        for dim in range(coefficients.shape[1]):
            length += coefficients[rank, dim] * (box[dim] - 1)
        product *= length
    return product


@njit(cache=True)
def is_moved(coefficients: Ints, dim: int) -> bool:
    """Whether a dimension moves a data space."""
    for rank in range(coefficients.shape[0]):  # noqa: SIM110  numba compiles no generator in any()
        if coefficients[rank, dim]:
            return True
    return False


@njit(cache=True)
def cut(terms: Terms, part: Part, space: int, box: Ints, first: int, last: int, words: float, start: float) -> float:
    """Words brought at least to all instances of a memory, from the argument above with the loops up to `box`.

    An instance holds `words`, all of them together `start`; between it and the box lie the children of the levels first..last.
    """
    coefficients = terms.coefficients[space]
    runs, runs_moved, runs_alike, children = 1.0, 1.0, 1.0, 1.0
    for dim in range(box.shape[0]):
        if terms.bounds[dim] == 1:
            continue
        here = 1
        for level in range(first, last + 1):
            here *= part.spatial[level, dim]
        children *= here
        passes = (terms.bounds[dim] + box[dim] - 1) // box[dim]
        runs *= passes
        if is_moved(coefficients, dim):
            runs_moved *= passes
        else:  # each of the children needs the same words, in every run
            runs_alike *= terms.bounds[dim] * here / box[dim]
    is_separable = terms.is_separable[space]
    swept = touched(coefficients, is_separable, terms.bounds)
    if part.is_even:
        swept = max(swept, runs_moved * touched(coefficients, is_separable, box))
    return max(runs_alike * swept - runs * children * words + start, 0.0)


@njit(cache=True)
def shared(terms: Terms, part: Part, level: int, space: int) -> float:
    """Of the words that the children of a memory take, the part that is read at least."""
    coefficients = terms.coefficients[space]
    children, groups = 1.0, 1.0
    for dim in range(terms.bounds.shape[0]):
        children *= part.spatial[level, dim]
    if children == 1:
        return 1.0
    if can_lend(terms, part, level, space):
        return 1.0 / children
    most = 1.0
    for rank in range(coefficients.shape[0]):
        span = 1
        for dim in range(terms.bounds.shape[0]):
            if coefficients[rank, dim]:
                span += part.spatial[level, dim] - 1
        groups *= span
        most = max(most, span)
    return (groups if terms.is_separable[space] else most) / children


@njit(cache=True)
def can_lend(terms: Terms, part: Part, level: int, space: int) -> bool:
    """Whether a neighbour may have had the words that a child needs: where two dimensions move a rank, or nothing moves."""
    if not terms.lends[level, space]:
        return False
    coefficients = terms.coefficients[space]
    for dim in range(terms.bounds.shape[0]):
        if part.spatial[level, dim] == 1:
            continue
        moved = False
        for rank in range(coefficients.shape[0]):
            if coefficients[rank, dim]:
                moved = True
                for other in range(terms.bounds.shape[0]):
                    if other != dim and coefficients[rank, other] and terms.bounds[other] > 1:
                        return True
        if not moved and level == 0:
            return True
    return not terms.is_separable[space]


@njit(cache=True)
def bound(terms: Terms, part: Part, temporal: Ints, known: int) -> tuple[float, float]:
    """Cycles and picojoules of every mapping of a part whose innermost `known` memories have these loops in time (level, dim)."""
    spaces, levels = part.kept.shape
    dims = terms.bounds.shape[0]
    tiles, wide = np.ones((levels + 1, dims), np.int64), np.ones((levels + 1, dims), np.int64)
    above, alike_above = np.ones(levels + 1), np.ones((spaces, levels + 1))  # instances; those that need the same words
    steps = 1.0
    for dim in range(dims):
        reach = 1
        for level in range(known + 1 if known < levels else levels):
            reach = min(reach * part.spatial[level, dim], terms.bounds[dim])
            wide[level, dim] = reach
            if level < known:
                reach = min(reach * temporal[level, dim], terms.bounds[dim])
                tiles[level, dim] = reach
        in_space = 1
        for level in range(levels):
            in_space *= part.spatial[level, dim]
        steps *= (terms.bounds[dim] + in_space - 1) // in_space
    for level in range(levels - 1, -1, -1):
        above[level] = above[level + 1] if level < levels - 1 else 1.0
        for space in range(spaces):
            alike_above[space, level] = alike_above[space, level + 1] if level < levels - 1 else 1.0
        if level < levels - 1:
            for dim in range(dims):
                above[level] *= part.spatial[level + 1, dim]
                for space in range(spaces):
                    if not is_moved(terms.coefficients[space], dim):
                        alike_above[space, level] *= part.spatial[level + 1, dim]
    rounding = 1.0
    if terms.floors and not part.is_even:
        for level in range(levels):
            if above[level] > 1:
                rounding = min(rounding, 0.5 if above[level] < 8 else 1 - 4 / above[level])
    read, write = np.zeros(levels), np.zeros(levels)
    energy_pj = terms.units_pj * rounding
    # Of each data space and each memory or unit that it comes to: from where, and the words so far.
    asked, filled = np.zeros((spaces, levels)), np.zeros((spaces, levels))
    waits = np.full((spaces, levels), -1)  # the first memory outside that has loops in time
    for space in range(spaces):
        coefficients, separable = terms.coefficients[space], terms.is_separable[space]
        whole = touched(coefficients, separable, terms.bounds)
        everything = 1.0
        for level in range(levels):
            for dim in range(dims):
                everything *= part.spatial[level, dim]
        for near in range(levels):
            if near and not part.kept[space, near - 1]:
                continue
            if near - 1 >= known:
                if _far(part, space, near) < levels:
                    asked[space, near] = whole * alike_above[space, near] * rounding
                    filled[space, near] = whole * alike_above[space, near - 1] * rounding
                continue
            around = held(coefficients, wide[near])
            if near == 0 and not can_lend(terms, part, 0, space):
                macs = 1.0
                for dim in range(dims):
                    macs *= terms.bounds[dim]
                asked[space, near] = macs * shared(terms, part, 0, space)
            else:
                asked[space, near] = 0.0
            start = above[near] * around
            own = held(coefficients, tiles[near - 1]) if near else 1.0
            own_start = above[near - 1] * own if near else everything
            for level in range(near, levels):
                if near <= level < known or level == levels - 1:
                    box = tiles[level] if level < known else terms.bounds
                    came = cut(terms, part, space, box, near + 1, level, around, start)
                    asked[space, near] = max(asked[space, near], came)
                    if near:
                        came = cut(terms, part, space, box, near, level, own, own_start)
                        filled[space, near] = max(filled[space, near], came)
            asked[space, near] *= rounding
            filled[space, near] *= rounding
            if near == 0 and not can_lend(terms, part, 0, space):
                continue  # units remember nothing: the order does not matter
            level = near
            while level < known:
                if has_loops(temporal[level]):
                    break
                level += 1
            if level < levels:
                waits[space, near] = level
    energy_pj += _competing(
        terms, part, temporal, known, tiles, wide, above, alike_above, asked, filled, waits, rounding
    )
    for space in range(spaces):
        for near in range(levels):
            if near and not part.kept[space, near - 1]:
                continue
            _carried(terms, part, space, near, above, alike_above, asked[space, near], filled[space, near], read, write)
    cycles = steps
    for level in range(levels):
        limits = terms.limits_words_per_cycle[level]
        each = above[level]
        cycles = max(cycles, read[level] / (each * limits[0]), write[level] / (each * limits[1]))
        cycles = max(cycles, (read[level] + write[level]) / (each * limits[2]))
    return cycles, energy_pj


@njit(cache=True)
def has_loops(counts: Ints) -> bool:
    """Whether any of these loops runs more than once."""
    for dim in range(counts.shape[0]):  # noqa: SIM110  likewise
        if counts[dim] > 1:
            return True
    return False


@njit(cache=True)
def _far(part: Part, space: int, near: int) -> int:
    """The memory that keeps the data space outside of the children of `near`."""
    far = near
    while far < part.kept.shape[1] and not part.kept[space, far]:
        far += 1
    return far


@njit(cache=True)
def _moved_words(
    terms: Terms, part: Part, space: int, near: int, above: Floats, alike_above: Floats, asked: float, filled: float
) -> tuple[int, float, float, float]:
    """-> the memory asked, words that it reads, that it is updated with, and that are filled into the one inside."""
    far = _far(part, space, near)
    if far == part.kept.shape[1]:
        return far, 0.0, 0.0, 0.0
    for level in range(near + 1, far + 1):
        asked *= shared(terms, part, level, space)
    if not part.is_even or far > near or can_lend(terms, part, near, space):
        asked = max(asked - above[far], 0.0)  # counts of an instance that are not whole are rounded
        filled = max(filled - above[near - 1], 0.0) if near else 0.0
    if not terms.is_output[space]:
        return far, asked, 0.0, filled
    whole = held(terms.coefficients[space], terms.bounds)
    inside = max(filled - whole * alike_above[space, near - 1], 0.0) if near else 0.0
    return far, max(asked - whole * alike_above[space, far], 0.0), asked, inside


@njit(cache=True)
def _price_pj(
    terms: Terms, part: Part, space: int, near: int, above: Floats, alike_above: Floats, asked: float, filled: float
) -> float:
    """Energy of what one memory or the units take."""
    far, reads, updates, fills = _moved_words(terms, part, space, near, above, alike_above, asked, filled)
    if far == part.kept.shape[1]:
        return 0.0
    of_far = min(above[far], terms.clusters[far]) / above[far]
    found = (reads * terms.price_pj[far, 0] + updates * terms.price_pj[far, 2]) * of_far
    if near:
        of_near = min(above[near - 1], terms.clusters[near - 1]) / above[near - 1]
        found += fills * terms.price_pj[near - 1, 1] * of_near
    return float(found)


@njit(cache=True)
def _carried(
    terms: Terms,
    part: Part,
    space: int,
    near: int,
    above: Floats,
    alike_above: Floats,
    asked: float,
    filled: float,
    read: Floats,
    write: Floats,
) -> None:
    """Add the words that memories read and write."""
    far, reads, updates, fills = _moved_words(terms, part, space, near, above, alike_above, asked, filled)
    if far == part.kept.shape[1]:
        return
    read[far] += reads * terms.scale[far, space]
    write[far] += updates * terms.scale[far, space]
    if near:
        write[near - 1] += fills * terms.scale[near - 1, space]


@njit(cache=True)
def _competing(
    terms: Terms,
    part: Part,
    temporal: Ints,
    known: int,
    tiles: Ints,
    wide: Ints,
    above: Floats,
    alike_above: Floats,
    asked: Floats,
    filled: Floats,
    waits: Ints,
    rounding: float,
) -> float:
    """Energy of all that is brought, with the cheapest innermost loop for those that wait for the same loops."""
    spaces, levels = part.kept.shape
    dims = terms.bounds.shape[0]
    energy_pj = 0.0
    for space in range(spaces):
        for near in range(levels):
            if (near == 0 or part.kept[space, near - 1]) and waits[space, near] < 0:
                energy_pj += _price_pj(
                    terms, part, space, near, above, alike_above, asked[space, near], filled[space, near]
                )
    box = np.ones(dims, np.int64)
    for level in range(min(known + 1, levels)):
        cheapest = np.inf
        plain = 0.0
        for dim in range(dims):
            count = temporal[level, dim] if level < known else _next_prime(terms, part, wide[level], known, dim)
            if count == 1:
                continue
            box[:] = wide[level]
            box[dim] = min(box[dim] * count, terms.bounds[dim])
            found = 0.0
            for space in range(spaces):
                for near in range(levels):
                    if waits[space, near] != level:
                        continue
                    around = held(terms.coefficients[space], wide[near])
                    came = cut(terms, part, space, box, near + 1, level, around, above[near] * around) * rounding
                    fills = 0.0
                    if near:
                        own = held(terms.coefficients[space], tiles[near - 1])
                        fills = cut(terms, part, space, box, near, level, own, above[near - 1] * own) * rounding
                    found += _price_pj(
                        terms,
                        part,
                        space,
                        near,
                        above,
                        alike_above,
                        max(came, asked[space, near]),
                        max(fills, filled[space, near]),
                    )
            cheapest = min(cheapest, found)
        if cheapest == np.inf:
            for space in range(spaces):
                for near in range(levels):
                    if waits[space, near] == level:
                        plain += _price_pj(
                            terms, part, space, near, above, alike_above, asked[space, near], filled[space, near]
                        )
            energy_pj += plain
        else:
            energy_pj += cheapest
    return energy_pj


@njit(cache=True)
def _next_prime(terms: Terms, part: Part, wide: Ints, known: int, dim: int) -> int:
    """The least iterations of a loop in time that is not known yet; 1: there is none."""
    inside = wide[dim]
    for level in range(known + 1, part.spatial.shape[0]):
        inside *= part.spatial[level, dim]
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


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def _can_end(part: Part, left: int, level: int, dim: int) -> bool:
    """Whether the loops outside of a level can make up what is left."""
    most = 1
    for outer in range(level + 1, part.spatial.shape[0]):
        if part.most[outer, dim] >= left:
            return True
        most *= part.most[outer, dim]
    return most >= left


@njit(cache=True)
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
            words += held(terms.coefficients[space], box)
    return bool(words <= terms.room_words[level])


@njit(cache=True)
def least(objective: int, cycles: float, energy_pj: float) -> float:
    """What is made small."""
    if objective == CYCLES:
        return cycles
    return energy_pj if objective == ENERGY else cycles * energy_pj


@njit(cache=True)
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
) -> tuple[int, int, float]:
    """Walk the factors of a part whose bound is below `limit`, from `place` on, and write those that are complete.

    found (at, level, dim), values (at): their bounds; `tightens`: what is found lowers the limit, so that in the end it is the
    least bound of all. -> how many were found, bounds that were taken, the limit. The walk stops when `found` is full.
    """
    levels, dims = part.spatial.shape
    count, taken, last = 0, 0, levels * dims
    while place.at[0] >= 0 and taken < most_steps and count < found.shape[0]:
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
            taken += 1
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
    return count, taken, limit


@njit(cache=True)
def of_parts(terms: Terms, ways: Ints, masks: Flags, least: Ints, most: Ints, is_even: bool, values: Floats) -> None:
    """Write cycles and picojoules (way, mask, 2) of the parts, with no loop in time known."""
    temporal = np.ones(least.shape, np.int64)
    for way in range(ways.shape[0]):
        for mask in range(masks.shape[0]):
            part = Part(ways[way], masks[mask], least, most, is_even)
            values[way, mask, 0], values[way, mask, 1] = bound(terms, part, temporal, 0)
