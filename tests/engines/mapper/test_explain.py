"""Every count is the sum of its reasons."""

import pytest

from gnomon.engines.mapper.conventions import of_environment
from gnomon.engines.mapper.explain import explained
from tests.engines.mapper.golden import environment, evaluated, given, own_cases, shared_cases

CASES = {case.name: case for case in own_cases()}


def _explained(case):
    asked = given(case)
    made = evaluated(asked, case)
    return list(explained(asked.problem, asked.accelerator, asked.nest, of_environment(environment(case)), made))


@pytest.mark.parametrize(
    "case",
    [*own_cases(), *(pytest.param(case, marks=pytest.mark.slow) for case in shared_cases("fuzz_flags", "official"))],
    ids=lambda case: f"{case.parent.name}/{case.name}",
)
def test_reasons_make_up_each_count(case):
    counts = _explained(case)
    assert counts
    assert [one for one in counts if abs(sum(reason.words for reason in one.reasons) - one.words) >= 1] == []


def test_a_loop_is_named_with_its_visits_and_words():
    (reads,) = [
        one
        for one in _explained(CASES["05_conv1d_halo"])
        if (one.level, one.space, one.count) == ("GLB", "Inputs", "reads")
    ]
    assert reads.words == 48
    assert reads.reasons[0].why == "the first tile"
    assert all("goes on" in reason.why for reason in reads.reasons[1:])
