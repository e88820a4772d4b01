"""Every count, capacity, cycle and energy of Timeloop's golden cases: counts exactly, energies to 1e-6."""

import pytest

from tests.engines.mapper.golden import differences, own_cases, shared_cases


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_a_hand_made_case_is_counted_as_timeloop_counts_it(case):
    assert list(differences(case)) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", shared_cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_case_beside_the_repository_is_counted_as_timeloop_counts_it(case):
    assert list(differences(case)) == []


def test_the_cases_are_there(shared):
    assert len(own_cases()) >= 37
    assert len(shared_cases()) >= 150
