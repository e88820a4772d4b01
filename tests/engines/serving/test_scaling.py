"""Replicas that come and go: by hand, and against a plain twin that is told when requests came and were through."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.autoscale import Autoscale
from gnomon.core.errors import BadInput
from gnomon.core.service import Routing
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import BY_TOKEN, arrivals, service
from tests.engines.serving.test_vllm_v1 import a_service, drawn

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
ROWS = st.lists(st.tuples(st.floats(0, 12), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=16)
SCALED = st.builds(
    Autoscale,
    min=st.integers(1, 2),
    max=st.integers(2, 4),
    target_outstanding=st.sampled_from([0.75, 1, 2]),
    every_s=st.sampled_from([0.25, 0.5, 1.25]),
    start_s=st.sampled_from([0, 0.3, 1.0, 3.0]),
    idle_s=st.sampled_from([0, 0.5, 2.0, 100.0]),
)


def made_of(rows, autoscale, *, at_start=1, router="round_robin", **others):
    given_service = a_service(most_requests=1, replicas=autoscale.max, routing=Routing(name=router))
    given_service = replace(given_service, autoscale=autoscale, replicas_at_start=at_start)
    return simulate(given_service, arrivals(*rows) if isinstance(rows, list) else rows, **others)


def rows_of(made):
    return [(one.time_s, one.ready, one.starting, one.leaving) for one in made.scaling.course]


def test_as_many_start_as_the_requests_want_and_are_sent_requests_when_they_are_ready():
    autoscale = Autoscale(max=3, target_outstanding=1, every_s=2, start_s=3, idle_s=100)
    made = made_of([(0, 4, 9), (1, 4, 9), (4.5, 4, 9), (5.5, 4, 9), (6, 4, 1)], autoscale, router="least_outstanding")
    # At 2 two are outstanding, at 4 still: one starts, and is ready at 5. At 6 there are four, three at most, one more: at 9.
    assert rows_of(made)[:4] == [(0, 1, 0, 0), (2, 1, 1, 0), (5, 2, 0, 0), (6, 2, 1, 0)]
    assert made.requests.replica.tolist() == [0, 0, 0, 1, 1]
    assert made.scaling.starts == 2


def test_who_is_wanted_no_more_ends_its_requests_and_is_paid_until_then():
    autoscale = Autoscale(max=2, target_outstanding=2, every_s=4, start_s=0, idle_s=0)
    made = made_of([(0, 4, 3), (1, 4, 10), (2, 4, 1), (30, 4, 1)], autoscale, at_start=2)
    # Sent 0 1 0. At 4 only that of 1 is under way: the second is to go, has it, and is gone with it at 11.
    assert made.requests.replica.tolist() == [0, 1, 0, 0]
    assert rows_of(made) == [(0, 2, 0, 0), (4, 1, 0, 1), (11, 1, 0, 0)]
    assert made.scaling.replica_s == 31 + 11
    assert (made.scaling.ticks, made.scaling.at_most) == (7, 0)


def test_fewer_are_kept_when_no_more_were_wanted_for_long_enough():
    autoscale = Autoscale(max=2, target_outstanding=1, every_s=1, start_s=0, idle_s=5)
    made = made_of([(0, 4, 2), (30, 4, 1)], autoscale, at_start=2)
    assert rows_of(made) == [(0, 2, 0, 0), (6, 1, 0, 0)]  # one or none wanted at 1, 2, 3, 4, 5 and 6


def test_a_replica_that_starts_again_has_an_empty_cache():
    autoscale = Autoscale(max=2, target_outstanding=1, every_s=4, start_s=0, idle_s=0)
    # Prompts 0 and 1 at once on two replicas; the second goes; then again two at once.
    rows = [(0, [7, 8], 2, -1), (0, [7, 8], 2, -1), *[(200 + at, [7, 8], 9, -1) for at in (0, 1, 2, 3, 20)]]
    made = made_of(drawn(rows), autoscale, at_start=2, router="least_outstanding")
    requests = made.requests
    assert requests.replica.tolist()[:2] == [0, 1]
    second = np.flatnonzero(requests.replica == 1)
    assert made.scaling.starts >= 1
    assert requests.found[second[1]] == 0
    assert requests.found[2] > 0


def plain_course(made, autoscale, at_start):
    """When which replicas were ready, from what became of requests; changes come before all else at one moment."""
    requests, end_s = made.requests, made.end_s
    gone_s = np.where(requests.is_completed, requests.completed_s, inf)
    begin_s = float(requests.arrived_s.min())
    state = dict.fromkeys(range(at_start), "ready")
    since = dict.fromkeys(range(at_start), begin_s)
    until: dict[int, float] = {}  # of those that start and leave
    rows, wanted, paid, ready_from = (
        [(begin_s, at_start, 0, 0)],
        [at_start] * 10**3,
        0.0,
        [(-inf, set(range(at_start)))],
    )

    def note(now_s):
        counts = [sum(one == name for one in state.values()) for name in ("ready", "starting", "leaving")]
        rows.append((now_s, *counts))
        ready_from.append((now_s, {replica for replica, one in state.items() if one == "ready"}))

    ticks = 0
    while True:
        tick_s = begin_s + (ticks + 1) * autoscale.every_s
        started = min((until[one] for one in state if state[one] == "starting"), default=inf)
        left = min((until[one] for one in state if state[one] == "leaving"), default=inf)
        now_s = min(tick_s, started, left)
        if now_s > end_s or now_s == inf:
            break
        if left < min(tick_s, started):
            who = next(one for one in state if state[one] == "leaving" and until[one] == left)
            paid += left - since[who]
            del state[who]
            note(left)
            continue
        has_changed = False
        for one in state:
            if state[one] == "starting" and until[one] <= now_s:
                state[one], has_changed = "ready", True
        if tick_s <= now_s:
            ticks += 1
            outstanding = int(((requests.arrived_s < now_s) & (gone_s >= now_s)).sum())
            wanted.append(min(max(ceil(outstanding / autoscale.target_outstanding), autoscale.min), autoscale.max))
            back = int(autoscale.idle_s / autoscale.every_s + 1e-9) + 1
            count = max(wanted[-back:])
            for one in range(autoscale.max):
                if one not in state and sum(name != "leaving" for name in state.values()) < count:
                    state[one], since[one], until[one], has_changed = "starting", now_s, now_s + autoscale.start_s, True
            while sum(name != "leaving" for name in state.values()) > count:
                who = max(
                    (one for one in state if state[one] != "leaving"),
                    key=lambda one: (state[one] == "starting", since[one], one),
                )
                mine = (requests.replica == who) & (requests.arrived_s < now_s) & (gone_s >= now_s)
                has_changed = True
                if mine.any():
                    state[who], until[who] = "leaving", float(gone_s[mine].max())
                else:
                    paid += now_s - since[who]
                    del state[who]
        if has_changed:
            note(now_s)
    paid += sum(end_s - since[one] for one in state)
    return rows, paid, ready_from


@given(
    rows=ROWS,
    autoscale=SCALED,
    router=st.sampled_from(["round_robin", "random", "least_outstanding", "power_of_two", "join_shortest_queue"]),
    policy=st.sampled_from(POLICIES),
    stages=st.sampled_from([1, 2]),
    starts_with_most=st.booleans(),
)
def test_the_course_is_that_of_the_plain_twin_and_requests_go_to_who_is_ready(
    rows, autoscale, router, policy, stages, starts_with_most
):
    blocks, stages = (80, 1) if policy in BY_TOKEN else (40, stages)
    at_start = autoscale.max if starts_with_most else autoscale.min
    given_service = service(policy, blocks=blocks, replicas=autoscale.max, stages=stages, routing=Routing(name=router))
    given_service = replace(given_service, autoscale=autoscale, replicas_at_start=at_start)
    made = simulate(given_service, arrivals(*sorted(rows, key=lambda row: row[0])))
    course, paid_s, ready_from = plain_course(made, autoscale, at_start)
    assert rows_of(made) == course
    assert made.scaling.replica_s == pytest.approx(paid_s)
    turns = 0
    for request in made.requests:
        ready = sorted(next(those for since_s, those in reversed(ready_from) if since_s <= request.arrived_s))
        assert request.replica in ready
        if router == "round_robin":
            assert request.replica == ready[turns % len(ready)]
            turns += 1


@pytest.mark.parametrize("policy", POLICIES)
@given(
    rows=ROWS,
    autoscale=SCALED,
    router=st.sampled_from(["round_robin", "least_outstanding", "power_of_two", "prefix_aware", "lor"]),
    most_open=st.sampled_from([None, 3]),
    most_wait_s=st.sampled_from([None, 1.5]),
)
def test_iterations_at_once_are_those_one_by_one_and_all_are_through_or_turned_away(
    policy, rows, autoscale, router, most_open, most_wait_s
):
    blocks = 80 if policy in BY_TOKEN else 12
    given_service = service(policy, blocks=blocks, replicas=autoscale.max, routing=Routing(name=router))
    given_service = replace(
        given_service,
        autoscale=autoscale,
        replicas_at_start=autoscale.min,
        most_open=most_open,
        most_waiting=3,
        most_wait_s=most_wait_s,
    )
    stream = arrivals(*sorted(rows, key=lambda row: row[0]))
    made, one_by_one = (simulate(given_service, stream, records=records) for records in (False, True))
    assert made.requests.tobytes() == one_by_one.requests.tobytes()
    assert made.scaling == one_by_one.scaling
    assert (made.requests.is_completed != (made.requests.turned_away > 0)).all()
    for one in made.scaling.course:
        assert one.ready >= 1
        assert one.ready + one.starting + one.leaving <= autoscale.max
    assert made.held_blocks == 0


@given(rows=ROWS, router=st.sampled_from(["round_robin", "least_outstanding", "power_of_two", "lor"]))
def test_bounds_that_leave_no_choice_change_nothing(rows, router):
    given_service = service("vllm-v1", blocks=12, replicas=2, routing=Routing(name=router))
    autoscale = Autoscale(min=2, max=2, target_outstanding=1, start_s=1)
    stream = arrivals(*sorted(rows, key=lambda row: row[0]))
    stays, scaled = (simulate(one, stream) for one in (given_service, replace(given_service, autoscale=autoscale)))
    for field in ("replica", "scheduled_s", "first_token_s", "completed_s"):
        assert stays.requests[field].tolist() == scaled.requests[field].tolist()
    assert scaled.scaling.replica_s == pytest.approx(2 * (scaled.end_s - stream.arrived_s[0]))


def test_a_course_of_many_changes_has_room():
    autoscale = Autoscale(max=2, target_outstanding=1, every_s=2, start_s=0, idle_s=0)
    rows = sorted([(20.0 * at, 4, 6) for at in range(60)] + [(20.0 * at + 1, 4, 6) for at in range(60)])
    made = made_of(rows, autoscale)
    assert len(made.scaling.course) > 150
    assert rows_of(made) == plain_course(made, autoscale, 1)[0]


WRONG = [
    ({"min": 3, "max": 2}, "autoscale.min: 3 is more than the 2 of max"),
    ({"max": 0}, "autoscale.max: 0 is not a positive whole number"),
    ({"target_outstanding": 0}, "autoscale.target_outstanding: 0 is not a number above 0"),
    ({"start_s": -1}, "autoscale.start_s: -1 is not a time of at least 0"),
    ({"every_s": inf}, "autoscale.every_s: inf is not a number above 0"),
    ({"every_s": 1e-3, "idle_s": 2000}, "autoscale.idle_s: 2000 s are more than 1,000,000 times every_s"),
    ({"every_s": 1e-6}, "autoscale.every_s: 1e-06 is less than 0.001 s"),
]


@pytest.mark.parametrize(("said", "told"), WRONG)
def test_bounds_that_cannot_be_are_refused(said, told):
    with pytest.raises(BadInput, match=told):
        Autoscale(**{"max": 2, "target_outstanding": 4, "start_s": 1, **said})


def test_weights_are_refused_beside_replicas_that_come_and_go():
    with pytest.raises(BadInput, match="router_weights: weights are of replicas that stay"):
        ServingPlan(
            router="weighted", router_weights=(1, 2), autoscale=Autoscale(max=2, target_outstanding=1, start_s=0)
        )
