"""Counts and costs of what moved, compiled: `counts` and `costs` are the definition. [see `compiled` on the files]"""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import compiled, inner_making_arrays
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, Machine, Moved

READS, FILLS, UPDATES, PARTITION = range(4)  # columns of counts


@compiled
def all_tallied(machine: Machine, kept: Flags, moved: Moved, counts: Floats, cycles: Floats, energy_pj: Floats) -> None:
    """Write the counts (mapping, space, level, 4), cycles and energy (mapping) of the mappings that fit.

    kept (mapping, space, level). What was asked and came is overwritten.
    """
    for at in range(kept.shape[0]):
        if not moved.fits[at]:
            continue
        for space in range(kept.shape[1]):
            _partition(moved.words[at, space], moved.child_words[at, space], counts[at, space])
            outermost = _outermost(kept[at, space])
            _arrived(moved.came[at, space], moved.fanout[at], outermost, counts[at, space])
            _bypassed(
                kept[at, space],
                moved.fanout[at],
                moved.asked[at, space],
                moved.came[at, space],
                moved.lent[at, space],
            )
            _counted(machine, moved, at, space, kept[at, space], outermost, counts[at, space])
        busy = _busy_cycles(machine, counts[at], moved.active[at], moved.places[at], moved.cycles[at])
        cycles[at] = busy + np.ceil(machine.latency_cycles)
        energy_pj[at] = _energy_pj(machine, counts[at], moved.active[at], moved.places[at], moved.macs[at], busy)


@inner_making_arrays
def _outermost(kept: Flags) -> int:
    level: int = kept.shape[0] - 1
    while not kept[level]:
        level -= 1
    return level


@inner_making_arrays
def _partition(words: Ints, child_words: Ints, counts: Floats) -> None:
    """Different words of one data space that an instance of each memory deals with in all, from outside in."""
    found = words[-1]
    counts[-1, PARTITION] = found
    for level in range(words.shape[0] - 2, -1, -1):
        found = found * words[level] // (child_words[level + 1] if child_words[level + 1] else words[level])
        counts[level, PARTITION] = found


@inner_making_arrays
def _arrived(came: Floats, fanout: Ints, outermost: int, counts: Floats) -> None:
    """Words that come to one instance from outside, before anything is bypassed, in the place of fills."""
    for level in range(came.shape[0]):
        counts[level, FILLS] = came[level + 1] / fanout[level + 1] if level < outermost else 0.0


@inner_making_arrays
def _bypassed(kept: Flags, fanout: Ints, asked: Floats, came: Floats, lent: Floats) -> None:
    """What is asked of a memory that keeps nothing is asked of the next outside."""
    for level in range(kept.shape[0] - 1):
        if not kept[level]:
            share = asked[level] / (came[level + 1] / fanout[level + 1]) if came[level + 1] else 0.0
            asked[level + 1] *= share
            came[level + 1] *= share
            lent[level + 1] = 0.0


@inner_making_arrays
def _counted(machine: Machine, moved: Moved, at: int, space: int, kept: Flags, outermost: int, counts: Floats) -> None:
    """Write reads, fills and updates of one data space at each memory, from what arrived and the partition."""
    for level in range(kept.shape[0]):
        if not kept[level]:
            counts[level, :] = 0.0
            continue
        asked, arrived = moved.asked[at, space, level], counts[level, FILLS]
        peers = moved.lent[at, space, level + 1] / moved.active[at, level] if level < outermost else 0.0
        if not machine.is_output[space]:
            counts[level, READS] = np.floor(asked + peers + 0.5)
            counts[level, FILLS] = np.floor(arrived + peers)
            counts[level, UPDATES] = 0.0
        else:
            first = counts[level, PARTITION] if machine.skips_first[level, space] else 0.0
            counts[level, READS] = np.floor(asked + peers - first + 0.5)
            counts[level, FILLS] = np.floor(arrived + peers - (0.0 if level == outermost else first) + 0.5)
            counts[level, UPDATES] = np.floor(asked + 0.5)


@inner_making_arrays
def _busy_cycles(machine: Machine, counts: Floats, active: Ints, places: Ints, cycles: int) -> float:
    """Cycles of the slowest memory or of the units, without those in which the networks fill and drain."""
    slowest = float(cycles)
    for level in range(counts.shape[1]):
        crowding = places[level] / active[level]
        read = write = 0.0
        for space in range(counts.shape[0]):
            one, scale = counts[space, level], machine.scale[level, space]
            read += np.ceil(one[READS] / crowding) / cycles * scale
            write += np.ceil((one[FILLS] + one[UPDATES]) / crowding) / cycles * scale
        slowdown = 1.0
        if machine.read_words_per_cycle[level] < read:
            slowdown = min(slowdown, machine.read_words_per_cycle[level] / read)
        if machine.write_words_per_cycle[level] < write:
            slowdown = min(slowdown, machine.write_words_per_cycle[level] / write)
        if machine.shared_words_per_cycle[level] < read + write:
            slowdown = min(slowdown, machine.shared_words_per_cycle[level] / (read + write))
        slowest = max(slowest, np.ceil(cycles / slowdown))
    return slowest


@inner_making_arrays
def _energy_pj(machine: Machine, counts: Floats, active: Ints, places: Ints, macs: int, busy: float) -> float:
    """Of the units, of accesses in blocks and of leaks."""
    total_pj = macs * machine.mac_pj
    for level in range(counts.shape[1]):
        access_pj = 0.0
        for space in range(counts.shape[0]):
            one, block = counts[space, level], machine.block_words[level]
            access_pj += np.ceil(one[READS] / block) * machine.read_pj[level]
            access_pj += np.ceil(one[FILLS] / block) * machine.fill_pj[level]
            access_pj += np.ceil(one[UPDATES] / block) * machine.update_pj[level]
        clusters = min(places[level], machine.clusters[level])
        total_pj += access_pj / (places[level] / clusters) * active[level]
        leaking = active[machine.leaks_with[level]] * machine.leaks_each[level]
        total_pj += machine.leak_pj[level] * busy * leaking
    return total_pj
