"""No mapping is below a bound of a part that it lies in."""

import numpy as np
import pytest

from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.fast import Fast
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.counting import of_timeloop
from gnomon.engines.mapper.search.space import Space
from gnomon.engines.mapper.search.terms import terms
from tests.engines.mapper.search.brute import every, small

_ROUNDING = 1e-9


@pytest.mark.parametrize("one", small(range(16)))
def test_no_mapping_is_below_the_bound_of_any_part_that_it_lies_in(one):
    coded = every(one)
    figures = Fast(one.problem, one.accelerator, one.flags, Switches()).evaluate(coded)
    fits = np.flatnonzero(figures.fits)
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=False)
    numbers = terms(space, of_timeloop(one.problem, one.accelerator, one.rules, Switches()))
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
