"""Energy with every instance that works: Timeloop rounds the instances at work down where tiles are ragged, and with them their
energy, so that a search by its figures would look for the mapping that hides the most work.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.problem import Problem
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.fast import Figures
from gnomon.engines.mapper.search.bounds import Floats, Ints


def whole_pj(problem: Problem, accelerator: Accelerator, coded: Coded, figures: Figures) -> Floats:
    """Picojoules of each mapping."""
    working, places = _instances(np.array(list(problem.bounds.values())), coded)
    total = np.full(len(figures.cycles), problem.macs * accelerator.units.mac_pj)
    networks = [memory.network for memory in accelerator.memories]
    busy_cycles = figures.cycles - ceil(sum(one.fill_cycles + one.drain_cycles for one in networks))
    for level, memory in enumerate(accelerator.memories):
        reads, fills, updates = np.ceil(figures.counts[:, :, level, :3].transpose(2, 0, 1) / memory.block_size).sum(
            axis=2
        )
        actions = memory.actions
        clusters = np.minimum(places[:, level], memory.instances // memory.cluster_size) / places[:, level]
        # What arrives is averaged over all instances that the mapping takes, what children ask over those that work.
        total += (reads * actions.read_pj + updates * actions.update_pj) * clusters * working[:, level]
        total += fills * actions.fill_pj * clusters * places[:, level]
        gate, together = accelerator.leaking(level)
        total += actions.leak_pj * busy_cycles * working[:, gate] * together
    return total


def _instances(bounds: Ints, coded: Coded) -> tuple[Floats, Floats]:
    """(mapping, level) instances of each memory at work, and those that the mapping takes.

    What the first instance asks for grows with its own iterations, or only with its passes, so that of each dimension the larger one
    counts: all iterations over its own, which may be fewer in the last pass of all, or instances on average over all passes.
    """
    many, levels, dims = coded.temporal.shape
    working, taken = np.ones((many, levels)), np.ones((many, levels))
    whole, ending = _iterations_inside(coded)
    # Passes of the first instance, and whether the last of all is among them.
    own_passes, ends = np.ones((many, dims)), np.ones((many, dims))
    passes, present, places = np.ones((many, dims)), np.ones((many, dims)), np.ones(many)
    for level in range(levels - 1, -1, -1):
        own = own_passes * whole[level] - ends * (whole[level] - ending[level])
        working[:, level], taken[:, level] = np.maximum(bounds / own, present).prod(axis=1), places
        count, last = coded.temporal[:, level], coded.temporal_last[:, level]
        own_passes = count * own_passes - ends * (count - last)
        passes = last + count * (passes - 1)
        for axis in (1, 0):
            count, last = coded.spatial[:, level, axis], coded.spatial_last[:, level, axis]
            inside = last + count * (passes - 1)
            present, passes = present * inside / passes, inside
            ends, places = ends * (last == 1), places * count.prod(axis=1)
    return working, taken


def _iterations_inside(coded: Coded) -> tuple[list[Ints], list[Ints]]:
    """For each level (mapping, dim): iterations of the units inside of an instance, and inside of the last in the last pass of all."""
    whole, ending, of_all, of_last = [], [], np.ones_like(coded.order[:, 0]), np.ones_like(coded.order[:, 0])
    for level in range(coded.temporal.shape[1]):
        loops = [(coded.spatial[:, level, axis], coded.spatial_last[:, level, axis]) for axis in (0, 1)]
        for count, last in [*loops, (coded.temporal[:, level], coded.temporal_last[:, level])]:
            of_all, of_last = of_all * count, of_all * (last - 1) + of_last
        whole.append(of_all)
        ending.append(of_last)
    return whole, ending
