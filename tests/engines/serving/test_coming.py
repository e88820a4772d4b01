"""Requests that come when others are through."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.service import Routing
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import BY_TOKEN, arrivals, service, step_times
from tests.engines.serving.test_vllm_v1 import a_service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
ROWS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=12)


def test_a_turn_comes_after_the_one_before_it_and_the_time_to_think():
    stream = replace(arrivals((0, 4, 2), (0.5, 4, 1), (0.25, 4, 1)), after=np.array([-1, 0, 1]))
    made = simulate(a_service(), stream).requests
    assert made.arrived_s.tolist() == [0.0, 2.5, 3.75]
    assert made.completed_s.tolist() == [2.0, 3.5, 4.75]


def test_a_turn_is_on_its_way_to_the_queue_as_long_as_any_other():
    times = step_times(request_s=0.25)
    stream = replace(arrivals((0, 4, 2), (1.0, 4, 1)), after=np.array([-1, 0]))
    made = simulate(service("vllm-v1", times=times), stream).requests
    assert made.arrived_s[1] == pytest.approx(made.completed_s[0] + 1.0)
    assert made.scheduled_s[1] == pytest.approx(made.arrived_s[1] + 0.25)


def test_no_more_are_under_way_than_may_be():
    stream = arrivals(*((0.0, 4, 2) for _ in range(5)))
    made = simulate(replace(a_service(), most_open=2), stream).requests
    assert made.arrived_s.tolist() == [0.0, 0.0, 2.0, 2.0, 4.0]
    assert made.completed_s.tolist() == [2.0, 2.0, 4.0, 4.0, 6.0]


def test_whoever_waits_for_one_that_is_refused_is_told():
    stream = replace(arrivals((0, 60, 2), (0, 4, 1)), after=np.array([-1, 0]))
    made = simulate(a_service(), stream)
    assert made.waiting.tolist() == [0, 1]
    assert made.why_waiting(1) == "the request whose end it waits for is never through"


def test_a_client_whose_request_is_refused_sends_its_next_at_once():
    made = simulate(replace(a_service(), most_open=1), arrivals((0, 4, 2), (0, 60, 2), (0, 4, 2), (0, 4, 2)))
    assert made.requests.arrived_s.tolist() == [0.0, 2.0, 2.0, 4.0]
    assert made.requests.completed_s.tolist() == [2.0, 0.0, 4.0, 6.0]
    assert made.waiting.tolist() == [1]


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=12),
    refused=st.lists(st.integers(0, 9), max_size=6),
    most_open=st.integers(1, 3),
)
def test_refused_requests_of_a_closed_loop_change_nothing_for_others(rows, refused, most_open):
    given_service = replace(a_service(), most_open=most_open)
    alone = simulate(given_service, arrivals(*sorted(rows, key=lambda row: row[0]))).requests
    all_rows = sorted([*rows, *((at, 60, 1) for at in refused)], key=lambda row: row[0])
    among = simulate(given_service, arrivals(*all_rows)).requests[[prompt < 60 for _, prompt, _ in all_rows]]
    assert among.arrived_s.tolist() == alone.arrived_s.tolist()
    assert among.completed_s.tolist() == alone.completed_s.tolist()


def test_whoever_is_held_back_by_one_that_is_never_through_is_told_so():
    stuck = replace(service("vidur-vllm", blocks=2), most_open=1)
    made = simulate(stuck, arrivals((0, 8, 1), (0, 8, 1), (0, 24, 1), (0, 8, 1), (0, 8, 1)))
    assert sorted(made.waiting.tolist()) == [2, 3, 4]
    assert made.why_waiting(3) == "it is held back, and none of the requests under way, 1 at most, is ever through"
    assert list(made.notes) == [
        "3 requests can never be scheduled, from request 2, of 24 tokens in its prompt on: it needs 3 blocks of the KV cache, of 2 "
        "with those that stay free; 2 of them never come, waiting for the end of others"
    ]


@pytest.mark.parametrize("policy", POLICIES)
@given(
    rows=ROWS,
    most_open=st.integers(1, 4),
    router=st.sampled_from(["round_robin", "lor", "random"]),
    replicas=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_iterations_at_once_are_those_one_by_one_and_ends_come_before_what_follows(
    policy, rows, most_open, router, replicas, seed
):
    after = np.array([-1] + [np.random.default_rng([seed, at]).integers(-1, at) for at in range(1, len(rows))])
    stream = replace(arrivals(*sorted(rows, key=lambda row: row[0])), after=after)
    blocks = 80 if policy in BY_TOKEN else 12
    given_service = service(policy, blocks=blocks, replicas=replicas, routing=Routing(name=router))
    given_service = replace(given_service, most_open=most_open)
    made, one_by_one = (simulate(given_service, stream, records=records) for records in (False, True))
    for field in ("arrived_s", "first_token_s", "completed_s", "execution_s", "replica", "restarts"):
        assert made.requests[field].tolist() == one_by_one.requests[field].tolist()
    requests = made.requests
    assert requests.is_completed.all()
    follows = after >= 0
    think_s = stream.arrived_s[follows]
    assert (requests.arrived_s[follows] >= requests.completed_s[after[follows]] + think_s - 1e-9).all()
    marks = sorted([(at, 1) for at in requests.arrived_s] + [(at, -1) for at in requests.completed_s])
    assert max(np.cumsum([change for _, change in marks])) <= most_open
