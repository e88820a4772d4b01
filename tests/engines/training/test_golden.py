"""Cycles and exposed communication of every rank, to the nanosecond: worked by hand, and as ASTRA-sim gave them."""

import pytest

from gnomon.engines.training.simulate.statistics import times_of, utilization_of
from tests.engines.training.golden import by_rank, differences, expected, own_cases, shared_cases, simulated
from tests.long import LONG

# By events, each message of 64 ranks: fifteen that take longest, up to a minute each, are left to `make test-long`.
LARGE = ("fc_64", "a2a_ring_64")
EVERY = 9  # of the cases beside the repository, one in so many is tried each time
_TIMES = {"GPU time": "gpu", "Comm time": "comm"}
_SHARES = {
    "Compute bound percentage": "compute_bound",
    "Average compute utilization": "compute",
    "Average memory utilization": "memory",
}


def _cases():
    for at, case in enumerate(shared_cases()):
        is_large = any(name in case.name for name in LARGE)
        marks = () if at % EVERY == 0 and "a2a_ring_64" not in case.name else pytest.mark.slow
        for exact_events in (False, True) if LONG or not is_large else (False,):
            way = "by events" if exact_events else "by classes"
            yield pytest.param(case, exact_events, marks=marks, id=f"{case.name}-{way}")


@pytest.mark.parametrize("exact_events", [False, True], ids=["by classes", "by events"])
@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_a_case_comes_out_as_worked_by_hand(case, exact_events):
    assert expected(case)
    assert list(differences(case, exact_events=exact_events)) == []


@pytest.mark.parametrize(("case", "exact_events"), list(_cases()))
def test_a_case_beside_the_repository_comes_out_as_from_astra_sim(case, exact_events):
    assert list(differences(case, exact_events=exact_events)) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in shared_cases() if case.name[0] in "EH"], ids=lambda case: case.name)
def test_times_by_kind_are_those_of_astra_sim(case):
    for backend, theirs in expected(case).items():
        made = simulated(case, backend).simulation
        for line, kind in _TIMES.items():
            if line in theirs["stats"]:
                ours = [times_of(rank).by_kind[kind] for rank in made.ranks]
                assert list(map(str, ours)) == by_rank(theirs["stats"][line], len(ours))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in shared_cases() if "stg" in case.name], ids=lambda case: case.name)
def test_utilisation_under_the_roofline_is_that_of_astra_sim(case):
    for backend, theirs in expected(case).items():
        made = simulated(case, backend)
        ours = [utilization_of(rank, made.given.rules) for rank in made.simulation.ranks]
        for line, name in _SHARES.items():
            shown = [f"{100 * getattr(one, name):.3f}%" for one in ours]
            assert shown == by_rank(theirs["stats"][line], len(shown))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [case for case in shared_cases() if (case / "et").exists()], ids=lambda case: case.name
)
def test_the_json_document_says_what_the_traces_say(case):
    if '"source"' in (case / "workload.json").read_text():
        pytest.skip("the document of this case only names the traces")
    from_traces = simulated(case, "unaware")
    assert simulated(case, "unaware", workload=case / "workload.json").to_dict() == from_traces.to_dict()


def test_the_cases_are_there(shared):
    assert len(own_cases()) >= 9
    assert len(shared_cases()) >= 400
