"""A search finds what is best of all mappings of a tiny space, proves it, and goes on from where it stood."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.map_space import LevelRules, LoopRules, MapRules
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.engines.mapper.obeys import broken_rules
from gnomon.engines.mapper.search import state
from gnomon.engines.mapper.search.counting import of_gnomon, of_timeloop
from gnomon.engines.mapper.search.judge import NOT_BELOW_ZERO
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.run import Search
from gnomon.engines.mapper.search.space import Space
from tests.engines.mapper.search import below
from tests.engines.mapper.search.brute import Tiny, every, small, with_fixed_loop, with_odd_bounds
from tests.engines.mapper.test_below_zero import TRANSPOSED, TWO

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("compiled"),
]  # what is compiled takes a minute: once, and by one worker


class _Ticks:
    """A clock that goes on when it is looked at, so that a search does the same work on any machine."""

    def __init__(self, step_s: float = 0.05) -> None:
        self.now, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


def _search(one, *objectives, seed=0, rules=None, is_ragged=False):
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=rules or one.rules, is_ragged=is_ragged)
    counting = of_timeloop(one.problem, one.accelerator, space.rules, Switches())
    return Search(space, counting, objectives, seed)


def _timeloop(problem, accelerator, rules):
    return of_timeloop(problem, accelerator, rules, Switches())


SMALL = tuple(small(range(6)))


@cache
def _figures_of_small(at):
    return _all_figures(SMALL[at])


def _all_figures(one):
    figures = of_timeloop(one.problem, one.accelerator, one.rules, Switches()).evaluator.evaluate(every(one))
    return figures.cycles[figures.fits], figures.energy_pj[figures.fits]


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("at", range(len(SMALL)))
def test_the_best_of_all_is_found_and_proved(at, objective):
    cycles, energy_pj = _figures_of_small(at)
    search = _search(SMALL[at], objective)
    search.run(60.0, clock=_Ticks())
    (best,) = search.found()
    first = objective.ranked(cycles, energy_pj)[0]
    assert search.is_proved()
    assert objective.of(best.cycles, best.energy_pj) == pytest.approx(objective.of(cycles[first], energy_pj[first]))
    assert (best.cycles, best.energy_pj) == (cycles[first], pytest.approx(energy_pj[first]))
    assert search.bound(0) == pytest.approx(objective.of(best.cycles, best.energy_pj))


@cache
def _ragged_spaces():
    """Some with a loop that is fixed, some with more children than a dimension has parts for."""
    odd = [with_odd_bounds(one) for one in small(range(100, 112), 300)]
    fixed = [with_fixed_loop(one, seed) for seed, one in enumerate(odd)]
    return [one for one in (*odd, *fixed) if 0 < len(every(one, is_ragged=True).temporal) <= 4000]


@pytest.mark.parametrize("counting", [_timeloop, of_gnomon])
@pytest.mark.parametrize("at", range(12))
def test_the_best_ragged_one_of_all_is_found_and_proved(at, counting):
    one = _ragged_spaces()[at]
    rules = counting(one.problem, one.accelerator, one.rules)
    _, cycles, energy_pj = below.weighed(one, rules, every(one, is_ragged=True))
    space = Space(problem=one.problem, accelerator=one.accelerator, rules=one.rules, is_ragged=True)
    objective = list(Objective)[at % 3]
    search = Search(space, rules, (objective,), 0)
    search.run(1500.0, clock=_Ticks())
    (best,) = search.found()
    least = min(objective.of(*one) for one in zip(cycles, energy_pj, strict=True))
    assert search.is_proved()
    assert objective.of(best.cycles, best.weighed_pj) <= least * (1 + 1e-9)
    assert search.bound(0) <= least * (1 + 1e-9)


def test_mappings_with_counts_below_zero_are_turned_away_and_the_best_of_the_others_is_proved():
    level = LevelRules(kept=frozenset("WIO"))
    one = Tiny(problem=TRANSPOSED, accelerator=TWO, rules=MapRules(levels=(level, level)))
    cycles, energy_pj = _all_figures(one)
    assert 0 < len(cycles) < len(every(one).temporal)
    search = _search(one, Objective.EDP)
    search.run(60.0, clock=_Ticks())
    (best,) = search.found()
    assert search.is_proved()
    assert best.cycles * best.energy_pj == pytest.approx((cycles * energy_pj).min())
    assert search.judge.rejected[NOT_BELOW_ZERO] > 0


@pytest.mark.parametrize("one", small(range(20, 24)))
def test_the_front_is_that_of_all_mappings(one):
    cycles, energy_pj = _all_figures(one)
    search = _search(one, *Objective)
    search.run(8.0, clock=_Ticks())
    found = [(best.cycles, pytest.approx(best.energy_pj)) for best in search.found()]
    order = np.lexsort((energy_pj, cycles))
    front = []
    for at in order:
        if not front or energy_pj[at] < front[-1][1] * (1 - 1e-12):
            front.append((cycles[at], energy_pj[at]))
    assert front == found


@pytest.mark.parametrize("is_ragged", [False, True])
@pytest.mark.parametrize("one", small(range(20, 24)))
def test_an_objective_that_the_time_did_not_reach_has_what_was_found_under_another(one, is_ragged):
    search = _search(one, *Objective, is_ragged=is_ragged)
    search.run(0.2, clock=_Ticks(0.02))
    assert search.populations[-1].members is None
    found = search.found()
    for at, objective in enumerate(Objective):
        assert search.best(at) == min(objective.of(best.cycles, best.weighed_pj) for best in found)
        assert 0 < search.bound(at) <= search.best(at)


@pytest.mark.parametrize("is_ragged", [False, True])
@pytest.mark.parametrize("one", small(range(30, 33)))
def test_what_is_found_obeys_the_rules_and_costs_what_the_definition_says(one, is_ragged):
    search = _search(one, Objective.EDP, is_ragged=is_ragged)
    search.run(5.0, clock=_Ticks())
    (best,) = search.found()
    assert broken_rules(best.nest, one.problem, one.rules) == []
    made = evaluate(one.problem, one.accelerator, best.nest, Switches())
    assert (made.costs.cycles, made.costs.energy_pj) == (best.cycles, pytest.approx(best.energy_pj))


def test_a_search_goes_on_from_its_state():
    (one,) = small(range(40, 41))
    first = _search(one, Objective.ENERGY)
    first.run(0.3, clock=_Ticks())
    kept = json.loads(json.dumps(state.written(first, "timeloop")))
    second = _search(one, Objective.ENERGY, seed=1)
    state.restore(second, kept, "timeloop", "a.json")
    assert state.written(second, "timeloop") == kept
    assert second.found() == first.found()
    second.run(60.0, clock=_Ticks())
    assert second.is_proved()
    assert second.spent_s > first.spent_s
    assert second.judge.evaluated >= first.judge.evaluated


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({}, "not the state of a search"),
        ({"schema": state.SCHEMA, "digest": "0"}, "the state of another search"),
    ],
)
def test_another_state_is_refused(kept, said):
    (one,) = small(range(40, 41))
    with pytest.raises(BadInput, match=said):
        state.restore(_search(one, Objective.ENERGY), kept, "timeloop", "a.json")


def test_a_damaged_state_is_refused():
    (one,) = small(range(40, 41))
    search = _search(one, Objective.ENERGY)
    search.run(0.3, clock=_Ticks())
    kept = state.written(search, "timeloop")
    del kept["populations"][0]["way"]
    with pytest.raises(BadInput, match="the state is damaged"):
        state.restore(_search(one, Objective.ENERGY), kept, "timeloop", "a.json")


def test_rules_that_leave_nothing_of_a_dimension_are_named():
    (one,) = small(range(1))
    dim, bound = next((dim, bound) for dim, bound in one.problem.bounds.items() if bound > 1)
    levels = [
        LevelRules(memory=f"L{level}", temporal=LoopRules(exactly={dim: 1}, place="a.yaml:3"))
        for level in range(len(one.rules.levels))
    ]
    levels = [*levels[:-1], LevelRules(memory="top", temporal=LoopRules(exactly={dim: bound + 1}, place="a.yaml:9"))]
    with pytest.raises(
        BadInput, match=rf"{dim} of {bound} cannot be made of parts .*top in time {dim}={bound + 1} \(a"
    ):
        _search(one, Objective.EDP, rules=MapRules(levels=tuple(levels)))


def test_a_memory_that_is_too_small_for_any_tile_is_named():
    (one,) = small(range(1))
    levels = tuple(
        LevelRules(memory=f"L{at}", kept=frozenset(space.name for space in one.problem.spaces), keeping_place=f"a:{at}")
        for at in range(len(one.rules.levels))
    )
    words = len(one.problem.spaces)
    small_memory = replace(one.accelerator.memories[0], entries=words - 1)
    machine = replace(one.accelerator, memories=(small_memory, *one.accelerator.memories[1:]))
    with pytest.raises(BadInput, match=f"L0 has room for {words - 1} words, and the smallest tiles take {words}"):
        _search(replace(one, accelerator=machine), Objective.EDP, rules=MapRules(levels=levels))
