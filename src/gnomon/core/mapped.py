"""A network on a spatial accelerator: each of its layers under the best mapping that was found for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedLayer:
    """One product of a workload, mapped once; its figures are of one copy."""

    name: str  # of the problem, in words
    nodes: tuple[str, ...]  # of the graph that have it
    count: int  # times in one pass
    macs: int
    cycles: int
    energy_pj: Mapping[str, float]  # by part of the machine, the units first
    outside_words: int  # that the outermost memory reads and writes
    utilization: float  # multiply-accumulates over what all units could do in the time
    bound: Literal["compute", "memory"]
    bound_by: str  # the part that takes longest
    least: float  # no mapping has less of the objective
    gap: float  # share of the objective above that; 0: proved to be the best
    effort: int  # steps that were spent on the search
    mapping: str  # the loops

    @property
    def total_energy_pj(self) -> float:
        """Of one copy."""
        return sum(self.energy_pj.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The layers of one pass and their sums over all copies."""

    objective: str  # what the mappings make small: latency, energy or edp
    conventions: str  # whose counts
    clock_hz: float
    layers: tuple[MappedLayer, ...]  # in the order of the graph
    cycles: int
    energy_j: float
    energy_by_part_j: Mapping[str, float]
    utilization: float
    least: float  # of the objective for the pass: cycles, pJ or their product
    gap: float  # share of the pass's objective above that
