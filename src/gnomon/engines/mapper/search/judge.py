"""What a search knows of the mappings that it looks at: whether they are allowed, and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gnomon.engines.mapper.fast import Coded, Figures
from gnomon.engines.mapper.search.bounds import Flags, Floats, Ints
from gnomon.engines.mapper.search.genes import Coder, Genes
from gnomon.engines.mapper.search.space import Space


class Evaluator(Protocol):
    """Counts and costs of many mappings by some conventions."""

    def evaluate(self, coded: Coded) -> Figures: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Mappings that are allowed, with what they cost."""

    genes: Genes
    cycles: Ints
    energy_pj: Floats


class Judge:
    """Evaluates mappings of one space and counts those that a rule turns away."""

    def __init__(self, space: Space, coder: Coder, evaluator: Evaluator) -> None:
        self._space, self._coder, self._evaluator = space, coder, evaluator
        self.evaluated = 0
        self.rejected: Counter[str] = Counter()  # rule -> mappings

    def judged(self, genes: Genes) -> Judged:
        """Those that are allowed."""
        coded, fine = self._coder.coded(genes)
        self.rejected["iterations that the rules allow"] += int((~fine).sum())
        fits = fine & self._fits(coded, fine)
        coded = _some(coded, fits)
        found = self._evaluator.evaluate(coded)
        self.evaluated += len(found.cycles)
        return Judged(
            genes=genes.at(fits).at(found.fits), cycles=found.cycles[found.fits], energy_pj=found.energy_pj[found.fits]
        )

    def _fits(self, coded: Coded, fine: Flags) -> Flags:
        """Whether the tiles have room in every memory, and take up as much of it as they must."""
        needed = (self._coder.words(coded) * coded.kept).sum(axis=1)
        fits = np.ones(len(needed), bool)
        for level, memory in enumerate(self._space.accelerator.memories):
            room = self._space.room_words[level]
            if room < 0:
                continue
            large = needed[:, level] > room
            small = needed[:, level] < memory.min_utilization * room
            self.rejected[f"room of {memory.name}"] += int((fine & fits & large).sum())
            if memory.min_utilization:
                self.rejected[f"least utilization of {memory.name}"] += int((fine & fits & small).sum())
            fits &= ~large & ~small
        return fits


def _some(coded: Coded, which: Flags) -> Coded:
    return Coded(
        temporal=coded.temporal[which],
        temporal_last=coded.temporal_last[which],
        order=coded.order[which],
        spatial=coded.spatial[which],
        spatial_last=coded.spatial_last[which],
        spatial_order=coded.spatial_order[which],
        kept=coded.kept[which],
    )
