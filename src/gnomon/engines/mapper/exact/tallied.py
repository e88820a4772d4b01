"""Counts and costs of what moves, compiled: `walk` and `costs` are the definition."""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import compiled, inner_making_arrays
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, Machine
from gnomon.engines.mapper.exact.found import (
    ASKED,
    BROUGHT,
    CHILD_FIRST,
    FILLS,
    FIRST,
    FIRST_ASKED,
    FIRST_SUMS,
    LAST_UPDATED,
    LAST_WORDS,
    READS,
    UPDATES,
    Found,
)

_SLACK = 1e-12  # of a time, so that a division that comes out even is not rounded up


@inner_making_arrays
def write_counts(is_output: bool, skips_first: Flags, kept: Flags, figures: Ints, counts: Ints) -> None:
    """Write what every memory does with one data space, over all instances; counts (level, 4), figures (1 + child, figure)."""
    counts[:] = 0
    child = -1
    for parent in range(kept.shape[0]):
        if not kept[parent]:
            continue
        between_them = figures[child + 1]
        counts[parent, READS] = between_them[ASKED] - (between_them[FIRST] if skips_first[parent] else 0)
        if is_output:
            counts[parent, UPDATES], counts[parent, FIRST_SUMS] = between_them[ASKED], between_them[FIRST]
        if child >= 0:
            counts[child, FILLS] = between_them[BROUGHT] - (between_them[CHILD_FIRST] if skips_first[child] else 0)
        child = parent


@inner_making_arrays
def at_ports(machine: Machine, level: int, reads: float, writes: float) -> float:
    """Cycles that one instance of a memory needs for so many words; an infinite limit gives 0."""
    return float(
        max(
            reads / machine.read_words_per_cycle[level],
            writes / machine.write_words_per_cycle[level],
            (reads + writes) / machine.shared_words_per_cycle[level],
        )
    )


@inner_making_arrays
def end_cycles(machine: Machine, kept: Flags, words: Ints, figures: Ints, child: int, is_drain: bool) -> float:
    """Cycles of the first fill of a memory, or of its last drain, as `costs` has them."""
    spaces, levels = kept.shape
    own = 0.0
    asked = np.zeros(levels)
    for space in range(spaces):
        parent = child + 1
        while parent < levels and not kept[space, parent]:
            parent += 1
        if not kept[space, child] or parent == levels:
            continue
        between_them = figures[space, child + 1]
        if is_drain:
            own += between_them[LAST_WORDS] * machine.scale[child, space]
            asked[parent] += between_them[LAST_UPDATED] * machine.scale[parent, space]
        elif not (machine.is_output[space] and machine.skips_first[child, space]):
            own += words[space, child] * machine.scale[child, space]
            asked[parent] += between_them[FIRST_ASKED] * machine.scale[parent, space]
    longest = at_ports(machine, child, own if is_drain else 0.0, 0.0 if is_drain else own)
    for parent in range(child + 1, levels):
        reads, writes = (0.0, asked[parent]) if is_drain else (asked[parent], 0.0)
        longest = max(longest, at_ports(machine, parent, reads, writes))
    return longest


@compiled
def priced(
    machine: Machine, kept: Flags, words: Ints, figures: Ints, counts: Ints, at_work: Floats, places: Ints, steps: int
) -> tuple[float, float]:
    """Cycles and picojoules of an activity, as `costs` has them; places (level): those that the mapping takes."""
    spaces, levels = kept.shape
    slowest, ends = float(steps), machine.latency_cycles
    energy_pj = at_work[levels] * steps * machine.mac_pj
    for level in range(levels):
        reads = writes = access_pj = 0.0
        for space in range(spaces):
            count = counts[space, level]
            reads += count[READS] * machine.scale[level, space]
            writes += (count[FILLS] + count[UPDATES]) * machine.scale[level, space]
            access_pj += count[READS] * machine.read_pj[level]
            access_pj += count[FILLS] * machine.fill_pj[level]
            access_pj += count[UPDATES] * machine.update_pj[level]
        energy_pj += (
            access_pj / machine.block_words[level] * min(places[level], machine.clusters[level]) / places[level]
        )
        slowest = max(slowest, at_ports(machine, level, reads / at_work[level], writes / at_work[level]))
        for is_drain in (False, True):
            ends += end_cycles(machine, kept, words, figures, level, is_drain)
    exact = slowest + ends
    cycles = np.ceil(exact - _SLACK * exact)
    for level in range(levels):
        leaking = at_work[machine.leaks_with[level]] * machine.leaks_each[level]
        energy_pj += machine.leak_pj[level] * cycles * leaking
    return float(cycles), float(energy_pj)


@compiled
def all_tallied(machine: Machine, kept: Flags, found: Found) -> None:
    """Write counts, cycles and energy of the mappings of which all else is found; kept (mapping, space, level)."""
    for at in range(kept.shape[0]):
        if found.states[at]:
            continue
        for space in range(kept.shape[1]):
            write_counts(
                machine.is_output[space],
                machine.skips_first[:, space],
                kept[at, space],
                found.figures[at, space],
                found.counts[at, space],
            )
        found.cycles[at], found.energy_pj[at] = priced(
            machine,
            kept[at],
            found.words[at],
            found.figures[at],
            found.counts[at],
            found.at_work[at],
            found.places[at],
            found.steps[at],
        )
