"""One mapping after another, evaluated as a search needs it: tens of thousands of times a second, thousands with ragged parts.

Only on machines whose wires have no energy and with the rules that are usual; `evaluate` has all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper import even, ragged
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.compiled import Flags, Floats, Ints, unmoved
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.machine import machine
from gnomon.engines.mapper.tallied import all_tallied


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is counted of each of many mappings."""

    fits: Flags  # (mapping): has room for its tiles and no count below zero; else its figures are not to be used
    cycles: Ints
    energy_pj: Floats
    counts: Floats  # (mapping, space, level, 4): reads, fills, updates and partition, per instance
    words: Ints  # (mapping, space, level): of a tile


class Fast:
    """A problem and an accelerator, ready to evaluate mappings that bear the same flags."""

    def __init__(self, problem: Problem, accelerator: Accelerator, flags: LoopNest, switches: Switches) -> None:
        """`flags`: a mapping that bears them. Unsupported where `evaluate` has to be asked."""
        _check(accelerator, switches)
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
            fits=moved.fits & ~below_zero(counts),
            cycles=cycles.astype(np.int64),
            energy_pj=energy_pj,
            counts=counts,
            words=moved.words,
        )


def below_zero(counts: Floats) -> Flags:
    """Whether a count of each mapping is below zero, so that Timeloop's rules do not hold for it; of `Figures.counts`."""
    found: Flags = np.any(counts < 0, axis=(1, 2, 3))
    return found


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
