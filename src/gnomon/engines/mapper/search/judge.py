"""What a search knows of the mappings that it looks at: whether they are allowed, and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.fast import Figures, below_zero
from gnomon.engines.mapper.search.bounds import Flags, Floats, Ints
from gnomon.engines.mapper.search.counting import CountingRules
from gnomon.engines.mapper.search.genes import Coder, Genes, together
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.whole import whole_pj

NOT_BELOW_ZERO = "counts that are not below zero"  # Timeloop's rules hold for no others


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Mappings that are allowed, with what they cost."""

    genes: Genes
    cycles: Ints
    energy_pj: Floats  # of all instances that work

    def __len__(self) -> int:
        return len(self.cycles)

    def at(self, which: Ints | Flags) -> Judged:
        """Some of them."""
        return Judged(genes=self.genes.at(which), cycles=self.cycles[which], energy_pj=self.energy_pj[which])

    def with_all(self, others: Judged) -> Judged:
        """These, and the others behind them."""
        return Judged(
            genes=together([self.genes, others.genes]),
            cycles=np.concatenate([self.cycles, others.cycles]),
            energy_pj=np.concatenate([self.energy_pj, others.energy_pj]),
        )


class Judge:
    """Evaluates mappings of one space, counts those that a rule turns away, and keeps those that no other is better than."""

    def __init__(self, space: Space, coder: Coder, rules: CountingRules, *, keeps_front: bool) -> None:
        self._space, self._coder, self._evaluator = space, coder, rules.evaluator
        self._keeps_front, self._makes_up = keeps_front, rules.rounds_down and space.is_ragged
        self.evaluated = 0
        self.rejected: Counter[str] = Counter()  # rule -> mappings
        self.front: Judged | None = None

    def judged(self, genes: Genes) -> Judged:
        """Those that are allowed."""
        coded, fine = self._coder.coded(genes)
        self.rejected["iterations that the rules allow"] += int((~fine).sum())
        fits = fine & self._fits(coded, fine)
        coded = coded.at(fits)
        figures = self._evaluator.evaluate(coded)
        self.evaluated += len(figures.cycles)
        if below := int(below_zero(figures.counts).sum()):
            self.rejected[NOT_BELOW_ZERO] += below
        energy_pj = figures.energy_pj
        if self._makes_up:
            energy_pj = whole_pj(self._space.problem, self._space.accelerator, coded, figures)
        found = Judged(genes=genes.at(fits), cycles=figures.cycles, energy_pj=energy_pj).at(figures.fits)
        self.keep(found)
        return found

    def keep(self, found: Judged) -> None:
        """Of these, and those kept before, the ones that no other is better than, where they are wanted."""
        if self._keeps_front and len(found):
            self.front = front(self.front.with_all(found) if self.front else found)

    def forget(self) -> None:
        """Everything that was judged."""
        self.evaluated, self.front = 0, None
        self.rejected.clear()

    def figures(self, members: Judged) -> Figures:
        """What is counted of some mappings."""
        return self._evaluator.evaluate(self._coder.coded(members.genes)[0])

    def _fits(self, coded: Coded, fine: Flags) -> Flags:
        """Whether the tiles have room in every memory, and take up as much of it as they must."""
        needed = (self._coder.words(coded) * coded.kept).sum(axis=1)
        fits = fine.copy()
        for level, memory in enumerate(self._space.accelerator.memories):
            room = self._space.room_words[level]
            if room < 0:
                continue
            for rule, turned in (
                (f"room of {memory.name}", needed[:, level] > room),
                (f"least utilization of {memory.name}", needed[:, level] < memory.min_utilization * room),
            ):
                count = int((fits & turned).sum())
                if count:
                    self.rejected[rule] += count
                fits &= ~turned
        return fits


def front(found: Judged) -> Judged:
    """Those than which no other takes fewer cycles for no more energy, or less energy in no more cycles."""
    order = np.lexsort((found.energy_pj, found.cycles))
    before = np.minimum.accumulate(found.energy_pj[order])
    is_less = np.ones(len(order), bool)
    is_less[1:] = found.energy_pj[order][1:] < before[:-1]
    return found.at(order[is_less])
