"""What an activity costs: energy of each memory, of the units and of the wires, and cycles.

[Timeloop's buffer, arithmetic and network model, as `NVlabs/timeloop` at 4cf6d4c applies it]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from gnomon.core.accelerator import Accelerator, Memory
from gnomon.core.problem import Problem
from gnomon.engines.mapper.counts import Activity, Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Energy in picojoules and time in cycles."""

    cycles: int
    utilization: float  # multiply-accumulates over what all units could do in that time
    units_pj: float
    memories_pj: tuple[dict[str, float], ...]  # the innermost first; by data space
    leaks_pj: tuple[float, ...]  # of each memory, but while the networks fill and drain
    networks_pj: tuple[dict[str, float], ...]  # inside of each memory
    level_cycles: tuple[int, ...]  # that each memory needs; those of the units where its ports suffice

    @property
    def energy_pj(self) -> float:
        parts = [*self.memories_pj, *self.networks_pj]
        return self.units_pj + sum(self.leaks_pj) + sum(sum(one.values()) for one in parts)


def priced(problem: Problem, accelerator: Accelerator, activity: Activity) -> Costs:
    """Energy and cycles of an activity."""
    memories = accelerator.memories
    levels = range(len(memories))
    level_cycles = tuple(
        _cycles(
            memories[level],
            activity.levels[level],
            activity.cycles,
            activity.expansions[level],
            activity.instances[level],
        )
        for level in levels
    )
    networks = [memory.network for memory in memories]
    busy_cycles = max(activity.cycles, *level_cycles)
    cycles = busy_cycles + ceil(sum(one.fill_cycles + one.drain_cycles for one in networks))
    return Costs(
        cycles=cycles,
        utilization=activity.macs / (accelerator.units.instances * cycles),
        units_pj=activity.macs * accelerator.units.mac_pj,
        memories_pj=tuple(
            {name: _energy_pj(memories[level], one, activity, level) for name, one in activity.levels[level].items()}
            for level in levels
        ),
        leaks_pj=tuple(
            memory.actions.leak_pj * busy_cycles * (activity.instances[gate] * together)
            for memory, (gate, together) in zip(memories, map(accelerator.leaking, levels), strict=True)
        ),
        networks_pj=tuple(
            {
                space.name: _network_pj(accelerator, activity, level, space.name, space.is_output)
                for space in problem.spaces
            }
            for level in levels
        ),
        level_cycles=level_cycles,
    )


def _cycles(memory: Memory, counts: dict[str, Counts], cycles: int, expansion: int, instances: int) -> int:
    """Cycles that a memory needs to deliver; those of the units where its ports suffice."""
    scale = dict(memory.bandwidth_scale)
    crowding = expansion / instances
    read = write = 0.0
    for name, one in counts.items():
        factor = scale.get(name, 1.0)
        read += ceil(one.reads / crowding) / cycles * factor
        write += ceil((one.fills + one.updates) / crowding) / cycles * factor
    slowdown = 1.0
    for limit, demand in (
        (memory.read_words_per_cycle, read),
        (memory.write_words_per_cycle, write),
        (memory.shared_words_per_cycle, read + write),
    ):
        if limit is not None and limit < demand:
            slowdown = min(slowdown, limit / demand)
    return ceil(cycles / slowdown)


def _energy_pj(memory: Memory, one: Counts, activity: Activity, level: int) -> float:
    """Of all instances: accesses in blocks, shared by the instances of a cluster."""
    actions = memory.actions
    block = memory.block_size
    per_cluster = (
        ceil(one.reads / block) * actions.read_pj
        + ceil(one.fills / block) * actions.fill_pj
        + ceil(one.updates / block) * actions.update_pj
    )
    expansion = activity.expansions[level]
    clusters = min(expansion, memory.instances // memory.cluster_size)
    return per_cluster / (expansion / clusters) * activity.instances[level]


def _network_pj(accelerator: Accelerator, activity: Activity, level: int, name: str, is_output: bool) -> float:
    """Of the wires inside a memory, for all its instances."""
    memory = accelerator.memories[level]
    network, one = memory.network, activity.levels[level][name]
    hop_pj = network.hop_pj
    if hop_pj is None:
        hop_pj = memory.word_bits * network.tile_mm * network.wire_pj_per_bit_mm
    if not (hop_pj or network.router_pj):
        return 0.0
    needs_reads = is_output and not network.can_reduce  # partial sums go back inside to be added
    hops, routers = 0.0, 0
    for _, shared in sorted(one.shared, key=lambda of_key: of_key[0]):
        accesses = 2 * shared.accesses - one.partition if needs_reads else shared.accesses
        if accesses > 0:
            hops += shared.hops
            routers = int(routers + accesses * (1 + int(shared.hops / accesses)))  # cut off at each kind of reads
    lent_pj = one.link_words * (hop_pj + 2 * network.router_pj)
    return (hops * hop_pj + routers * network.router_pj + lent_pj) * activity.instances[level]
