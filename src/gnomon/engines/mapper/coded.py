"""Mappings as numbers, whether or not their parts divide the dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from gnomon.core.loop_nest import Loop, LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper.compiled import Flags, Ints


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

    def __post_init__(self) -> None:
        for field in fields(self):  # compiled functions are compiled anew for every layout
            object.__setattr__(self, field.name, np.require(getattr(self, field.name), requirements=("C", "W")))

    def at(self, which: Ints | Flags) -> Coded:
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[which] for field in fields(self)})


def coded(problem: Problem, nests: Sequence[LoopNest]) -> Coded:
    """Mappings of one problem, on machines of equally many memories."""
    dims = {dim: at for at, dim in enumerate(problem.bounds)}
    in_time, in_space = (
        (len(nests), len(nests[0].tilings), len(dims)),
        (len(nests), len(nests[0].tilings), 2, len(dims)),
    )
    temporal, temporal_last, order = np.ones(in_time, np.int64), np.ones(in_time, np.int64), np.zeros(in_time, np.int64)
    spatial, spatial_last = np.ones(in_space, np.int64), np.ones(in_space, np.int64)
    spatial_order = np.zeros(in_space, np.int64)
    kept = np.zeros((len(nests), len(problem.spaces), len(nests[0].tilings)), np.bool_)
    for at, nest in enumerate(nests):
        for level, tiling in enumerate(nest.tilings):
            here = at, level
            order[here] = _code(tiling.temporal, dims, temporal[here], temporal_last[here])
            for axis, loops in enumerate((tiling.spatial_x, tiling.spatial_y)):
                one = at, level, axis
                spatial_order[one] = _code(loops, dims, spatial[one], spatial_last[one])
            kept[at, :, level] = [space.name in tiling.kept for space in problem.spaces]
    return Coded(
        temporal=temporal,
        temporal_last=temporal_last,
        order=order,
        spatial=spatial,
        spatial_last=spatial_last,
        spatial_order=spatial_order,
        kept=kept,
    )


def _code(loops: tuple[Loop, ...], dims: dict[str, int], counts: Ints, lasts: Ints) -> list[int]:
    """Write the counts, and those of the last pass; the order of dimensions, those without a loop behind the others."""
    for loop in loops:
        counts[dims[loop.dim]], lasts[dims[loop.dim]] = loop.count, loop.last
    first = [dims[loop.dim] for loop in loops]
    return [*first, *(at for at in dims.values() if at not in first)]
