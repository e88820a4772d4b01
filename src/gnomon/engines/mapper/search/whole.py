"""Energy with every instance that works: Timeloop rounds the instances at work down where tiles are ragged, and with them their
energy, so that a search by its figures would look for the mapping that hides the most work.
"""

from __future__ import annotations

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.problem import Problem
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.fast import Figures
from gnomon.engines.mapper.search.bounds import Floats


def whole_pj(problem: Problem, accelerator: Accelerator, coded: Coded, figures: Figures) -> Floats:
    """Picojoules of each mapping."""
    average, places = _instances(coded)
    total = np.full(len(figures.cycles), problem.macs * accelerator.units.mac_pj)
    for level, memory in enumerate(accelerator.memories):
        reads, fills, updates = np.ceil(figures.counts[:, :, level, :3].transpose(2, 0, 1) / memory.block_size).sum(
            axis=2
        )
        actions = memory.actions
        clusters = np.minimum(places[:, level], memory.instances // memory.cluster_size) / places[:, level]
        # What arrives is averaged over all instances that the mapping takes, what children ask over those that work.
        total += (reads * actions.read_pj + updates * actions.update_pj) * clusters * average[:, level]
        total += fills * actions.fill_pj * clusters * places[:, level]
        gate = next((at for at, one in enumerate(accelerator.memories) if one.name == memory.power_gated_by), level)
        together = max(memory.instances // accelerator.memories[gate].instances, 1)
        leaking = average[:, gate if together > 1 else level] * together
        total += actions.leak_pj * figures.cycles * leaking
    return total


def _instances(coded: Coded) -> tuple[Floats, Floats]:
    """(mapping, level) instances of each memory at work, on average over time, and those that the mapping takes."""
    many, levels, dims = coded.temporal.shape
    passes, working, taken = np.ones((many, dims)), np.ones(many), np.ones(many)
    average, places = np.ones((many, levels)), np.ones((many, levels))
    for level in range(levels - 1, -1, -1):
        average[:, level], places[:, level] = working, taken
        passes = coded.temporal_last[:, level] + coded.temporal[:, level] * (passes - 1)
        for axis in (1, 0):
            count, last = coded.spatial[:, level, axis], coded.spatial_last[:, level, axis]
            inside = last + count * (passes - 1)
            working = working * (inside / passes).prod(axis=1)
            taken = taken * count.prod(axis=1)
            passes = inside
    return average, places
