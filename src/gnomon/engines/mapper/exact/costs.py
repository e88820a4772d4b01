"""What an activity costs by Gnomon's own conventions: energy of each memory and of the units, and cycles."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from gnomon.core.accelerator import Accelerator, Memory
from gnomon.core.errors import Unsupported
from gnomon.engines.mapper.exact.activity import Activity, Counts, parent_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Energy in picojoules of all instances, and time in cycles."""

    cycles: int
    fill_cycles: tuple[Fraction, ...]  # of them, for the first tiles of each memory, before the first step
    drain_cycles: tuple[Fraction, ...]  # for the last ones, after the last step
    level_cycles: tuple[Fraction, ...]  # that a memory needs for its traffic, the innermost first
    utilization: float  # multiply-accumulates over what all units could do in that time
    units_pj: float
    memories_pj: tuple[dict[str, float], ...]  # by data space
    leaks_pj: tuple[float, ...]  # of each memory

    @property
    def energy_pj(self) -> float:
        return self.units_pj + sum(self.leaks_pj) + sum(sum(one.values()) for one in self.memories_pj)


def check_wires(accelerator: Accelerator) -> None:
    """Unsupported where wires have an energy."""
    for memory in accelerator.memories:
        if memory.network.has_energy:
            raise Unsupported(f"the wires inside {memory.name} have an energy, which only timeloop's conventions count")


def priced(accelerator: Accelerator, activity: Activity) -> Costs:
    """Energy and cycles of an activity."""
    check_wires(accelerator)
    memories = accelerator.memories
    level_cycles = tuple(
        _steady(memory, counts, at_work)
        for memory, counts, at_work in zip(memories, activity.levels, activity.at_work, strict=True)
    )
    levels = range(len(memories))
    fill = tuple(_end(accelerator, activity, level, is_drain=False) for level in levels)
    drain = tuple(_end(accelerator, activity, level, is_drain=True) for level in levels)
    latency = sum(Fraction(one.network.fill_cycles) + Fraction(one.network.drain_cycles) for one in memories)
    cycles = ceil(max(Fraction(activity.steps), *level_cycles) + sum(fill) + sum(drain) + latency)
    return Costs(
        cycles=cycles,
        fill_cycles=fill,
        drain_cycles=drain,
        level_cycles=level_cycles,
        utilization=activity.macs / (accelerator.units.instances * cycles),
        units_pj=activity.macs * accelerator.units.mac_pj,
        memories_pj=tuple(
            {name: _energy_pj(memories[level], one, activity.expansions[level]) for name, one in counts.items()}
            for level, counts in enumerate(activity.levels)
        ),
        leaks_pj=tuple(
            memory.actions.leak_pj * cycles * float(activity.at_work[gate] * together)
            for memory, (gate, together) in zip(memories, map(accelerator.leaking, levels), strict=True)
        ),
    )


def _steady(memory: Memory, counts: dict[str, Counts], at_work: Fraction) -> Fraction:
    """Cycles that a memory needs for all its words, of which the instances at work have equal parts."""
    scale = _scale(memory)
    reads = sum(one.reads * scale.get(name, 1) for name, one in counts.items())
    writes = sum((one.fills + one.updates) * scale.get(name, 1) for name, one in counts.items())
    return _at_ports(memory, reads / at_work, writes / at_work)


def _end(accelerator: Accelerator, activity: Activity, level: int, *, is_drain: bool) -> Fraction:
    """Cycles of the first fill of a memory, or of its last drain: those of its own ports or of a parent's, whichever are more."""
    own = Fraction(0)
    asked: dict[int, Fraction] = {}
    for name, one in activity.levels[level].items():
        kept = [counts[name].is_kept for counts in activity.levels]
        parent = parent_of(kept, level)
        if not one.is_kept or parent is None or not (is_drain or one.is_filled):
            continue
        outside = activity.levels[parent][name]
        words, asked_words = (one.last_words, outside.last_updated) if is_drain else (one.words, outside.first_asked)
        own += words * _scale(accelerator.memories[level]).get(name, 1)
        asked[parent] = asked.get(parent, Fraction(0)) + asked_words * _scale(accelerator.memories[parent]).get(name, 1)
    if is_drain:
        times = [_at_ports(accelerator.memories[parent], Fraction(0), words) for parent, words in asked.items()]
        return max(_at_ports(accelerator.memories[level], own, Fraction(0)), *times, Fraction(0))
    times = [_at_ports(accelerator.memories[parent], words, Fraction(0)) for parent, words in asked.items()]
    return max(_at_ports(accelerator.memories[level], Fraction(0), own), *times, Fraction(0))


def _scale(memory: Memory) -> dict[str, Fraction]:
    return {name: Fraction(str(factor)) for name, factor in memory.bandwidth_scale}


def _at_ports(memory: Memory, reads: Fraction, writes: Fraction) -> Fraction:
    """Cycles that one instance needs for so many words."""
    limits = (memory.read_words_per_cycle, memory.write_words_per_cycle, memory.shared_words_per_cycle)
    words = (reads, writes, reads + writes)
    return max(
        Fraction(0) if limit is None else count / Fraction(str(limit))
        for limit, count in zip(limits, words, strict=True)
    )


def _energy_pj(memory: Memory, one: Counts, expansion: int) -> float:
    """Of all instances: accesses of blocks, which the instances of a cluster share."""
    actions = memory.actions
    words_pj = one.reads * actions.read_pj + one.fills * actions.fill_pj + one.updates * actions.update_pj
    clusters = min(expansion, memory.instances // memory.cluster_size)
    return words_pj / memory.block_size * clusters / expansion
