"""Who is turned away: by hand, against the plain twin, and what follows for others, figures and capacity."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.core.service import Routing
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.capacity import TURNED_AWAY, Probed, broken
from gnomon.engines.serving.facts import request_times
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.simulator.admission import QUEUE_FULL, WAITED_TOO_LONG
from tests.engines.serving.cases import BY_TOKEN, arrivals, service
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, decided, drawn, spelled_out

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
ROWS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=14)
WAITS = st.sampled_from([0.25, 1.0, 2.75, 6.0])


def made_of(rows, *, most_waiting=None, most_wait_s=None, after=None, most_open=None, **others):
    stream = arrivals(*rows) if after is None else replace(arrivals(*rows), after=np.array(after))
    limits = {"most_waiting": most_waiting, "most_wait_s": most_wait_s, "most_open": most_open}
    return simulate(replace(a_service(most_requests=1), **limits), stream, **others)


def test_who_finds_the_queue_full_is_turned_away_at_once():
    made = made_of([(0, 4, 5), (0.5, 4, 1), (0.75, 4, 1), (6.5, 4, 1)], most_waiting=1).requests
    assert made.turned_away.tolist() == [0, 0, QUEUE_FULL, 0]
    assert made.turned_away_s.tolist() == [0, 0, 0.75, 0]
    assert made.completed_s.tolist() == [5.0, 6.0, 0.0, 7.5]


def test_who_has_waited_too_long_leaves_the_queue_and_others_move_up():
    made = made_of([(0, 4, 5), (0.5, 4, 3), (3.0, 4, 1)], most_wait_s=4).requests
    assert made.turned_away.tolist() == [0, WAITED_TOO_LONG, 0]
    assert made.turned_away_s.tolist() == [0, 4.5, 0]
    assert made.completed_s.tolist() == [5.0, 0.0, 6.0]


def test_who_would_begin_at_the_moment_at_which_his_patience_ends_is_gone():
    made = made_of([(0, 4, 5), (1.0, 4, 1)], most_wait_s=4).requests
    assert made.turned_away.tolist() == [0, WAITED_TOO_LONG]


@pytest.mark.parametrize("leavers", [75, 200])
def test_any_number_may_lose_patience_at_the_moment_at_which_a_step_ends(leavers):
    made = made_of([(0, 4, 20), *[(0.0, 4, 1)] * leavers], most_wait_s=4)
    assert made.requests.turned_away.tolist() == [0, *[WAITED_TOO_LONG] * leavers]
    assert made.requests.completed_s[0] == 20.0
    assert (made.batches, made.busy_s) == (20, 20.0)


def test_who_leaves_makes_room_for_who_comes_at_the_same_moment():
    made = made_of([(0, 4, 9), (1.0, 4, 1), (3.0, 4, 1)], most_waiting=1, most_wait_s=2).requests
    assert made.turned_away.tolist() == [0, WAITED_TOO_LONG, WAITED_TOO_LONG]


def test_the_next_turn_comes_when_the_one_before_it_is_turned_away():
    made = made_of([(0, 4, 9), (1.0, 4, 1), (0.5, 4, 1)], most_wait_s=2, after=[-1, -1, 1]).requests
    assert made.arrived_s.tolist() == [0.0, 1.0, 3.5]
    assert made.turned_away_s.tolist() == [0.0, 3.0, 5.5]


def test_a_client_of_a_closed_loop_sends_its_next_request_when_one_is_turned_away():
    made = made_of([(0.0, 4, 4)] * 4, most_wait_s=2.5, most_open=2).requests
    assert made.arrived_s.tolist() == [0.0, 0.0, 2.5, 4.0]
    assert made.turned_away.tolist() == [0, WAITED_TOO_LONG, 0, WAITED_TOO_LONG]
    assert made.completed_s.tolist() == [4.0, 0.0, 8.0, 0.0]


def test_figures_are_of_those_that_were_served_and_a_note_says_so():
    made = made_of([(0, 4, 5), (0.5, 4, 1), (0.75, 4, 1), (6.5, 4, 1)], most_waiting=1)
    assert len(request_times(made).e2e) == 3
    assert list(made.notes)[:1] == [
        "1 of 4 requests are turned away: 1 found a queue full, 0 waited too long for a first step; times are of those that were "
        "served"
    ]
    assert made.waiting.tolist() == []


@pytest.mark.parametrize("caches", [False, True])
@given(
    rows=st.lists(REQUEST, min_size=1, max_size=14),
    blocks=st.integers(15, 30),
    most_requests=st.integers(1, 4),
    most_waiting=st.sampled_from([None, 1, 2, 4]),
    most_wait_s=st.sampled_from([None, 1.0, 2.75, 6.0]),
)
def test_decisions_are_those_of_the_plain_twin(caches, rows, blocks, most_requests, most_waiting, most_wait_s):
    rows = [(quarters // 3, *rest) for quarters, *rest in rows]
    limits = {"most_waiting": most_waiting, "most_wait_s": most_wait_s}
    given_service = replace(a_service(blocks=blocks, most_requests=most_requests), **limits)
    stream = drawn(rows) if caches else replace(drawn(rows), prefixes=None)
    plain = spelled_out(rows)
    expected = run(
        plain,
        Pool(blocks, BLOCK, caches=caches),
        most_tokens=16,
        most_requests=most_requests,
        most_waiting=most_waiting or inf,
        most_wait_s=most_wait_s or inf,
    )
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream).requests
    assert made.completed_s.tolist() == [one.done_s for one in plain]
    assert [("", "full", "waited")[why] for why in made.turned_away] == [one.turned_away for one in plain]


@pytest.mark.parametrize("policy", POLICIES)
@given(
    rows=ROWS,
    replicas=st.integers(1, 3),
    router=st.sampled_from(["round_robin", "lor", "least_outstanding", "prefix_aware"]),
    most_waiting=st.sampled_from([None, 1, 3]),
    most_wait_s=WAITS,
    most_open=st.sampled_from([None, 4]),
)
def test_all_are_served_or_turned_away_and_iterations_at_once_are_those_one_by_one(
    policy, rows, replicas, router, most_waiting, most_wait_s, most_open
):
    blocks = 80 if policy in BY_TOKEN else 12
    given_service = replace(
        service(policy, blocks=blocks, replicas=replicas, most_requests=2, routing=Routing(name=router)),
        most_waiting=most_waiting,
        most_wait_s=most_wait_s,
        most_open=most_open,
    )
    stream = arrivals(*sorted(rows, key=lambda row: row[0]))
    made, one_by_one = (simulate(given_service, stream, records=records) for records in (False, True))
    assert made.requests.tobytes() == one_by_one.requests.tobytes()
    requests = made.requests
    assert (requests.is_completed != (requests.turned_away > 0)).all()
    assert made.held_blocks == 0
    late = requests.turned_away == WAITED_TOO_LONG
    assert (requests.turned_away_s[late] == requests.arrived_s[late] + most_wait_s).all()
    begun = requests.is_begun
    assert (requests.scheduled_s[begun] < requests.arrived_s[begun] + most_wait_s).all()
    assert (begun != (requests.turned_away > 0)).all()


@given(rows=ROWS)
def test_limits_that_nobody_reaches_change_nothing(rows):
    given_service = service("vllm-v1", blocks=12, replicas=2)
    stream = arrivals(*sorted(rows, key=lambda row: row[0]))
    limits = {"most_waiting": len(rows), "most_wait_s": 1e6}
    found = [simulate(one, stream).requests for one in (given_service, replace(given_service, **limits))]
    assert found[0].tobytes() == found[1].tobytes()


def test_a_rate_at_which_somebody_is_turned_away_is_too_high():
    times = request_times(made_of([(0, 4, 5)]))
    probed = Probed(times=times, completed_per_s=1.0, is_overloaded=False)
    assert broken(probed, ()) == ""
    assert broken(replace(probed, turns_away=True), ()) == TURNED_AWAY


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"max_waiting": 0}, "max_waiting: 0 is not a positive whole number"),
        ({"max_wait_s": 0}, "max_wait_s: 0 is not a time above 0"),
        ({"max_wait_s": True}, "max_wait_s: True is not a time above 0"),
        ({"max_wait_s": inf}, "max_wait_s: inf is not a time above 0"),
    ],
)
def test_limits_that_cannot_be_are_refused(said, told):
    with pytest.raises(BadInput, match=told):
        ServingPlan(**said)
