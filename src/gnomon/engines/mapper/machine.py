"""A problem and an accelerator as arrays of numbers, for functions that are compiled."""

from __future__ import annotations

from math import floor, inf

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, Machine
from gnomon.engines.mapper.conventions import Switches

_LARGEST = 2**62  # a word's place is one number of 64 bits


def machine(problem: Problem, accelerator: Accelerator, flags: LoopNest, switches: Switches) -> Machine:
    """The numbers of a problem, an accelerator and the flags that a mapping bears. Unsupported where they are too large."""
    memories, spaces = accelerator.memories, problem.spaces
    leaking = [accelerator.leaking(level) for level in range(len(memories))]
    room = [-1 if one.entries is None else floor(one.entries / one.multiple_buffering) for one in memories]
    ranks = max(len(space.ranks) for space in spaces)

    def by_level_and_space(field: str) -> Flags:
        return np.array([[space.name in getattr(tiling, field) for space in spaces] for tiling in flags.tilings])

    return Machine(
        coefficients=np.array([_coefficients(space, list(problem.bounds), ranks) for space in spaces]),
        place_values=np.array([_place_values(space, problem, ranks) for space in spaces]),
        is_output=np.array([space.is_output for space in spaces]),
        grid=np.array([accelerator.fanout(level) for level in range(len(memories))]),
        room_words=np.array(room),
        least_words=np.array([one.min_utilization * max(words, 0) for one, words in zip(memories, room, strict=True)]),
        block_words=np.array([one.block_size for one in memories]),
        clusters=np.array([one.instances // one.cluster_size for one in memories]),
        read_pj=np.array([one.actions.read_pj for one in memories], float),
        fill_pj=np.array([one.actions.fill_pj for one in memories], float),
        update_pj=np.array([one.actions.update_pj for one in memories], float),
        leak_pj=np.array([one.actions.leak_pj for one in memories], float),
        leaks_with=np.array([gate for gate, _ in leaking]),
        leaks_each=np.array([together for _, together in leaking]),
        read_words_per_cycle=_bounds([one.read_words_per_cycle for one in memories]),
        write_words_per_cycle=_bounds([one.write_words_per_cycle for one in memories]),
        shared_words_per_cycle=_bounds([one.shared_words_per_cycle for one in memories]),
        scale=np.array([[dict(one.bandwidth_scale).get(space.name, 1.0) for space in spaces] for one in memories]),
        latency_cycles=float(sum(one.network.fill_cycles + one.network.drain_cycles for one in memories)),
        mac_pj=float(accelerator.units.mac_pj),
        shares=~by_level_and_space("no_multicast"),
        lends=~by_level_and_space("no_link_transfer") & switches.link_transfers,
        is_whole=by_level_and_space("no_temporal_reuse"),
        skips_first=~by_level_and_space("reads_first_update") & switches.first_read_elision,
    )


def _bounds(limits: list[float | None]) -> Floats:
    return np.array([inf if limit is None else limit for limit in limits], float)


def _coefficients(space: DataSpace, dims: list[str], ranks: int) -> Ints:
    found = np.zeros((ranks, len(dims)), np.int64)
    for at, rank in enumerate(space.ranks):
        for term in rank:
            found[at, dims.index(term.dim)] += term.factor
    return found


def _place_values(space: DataSpace, problem: Problem, ranks: int) -> Ints:
    """So that differences of words along each rank are told apart in one number."""
    found, value = [0] * ranks, 1
    for rank in reversed(range(len(space.ranks))):
        found[rank] = value
        value *= 4 * space.extents(problem.bounds)[rank] + 1
    if value >= _LARGEST:
        raise Unsupported(f"{space.name} has more words than are told apart here, which takes a walk of every mapping")
    return np.array(found, np.int64)
