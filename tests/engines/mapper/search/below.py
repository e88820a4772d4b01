"""Mappings of a tiny space held against the bounds of every part of the space that they lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnomon.engines.mapper.coded import Coded
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.counting import CountingRules
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.terms import terms
from gnomon.engines.mapper.search.whole import whole_pj
from tests.engines.mapper.search.brute import Tiny, every, some

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
    return _of(one, rules, every(one), is_ragged=False)


def ragged(one: Tiny, rules: CountingRules, count: int, seed: int) -> Held:
    """So many mappings drawn at random, with parts of any size."""
    return _of(one, rules, some(one, count, np.random.default_rng(seed)), is_ragged=True)


def _of(one: Tiny, rules: CountingRules, coded: Coded, *, is_ragged: bool) -> Held:
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=is_ragged)
    fitting, cycles, energy_pj = weighed(one, rules, coded)
    return _held(space, rules, fitting, cycles, energy_pj)


def weighed(one: Tiny, rules: CountingRules, coded: Coded) -> tuple[Coded, np.ndarray, np.ndarray]:
    """Those that fit, with the cycles and picojoules that a search goes by."""
    figures = rules.evaluator.evaluate(coded)
    energy_pj = figures.energy_pj
    if (
        rules.rounds_down
        and (coded.temporal != coded.temporal_last).any() | (coded.spatial != coded.spatial_last).any()
    ):
        energy_pj = whole_pj(one.problem, one.accelerator, coded, figures)
    fits = np.flatnonzero(figures.fits)
    return coded.at(fits), figures.cycles[fits], energy_pj[fits]
