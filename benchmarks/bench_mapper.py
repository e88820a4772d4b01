"""How many mappings are evaluated in a second of one core, against the walk that defines what they count."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import pytest
from tests.engines.mapper.golden import given, shared_cases
from tests.engines.mapper.sampling import drawn

from gnomon.core.loop_nest import LoopNest
from gnomon.engines.mapper.coded import Coded, coded
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.evaluate import evaluate
from gnomon.engines.mapper.exact.quick import Quick
from gnomon.engines.mapper.fast import Fast
from gnomon.engines.mapper.search.counting import Evaluator
from gnomon.formats.timeloop.read import TimeloopInput

_VALID = 200
_REPEATS = 20
_WALKED = 10  # of them; a walk takes most of a second


@pytest.fixture
def case() -> Path:
    """ResNet-50's res4 3x3 on the Eyeriss-like machine."""
    found = [case for case in shared_cases() if case.name == "real_eyeriss__rn50_res4_3x3"]
    if not found:
        pytest.skip("no reference cases in ../shared: GNOMON_SHARED names their folder")
    return found[0]


def test_20_000_mappings_are_evaluated_in_a_second_of_one_core(report, case: Path) -> None:
    _is_quick_enough(report, case, "", is_ragged=False, bar=20_000)


def test_500_ragged_mappings_are_evaluated_in_a_second_of_one_core(report, case: Path) -> None:
    _is_quick_enough(report, case, "ragged ", is_ragged=True, bar=500)


@pytest.mark.parametrize("is_ragged", [False, True], ids=["even", "ragged"])
def test_5_000_mappings_are_counted_by_gnomons_own_conventions_in_a_second_of_one_core(
    report, case: Path, is_ragged: bool
) -> None:
    asked = given(case)
    assert asked.nest is not None
    quick = Quick(asked.problem, asked.accelerator, asked.nest)
    rate = _rate(quick, coded(asked.problem, _valid(asked, quick, is_ragged=is_ragged)))
    report(f"{rate:,.0f} valid mappings in a second of one core (bar: 5,000)")
    assert rate >= 5_000


def _is_quick_enough(report, case: Path, kind: str, *, is_ragged: bool, bar: int) -> None:
    asked = given(case)
    assert asked.nest is not None
    quick = Fast(asked.problem, asked.accelerator, asked.nest, Switches())
    valid = _valid(asked, quick, is_ragged=is_ragged)
    many = coded(asked.problem, valid)
    figures, rate = quick.evaluate(many), _rate(quick, many)
    start = time.process_time()
    for at, nest in enumerate(valid[:_WALKED]):
        made = evaluate(asked.problem, asked.accelerator, nest, Switches())
        assert (made.costs.cycles, made.costs.energy_pj) == (figures.cycles[at], pytest.approx(figures.energy_pj[at]))
    walked = _WALKED / (time.process_time() - start)
    report(
        f"{rate:,.0f} valid {kind}mappings in a second of one core (bar: {bar:,}), "
        f"{rate / walked:,.0f} times as many as are walked"
    )
    assert rate >= bar


def _valid(asked: TimeloopInput, quick: Evaluator, *, is_ragged: bool) -> list[LoopNest]:
    """Mappings drawn at random that fit; what evaluates them is compiled thereby."""
    assert asked.nest is not None
    rng, valid = random.Random(0), list[LoopNest]()
    while len(valid) < _VALID:
        nests = [
            drawn(asked.problem, asked.accelerator, asked.nest, rng, is_ragged=is_ragged) for _ in range(_VALID * 3)
        ]
        fits = quick.evaluate(coded(asked.problem, nests)).fits
        valid += [nest for nest, fit in zip(nests, fits, strict=True) if fit]
    return valid[:_VALID]


def _rate(quick: Evaluator, many: Coded) -> float:
    """Mappings in a second of a core, the median of five."""
    rates = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(_REPEATS):
            quick.evaluate(many)
        rates.append(_REPEATS * _VALID / (time.process_time() - start))
    return statistics.median(rates)
