"""What the compiled functions find of many mappings, as whole numbers over all instances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.engines.mapper.compiled import Floats, Ints

# Columns of what goes between children and their parents: words asked, those that share a read once; words that arrive; words
# that an output has nothing of yet, of the parents and of the children; what the first parent reads for the first tiles of its
# children, and is given back by the last ones; and words of the last tile of the first child.
ASKED, BROUGHT, FIRST, CHILD_FIRST, FIRST_ASKED, LAST_UPDATED, LAST_WORDS = range(7)
# Columns of what a memory does.
READS, FILLS, UPDATES, FIRST_SUMS = range(4)


class Found(NamedTuple):
    """Of a mapping that does not fit only its state and words are to be used."""

    states: Ints  # (mapping): 0; 1 + the memory that it does not fit; -1: a walk is needed
    words: Ints  # (mapping, space, level): of a tile
    figures: Ints  # (mapping, space, level + 1, 7): between a memory (0: the units) and its parent
    at_work: Floats  # (mapping, level + 1): instances with work, on average; at the end, units
    places: Ints  # (mapping, level): instances that the mapping takes
    steps: Ints  # (mapping): of the units
    counts: Ints  # (mapping, space, level, 4): what the memories do
    cycles: Floats  # (mapping)
    energy_pj: Floats


def nothing(mappings: int, spaces: int, levels: int) -> Found:
    """Room for so many."""
    return Found(
        states=np.zeros(mappings, np.int64),
        words=np.zeros((mappings, spaces, levels), np.int64),
        figures=np.zeros((mappings, spaces, levels + 1, 7), np.int64),
        at_work=np.ones((mappings, levels + 1)),
        places=np.ones((mappings, levels), np.int64),
        steps=np.ones(mappings, np.int64),
        counts=np.zeros((mappings, spaces, levels, 4), np.int64),
        cycles=np.zeros(mappings),
        energy_pj=np.zeros(mappings),
    )
