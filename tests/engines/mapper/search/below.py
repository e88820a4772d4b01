"""Mappings of a tiny space held against the bounds of every part of the space that they lie in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.counting import CountingRules
from gnomon.engines.mapper.search.genes import Coder, Genes
from gnomon.engines.mapper.search.judge import Judge
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.spatial import spatials
from gnomon.engines.mapper.search.terms import terms
from tests.engines.mapper.search.brute import Tiny, every

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Held:
    """How much was looked at, and what was found below a bound."""

    mappings: int
    parts: int
    below: tuple[str, ...]


def _held(space: Space, rules: CountingRules, coded: Coded, cycles: np.ndarray, energy_pj: np.ndarray) -> Held:
    """Mappings against the bounds of the parts that their spatial factors, what is kept and their inner loops stand for."""
    numbers, spatial, count = terms(space, rules), coded.spatial.prod(axis=2), len(cycles)
    parts, below = 0, []
    for known in range(len(space.rules.levels) + 1) if count else ():
        choices = (spatial, coded.kept, coded.temporal[:, :known])
        rows = np.concatenate([choice.reshape(count, -1) for choice in choices], axis=1)
        _, first, of = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        least_cycles, least_pj = np.full(len(first), np.inf), np.full(len(first), np.inf)
        np.minimum.at(least_cycles, of.ravel(), cycles)
        np.minimum.at(least_pj, of.ravel(), energy_pj)
        parts += len(first)
        for at, mapping in enumerate(first):
            part = bounds.part_of(
                numbers, spatial[mapping], coded.kept[mapping], space.least, space.most, not space.is_ragged
            )
            bound_cycles, bound_pj = bounds.bound(numbers, part, coded.temporal[mapping], known)
            if bound_cycles > least_cycles[at] * (1 + _ROUNDING):
                below.append(f"{known} levels known: {least_cycles[at]} cycles, bound {bound_cycles}")
            if bound_pj > least_pj[at] * (1 + _ROUNDING) + _ROUNDING:
                below.append(f"{known} levels known: {least_pj[at]} pJ, bound {bound_pj}")
    return Held(mappings=count, parts=parts, below=tuple(below))


def even(one: Tiny, rules: CountingRules) -> Held:
    """Every mapping whose parts divide their dimensions."""
    coded = every(one)
    figures = rules.evaluator.evaluate(coded)
    fits = np.flatnonzero(figures.fits)
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=False)
    return _held(space, rules, coded.at(fits), figures.cycles[fits], figures.energy_pj[fits])


def with_odd_bounds(one: Tiny) -> Tiny:
    """The same space with some dimensions that few parts divide."""
    longer = {dim: bound + at % 3 for at, (dim, bound) in enumerate(one.problem.bounds.items())}
    return replace(one, problem=replace(one.problem, bounds=longer))


def ragged(one: Tiny, rules: CountingRules, count: int, seed: int) -> Held:
    """So many mappings drawn at random, with parts of any size."""
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=True)
    ways = spatials(space).ways
    coder, rng = Coder(space, ways), np.random.default_rng(seed)
    levels, dims = space.least.shape
    drawn = Genes(
        way=rng.integers(0, len(ways), count),
        wanted=rng.integers(1, 5, (count, levels, dims)),
        keys=rng.random((count, levels, dims)),
        kept=np.where(rng.random((count, *space.may_keep.shape)) < 0.5, space.may_keep, space.must_keep),
    )
    found = Judge(space, coder, rules, keeps_front=False).judged(drawn)
    coded, _ = coder.coded(found.genes)
    return _held(space, rules, coded, found.cycles, found.energy_pj)
