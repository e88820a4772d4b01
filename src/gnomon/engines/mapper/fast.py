"""One mapping after another, evaluated as a search needs it: tens of thousands of times a second, thousands with ragged parts.

Only on machines whose wires have no energy and with the rules that are usual; `evaluate` has all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper import even, ragged
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, unmoved
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.machine import machine
from gnomon.engines.mapper.tallied import all_tallied


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is counted of each of many mappings."""

    fits: Flags  # (mapping); the figures of one that does not are not to be used
    cycles: Ints
    energy_pj: Floats
    counts: Floats  # (mapping, space, level, 4): reads, fills, updates and partition, per instance
    words: Ints  # (mapping, space, level): of a tile


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """Many mappings as numbers; level 0 is the innermost memory."""

    temporal: Ints  # (mapping, level, dim): iterations
    temporal_last: Ints  # the same in the last pass of all
    order: Ints  # (mapping, level, place): dim, the innermost first
    spatial: Ints  # (mapping, level, axis, dim)
    spatial_last: Ints
    spatial_order: Ints  # (mapping, level, axis, place)
    kept: Flags  # (mapping, space, level)

    def at(self, which: Ints | Flags) -> Coded:
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[which] for field in fields(self)})


class Fast:
    """A problem and an accelerator, ready to evaluate mappings that bear the same flags."""

    def __init__(self, problem: Problem, accelerator: Accelerator, flags: LoopNest, switches: Switches) -> None:
        """`flags`: a mapping that bears them. Unsupported where `evaluate` has to be asked."""
        _check(accelerator, switches)
        self._problem = problem
        self._machine = machine(problem, accelerator, flags, switches)

    def evaluate(self, coded: Coded) -> Figures:
        """Everything that is counted of each mapping."""
        many, spaces, levels = coded.kept.shape
        moved = unmoved(many, spaces, levels)
        is_ragged = _is_ragged(coded)
        even.all_moved(
            self._machine,
            coded.temporal,
            coded.order,
            coded.spatial,
            coded.spatial_order,
            coded.kept,
            np.flatnonzero(~is_ragged),
            moved,
        )
        if is_ragged.any():
            ragged.all_moved(
                self._machine,
                coded.temporal,
                coded.temporal_last,
                coded.order,
                coded.spatial,
                coded.spatial_last,
                coded.spatial_order,
                coded.kept,
                np.flatnonzero(is_ragged),
                moved,
            )
        counts, cycles, energy_pj = np.zeros((many, spaces, levels, 4)), np.zeros(many), np.zeros(many)
        all_tallied(self._machine, coded.kept, moved, counts, cycles, energy_pj)
        return Figures(
            fits=moved.fits, cycles=cycles.astype(np.int64), energy_pj=energy_pj, counts=counts, words=moved.words
        )

    def coded(self, nests: Sequence[LoopNest]) -> Coded:
        """Mappings as numbers."""
        dims = {dim: at for at, dim in enumerate(self._problem.bounds)}
        size = (len(nests), len(nests[0].tilings))
        temporal, order = np.ones((*size, len(dims)), np.int64), np.zeros((*size, len(dims)), np.int64)
        spatial, spatial_order = np.ones((*size, 2, len(dims)), np.int64), np.zeros((*size, 2, len(dims)), np.int64)
        temporal_last, spatial_last = np.ones_like(temporal), np.ones_like(spatial)
        kept = np.zeros((size[0], len(self._problem.spaces), size[1]), np.bool_)
        for at, nest in enumerate(nests):
            for level, tiling in enumerate(nest.tilings):
                order[at, level] = _code(tiling.temporal, dims, temporal[at, level], temporal_last[at, level])
                for axis, loops in enumerate((tiling.spatial_x, tiling.spatial_y)):
                    spatial_order[at, level, axis] = _code(
                        loops, dims, spatial[at, level, axis], spatial_last[at, level, axis]
                    )
                kept[at, :, level] = [space.name in tiling.kept for space in self._problem.spaces]
        return Coded(
            temporal=temporal,
            temporal_last=temporal_last,
            order=order,
            spatial=spatial,
            spatial_last=spatial_last,
            spatial_order=spatial_order,
            kept=kept,
        )


def _is_ragged(coded: Coded) -> Flags:
    in_time = (coded.temporal != coded.temporal_last).any(axis=(1, 2))
    in_space = (coded.spatial != coded.spatial_last).any(axis=(1, 2, 3))
    found: Flags = np.logical_or(in_time, in_space)
    return found


def _check(accelerator: Accelerator, switches: Switches) -> None:
    for memory in accelerator.memories:
        if memory.network.has_energy:
            raise Unsupported(f"the wires inside {memory.name} have an energy, which takes a walk of every mapping")
    plain = Switches(first_read_elision=switches.first_read_elision, link_transfers=switches.link_transfers)
    if switches != plain:
        turned = ", ".join(name for name, value in switches.told().items() if plain.told()[name] != value)
        raise Unsupported(f"{turned} takes a walk of every mapping")


def _code(loops: tuple[Loop, ...], dims: dict[str, int], counts: Ints, lasts: Ints) -> list[int]:
    """Write the counts, and those of the last pass; the order of dimensions, those without a loop behind the others."""
    for loop in loops:
        counts[dims[loop.dim]], lasts[dims[loop.dim]] = loop.count, loop.last
    first = [dims[loop.dim] for loop in loops]
    return [*first, *(at for at in dims.values() if at not in first)]
