"""One mapping after another, counted by Gnomon's own conventions, as a search needs it; ragged ones like any other."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import DataSpace, Problem
from gnomon.engines.mapper.compiled import Floats, Ints
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.exact.compiled import FIGURES, all_evaluated
from gnomon.engines.mapper.exact.costs import check_wires
from gnomon.engines.mapper.fast import Coded, Figures
from gnomon.engines.mapper.machine import machine

_LARGEST = 2**62  # words that one number of 64 bits can count


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What the closed form gives of each of many mappings, as whole numbers over all instances."""

    states: Ints  # (mapping): 0; 1 + the memory that it does not fit
    counts: Ints  # (mapping, space, level, 4): reads, fills, updates and first partial sums
    words: Ints  # (mapping, space, level): of a tile
    figures: Ints  # (mapping, space, level + 1, figure): between a level and its parent, as `compiled` names them
    at_work: Floats  # (mapping, level + 1): instances with work, on average; at the end, units
    totals: Floats  # (mapping, 3): cycles, picojoules, steps


class Quick:
    """A problem and an accelerator, ready to count mappings that bear the same flags."""

    def __init__(self, problem: Problem, accelerator: Accelerator, flags: LoopNest) -> None:
        """`flags`: a mapping that bears them. Unsupported where only a walk can tell."""
        check_wires(accelerator)
        for space in problem.spaces:
            _check(space)
        if problem.macs * max(prod(map(_reach, space.ranks)) for space in problem.spaces) >= _LARGEST:
            raise Unsupported("the problem has more words than can be counted in 64 bits")
        self._machine = machine(problem, accelerator, flags, Switches(link_transfers=False))
        dims = list(problem.bounds)
        self._rank_of = np.array([[_rank_of(space, dim) for dim in dims] for space in problem.spaces])
        self._has_bounds = bool(np.isfinite(self._machine.limits).any())

    def evaluate(self, coded: Coded) -> Figures:
        """Everything that is counted of each mapping, per instance at work; the partition is that of outputs alone."""
        raw = self.raw(coded)
        at_work = np.where(raw.states == 0, raw.at_work.T, 1.0).T[:, None, :-1, None]
        return Figures(
            fits=raw.states == 0,
            cycles=raw.totals[:, 0].astype(np.int64),
            energy_pj=raw.totals[:, 1],
            counts=raw.counts / at_work,
            words=raw.words,
        )

    def raw(self, coded: Coded, *, with_ends: bool = False) -> Raw:
        """The same as it is counted; `with_ends`: first and last tiles even where no bandwidth asks for them."""
        many, spaces, levels = coded.kept.shape
        raw = Raw(
            states=np.zeros(many, np.int64),
            counts=np.zeros((many, spaces, levels, 4), np.int64),
            words=np.zeros((many, spaces, levels), np.int64),
            figures=np.zeros((many, spaces, levels + 1, FIGURES), np.int64),
            at_work=np.zeros((many, levels + 1)),
            totals=np.zeros((many, 3)),
        )
        all_evaluated(
            self._machine,
            self._rank_of,
            self._has_bounds or with_ends,
            coded.temporal,
            coded.temporal_last,
            coded.order,
            coded.spatial,
            coded.spatial_last,
            coded.spatial_order,
            coded.kept,
            raw.counts,
            raw.words,
            raw.figures,
            raw.at_work,
            raw.totals,
            raw.states,
        )
        if (raw.states < 0).any():
            raise Unsupported("the children of a memory differ in too many ways to be told apart, which takes a walk")
        return raw


def _check(space: DataSpace) -> None:
    terms = [term for rank in space.ranks for term in rank if term.factor]
    if len({term.dim for term in terms}) < len(terms):
        raise Unsupported(f"a dimension moves {space.name} in two ways, which takes a walk of every mapping")
    for rank in space.ranks:
        factors = [term.factor for term in rank if term.factor]
        if factors and min(factors) < 0 < max(factors):
            raise Unsupported(f"{space.name} has an index with a difference in it, which takes a walk of every mapping")
        if space.is_output and len(factors) > 1:
            raise Unsupported(
                f"the output {space.name} has an index with a sum in it, which takes a walk of every mapping"
            )


def _reach(rank: tuple[object, ...]) -> int:
    return max(sum(abs(term.factor) for term in rank), 1)  # type: ignore[attr-defined]


def _rank_of(space: DataSpace, dim: str) -> int:
    return next(
        (at for at, rank in enumerate(space.ranks) if any(term.dim == dim and term.factor for term in rank)), -1
    )
