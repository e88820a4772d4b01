"""One mapping after another, counted by Gnomon's own conventions, as a search needs it; ragged ones like any other."""

from __future__ import annotations

from math import prod

import numpy as np

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import DataSpace, Problem, Term
from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.exact.costs import check_wires
from gnomon.engines.mapper.exact.found import Found, nothing
from gnomon.engines.mapper.exact.moved import all_counted
from gnomon.engines.mapper.exact.tallied import all_tallied
from gnomon.engines.mapper.fast import Figures
from gnomon.engines.mapper.machine import machine

_LARGEST = 2**62  # words that one number of 64 bits can count


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
        limits = self._machine
        self._has_bounds = bool(
            np.isfinite(
                [limits.read_words_per_cycle, limits.write_words_per_cycle, limits.shared_words_per_cycle]
            ).any()
        )

    def evaluate(self, coded: Coded) -> Figures:
        """Everything that is counted of each mapping, per instance at work; the partition is that of outputs alone."""
        found = self.found(coded)
        return Figures(
            fits=found.states == 0,
            cycles=found.cycles.astype(np.int64),
            energy_pj=found.energy_pj,
            counts=found.counts / found.at_work[:, None, :-1, None],
            words=found.words,
        )

    def found(self, coded: Coded, *, with_ends: bool = False) -> Found:
        """The same over all instances; `with_ends`: first and last tiles even where no bandwidth asks for them."""
        found = nothing(*coded.kept.shape)
        all_counted(
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
            found,
        )
        if (found.states < 0).any():
            raise Unsupported("the children of a memory differ in too many ways to be told apart, which takes a walk")
        all_tallied(self._machine, coded.kept, found)
        return found


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


def _reach(rank: tuple[Term, ...]) -> int:
    return max(sum(abs(term.factor) for term in rank), 1)


def _rank_of(space: DataSpace, dim: str) -> int:
    return next(
        (at for at, rank in enumerate(space.ranks) if any(term.dim == dim and term.factor for term in rank)), -1
    )
