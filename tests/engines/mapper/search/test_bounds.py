"""No mapping is below a bound of a part that it lies in."""

from dataclasses import replace

import numpy as np
import pytest

from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.counting import of_gnomon, of_timeloop
from gnomon.engines.mapper.search.genes import Coder, Genes
from gnomon.engines.mapper.search.judge import Judge
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.spatial import spatials
from gnomon.engines.mapper.search.terms import terms
from tests.engines.mapper.search.brute import every, small

pytestmark = pytest.mark.slow  # what is compiled for it takes a minute

_ROUNDING = 1e-9


def _timeloop(one):
    return of_timeloop(one.problem, one.accelerator, one.rules, Switches())


def _gnomon(one):
    return of_gnomon(one.problem, one.accelerator, one.rules)


@pytest.mark.parametrize("counting", [_timeloop, _gnomon])
@pytest.mark.parametrize("one", small(range(16)))
def test_no_mapping_is_below_the_bound_of_any_part_that_it_lies_in(one, counting):
    coded, rules = every(one), counting(one)
    figures = rules.evaluator.evaluate(coded)
    fits = np.flatnonzero(figures.fits)
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=False)
    numbers = terms(space, rules)
    spatial = coded.spatial.prod(axis=2)
    for known in range(len(one.rules.levels) + 1):
        choices = (spatial[fits], coded.kept[fits], coded.temporal[fits][:, :known])
        rows = np.concatenate([choice.reshape(len(fits), -1) for choice in choices], axis=1)
        _, first, of = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        cycles, energy_pj = np.full(len(first), np.inf), np.full(len(first), np.inf)
        np.minimum.at(cycles, of.ravel(), figures.cycles[fits])
        np.minimum.at(energy_pj, of.ravel(), figures.energy_pj[fits])
        for at, mapping in enumerate(fits[first]):
            part = bounds.part_of(numbers, spatial[mapping], coded.kept[mapping], space.least, space.most, True)
            least_cycles, least_pj = bounds.bound(numbers, part, coded.temporal[mapping], known)
            assert least_cycles <= cycles[at] * (1 + _ROUNDING)
            assert least_pj <= energy_pj[at] * (1 + _ROUNDING) + _ROUNDING


@pytest.mark.parametrize(
    ("one", "two", "n_one", "n_two"),
    [(1, 1, 3, 4), (1, 2, 3, 4), (2, 1, 4, 1), (1, 4, 2, 3), (2, 2, 3, 3), (2, 6, 3, 2), (3, 2, 4, 5), (1, 3, 1, 4)],
)
def test_different_words_are_never_counted_too_many(one, two, n_one, n_two):
    true = len({one * i + two * j for i in range(n_one) for j in range(n_two)})
    found = bounds.different(one, two, n_one, n_two)
    assert found <= true
    assert found == true or max(one, two) % min(one, two)


@pytest.mark.parametrize("counting", [_timeloop, _gnomon])
@pytest.mark.parametrize("one", small(range(50, 58)))
def test_no_ragged_mapping_is_below_a_bound_either(one, counting):
    bounds_of = {dim: bound + at % 3 for at, (dim, bound) in enumerate(one.problem.bounds.items())}
    one = replace(one, problem=replace(one.problem, bounds=bounds_of))
    rules = counting(one)
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=True)
    numbers, ways = terms(space, rules), spatials(space)
    coder, rng = Coder(space, ways.ways), np.random.default_rng(0)
    levels, dims = space.least.shape
    drawn = Genes(
        way=rng.integers(0, len(ways.ways), 200),
        wanted=rng.integers(1, 5, (200, levels, dims)),
        keys=rng.random((200, levels, dims)),
        kept=np.where(rng.random((200, *space.may_keep.shape)) < 0.5, space.may_keep, space.must_keep),
    )
    found = Judge(space, coder, rules, keeps_front=False).judged(drawn)
    coded, _ = coder.coded(found.genes)
    for at in range(len(found)):
        spatial = coded.spatial[at].prod(axis=1)
        part = bounds.part_of(numbers, spatial, coded.kept[at], space.least, space.most, False)
        for known in range(levels + 1):
            least_cycles, least_pj = bounds.bound(numbers, part, coded.temporal[at], known)
            assert least_cycles <= found.cycles[at] * (1 + _ROUNDING)
            assert least_pj <= found.energy_pj[at] * (1 + _ROUNDING) + _ROUNDING
