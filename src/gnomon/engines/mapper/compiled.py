"""What the compiled functions work on: a problem and an accelerator as numbers, and what was found of many mappings.

They stand in six files: `even` and `ragged` for what moves and `tallied` for what comes of it, `exact.moved` and `exact.tallied`
for the same by Gnomon's own conventions, and `search.bounds`. None calls into another, and a few short functions stand in two of
them, because numba keeps what it compiled until the file of a function changes, and does not look at those of the functions that
it calls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Machine(NamedTuple):
    """A problem and an accelerator; spaces, ranks, dims and levels are counted from 0, the innermost memory first."""

    coefficients: Ints  # (space, rank, dim)
    place_values: Ints  # (space, rank): of a rank in the one number that stands for a word
    is_output: Flags  # (space)
    grid: Ints  # (level, 2): children of an instance along x and y
    room_words: Ints  # (level): for tiles; -1: without end
    least_words: Floats  # (level): that must be used
    block_words: Ints  # (level): of an access
    clusters: Ints  # (level): accesses at once of instances side by side
    read_pj: Floats  # (level): of a block, as the next two
    fill_pj: Floats
    update_pj: Floats
    leak_pj: Floats  # (level): in a cycle
    leaks_with: Ints  # (level): the memory whose working instances leak, and how many there are of it in each
    leaks_each: Ints
    read_words_per_cycle: Floats  # (level): infinite: without bound; so the next two
    write_words_per_cycle: Floats
    shared_words_per_cycle: Floats
    scale: Floats  # (level, space): words that one of its words takes of those
    latency_cycles: float  # of networks
    mac_pj: float
    shares: Flags  # (level, space): children share reads
    lends: Flags  # neighbours lend
    is_whole: Flags  # each tile comes whole
    skips_first: Flags  # the first partial sum is not read


class Moved(NamedTuple):
    """What moves under each of many mappings, as `movement` has it; all but `fits` is told only of those that fit."""

    fits: Flags  # (mapping)
    words: Ints  # (mapping, space, level): of the largest tile
    child_words: Ints  # (mapping, space, level): of that of all children together; 0: they are no array
    asked: Floats  # (mapping, space, level): words that the children of a memory read
    came: Floats  # words that arrived at them for it
    lent: Floats  # words that they had from their neighbours
    fanout: Ints  # (mapping, level): children of an instance
    places: Ints  # (mapping, level): instances that the mapping takes
    active: Ints  # (mapping, level): of them at work, on average
    macs: Ints  # (mapping)
    cycles: Ints  # (mapping): of the units alone


def unmoved(mappings: int, spaces: int, levels: int) -> Moved:
    """Room for so many."""
    of_space, of_level = (mappings, spaces, levels), (mappings, levels)
    return Moved(
        fits=np.zeros(mappings, np.bool_),
        words=np.zeros(of_space, np.int64),
        child_words=np.zeros(of_space, np.int64),
        asked=np.zeros(of_space),
        came=np.zeros(of_space),
        lent=np.zeros(of_space),
        fanout=np.ones(of_level, np.int64),
        places=np.ones(of_level, np.int64),
        active=np.ones(of_level, np.int64),
        macs=np.zeros(mappings, np.int64),
        cycles=np.zeros(mappings, np.int64),
    )
