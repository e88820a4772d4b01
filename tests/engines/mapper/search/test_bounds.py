"""No mapping is below a bound of a part that it lies in."""

import pytest

from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.counting import of_gnomon, of_timeloop
from tests.engines.mapper.search import below
from tests.engines.mapper.search.brute import small, tiny, with_odd_bounds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker


def _timeloop(one):
    return of_timeloop(one.problem, one.accelerator, one.rules, Switches())


def _gnomon(one):
    return of_gnomon(one.problem, one.accelerator, one.rules)


@pytest.mark.parametrize("counting", [_timeloop, _gnomon])
@pytest.mark.parametrize("one", small(range(16)))
def test_no_mapping_is_below_the_bound_of_any_part_that_it_lies_in(one, counting):
    held = below.even(one, counting(one))
    assert held.mappings > 0
    assert held.below == ()


@pytest.mark.parametrize(
    ("one", "two", "n_one", "n_two"),
    [(1, 1, 3, 4), (1, 2, 3, 4), (2, 1, 4, 1), (1, 4, 2, 3), (2, 2, 3, 3), (2, 6, 3, 2), (3, 2, 4, 5), (1, 3, 1, 4)],
)
def test_different_words_are_never_counted_too_many(one, two, n_one, n_two):
    true = len({one * i + two * j for i in range(n_one) for j in range(n_two)})
    found = bounds.different(one, two, n_one, n_two)
    assert found <= true
    assert found == true or max(one, two) % min(one, two)


# Seeds and how many are drawn; in the last six an instance at the end has a part of the work, or none.
@pytest.mark.parametrize("counting", [_timeloop, _gnomon])
@pytest.mark.parametrize(
    ("seed", "count"),
    [(50, 200), (51, 200), (52, 200), (116, 30), (283, 30), (472, 30), (735, 30), (1756, 60), (6896, 60)],
)
def test_no_ragged_mapping_is_below_a_bound_either(seed, count, counting):
    one = with_odd_bounds(tiny(seed))
    held = below.ragged(one, counting(one), count, seed)
    assert held.mappings > 0
    assert held.below == ()
