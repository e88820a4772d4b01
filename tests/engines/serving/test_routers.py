"""Which replica a request goes to: by hand, and against a plain twin that watches the replicas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import BadInput
from gnomon.core.service import Routing
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.routers import one_round, routing_of, static_routes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import BY_TOKEN, arrivals, service
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, drawn, spelled_out

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
ROWS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=14)
WATCHING = ("join_shortest_queue", "least_outstanding", "power_of_two")


def sorted_rows(rows):
    return arrivals(*sorted(rows, key=lambda row: row[0]))


def routed(name, rows, **others):
    made = simulate(a_service(replicas=2, most_requests=1, routing=Routing(name=name)), arrivals(*rows), **others)
    return made.requests.replica.tolist()


def test_weights_take_turns_as_nginx_has_it():
    assert one_round((5, 1, 1), 100).tolist() == [0, 0, 1, 0, 2, 0, 0]  # of nginx's own description
    assert one_round((2, 2), 100).tolist() == [0, 1]
    assert one_round((3, 1), 2).tolist() == [0, 0]


@given(weights=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_each_replica_has_its_share_of_a_round(weights):
    found = one_round(weights, 10**6)
    assert (np.bincount(found) * sum(weights) == np.array(weights) * len(found)).all()


def test_weighted_requests_go_round():
    routes = static_routes(Routing(name="weighted", weights=(2, 1)), 7, 2)
    assert routes is not None
    assert routes.tolist() == [0, 1, 0, 0, 1, 0, 0]


def test_the_shortest_queue_has_the_fewest_that_wait_whatever_runs():
    # Each replica runs one at a time: 0 has been admitted by replica 0 when 1 comes, so that nobody waits anywhere.
    rows = [(0, 4, 9), (0.5, 4, 9), (0.6, 4, 9)]
    assert routed("join_shortest_queue", rows) == [0, 0, 1]
    assert routed("least_outstanding", rows) == [0, 1, 0]


def test_one_that_is_through_is_not_outstanding():
    rows = [(0, 4, 9), (0.5, 4, 1), (1.75, 4, 1), (2.0, 4, 1)]
    assert routed("least_outstanding", rows) == [0, 1, 1, 0]  # that of 0.5 is through at 1.5, that of 1.75 not at 2


@given(rows=ROWS, policy=st.sampled_from(POLICIES), replicas=st.integers(1, 4))
def test_the_shortest_queue_is_what_vidur_calls_lor(rows, policy, replicas):
    blocks = 80 if policy in BY_TOKEN else 12
    found = [
        simulate(service(policy, blocks=blocks, replicas=replicas, routing=Routing(name=name)), sorted_rows(rows))
        for name in ("lor", "join_shortest_queue")
    ]
    assert found[0].requests.tobytes() == found[1].requests.tobytes()


@pytest.mark.parametrize("router", WATCHING)
@given(
    rows=ROWS,
    policy=st.sampled_from(POLICIES),
    replicas=st.integers(1, 4),
    stages=st.sampled_from([1, 2]),
    most_open=st.sampled_from([None, 3]),
)
def test_choices_are_those_of_whoever_counts_requests_from_outside(router, rows, policy, replicas, stages, most_open):
    """Counted from what is told of requests in the end: sent, first in a step, through."""
    blocks, stages = (80, 1) if policy in BY_TOKEN else (40, stages)
    routing = Routing(name=router, seed=7)
    given_service = service(policy, blocks=blocks, replicas=replicas, stages=stages, routing=routing)
    made = simulate(replace(given_service, most_open=most_open), sorted_rows(rows)).requests
    assert made.is_completed.all()
    assert not made.restarts.any()  # who waits again is not told
    order = np.lexsort((np.arange(len(made)), made.arrived_s))
    draws = np.random.default_rng([7, 1]).random((len(made), 2))
    for place, request in enumerate(order):
        now_s, before = made.arrived_s[request], order[:place]
        ends = made.scheduled_s if router == "join_shortest_queue" else made.completed_s
        # Who came at the same moment is in the queue; a batch that ends at this moment has not ended when requests are sent.
        counts = [int(((made.replica[before] == one) & (ends[before] >= now_s)).sum()) for one in range(replicas)]
        if most_open is not None and any((made.completed_s == now_s) | (made.scheduled_s == now_s)):
            continue  # which of two things at one moment is first is not told
        expected = int(np.argmin(counts))
        if router == "power_of_two" and replicas > 1:
            one = int(draws[place, 0] * replicas)
            other = (one + 1 + int(draws[place, 1] * (replicas - 1))) % replicas
            assert one != other
            expected = other if counts[other] < counts[one] else one
        assert made.replica[request] == expected


@pytest.mark.parametrize("router", [*WATCHING, "prefix_aware"])
@pytest.mark.parametrize("policy", POLICIES)
@given(rows=ROWS, replicas=st.integers(1, 3), most_open=st.sampled_from([None, 2]))
def test_iterations_at_once_are_those_one_by_one(policy, router, rows, replicas, most_open):
    blocks = 80 if policy in BY_TOKEN else 12
    given_service = service(policy, blocks=blocks, replicas=replicas, routing=Routing(name=router))
    given_service = replace(given_service, most_open=most_open)
    found = [simulate(given_service, sorted_rows(rows), records=records).requests for records in (False, True)]
    assert found[0].tobytes() == found[1].tobytes()
    assert found[0].is_completed.all()


def test_a_prompt_goes_to_whoever_has_its_beginning():
    # Segments 7 and 8 are two prompts of 6 tokens and a block of 4; the second replica gets 8 while the first has 7.
    rows = [(0, [7, 1], 9, -1), (2, [8, 1], 9, -1), (40, [8, 1], 1, -1), (80, [7, 1], 1, -1), (120, [8, 1], 1, -1)]
    given_service = a_service(replicas=2, routing=Routing(name="prefix_aware"))
    made = simulate(given_service, drawn(rows)).requests
    assert made.replica.tolist() == [0, 1, 1, 0, 1]
    assert made.found.tolist() == [0, 0, 8, 8, 8]


def test_a_little_of_a_prompt_is_no_reason():
    rows = [(0, [7], 30, -1), (4, [7, 0, 1, 2, 3, 4, 5], 1, -1)]  # 4 of 37 tokens are there
    made = simulate(a_service(replicas=2, routing=Routing(name="prefix_aware")), drawn(rows)).requests
    assert made.replica.tolist() == [0, 1]


def test_whoever_is_far_behind_gets_the_prompt_all_the_same():
    rows = [(0, [7, 8], 4, -1)] + [(4 + at // 40, [7, 8], 1, -1) for at in range(90)]
    given_service = a_service(replicas=2, most_requests=1, routing=Routing(name="prefix_aware"))
    made = simulate(given_service, drawn(rows)).requests
    sent = made.replica[np.argsort(made.arrived_s, kind="stable")].tolist()
    assert sent[:65] == [0] * 65  # 65 more than none
    assert sent[65] == 1


@given(
    rows=st.lists(REQUEST, min_size=1, max_size=12),
    blocks=st.integers(15, 30),
    replicas=st.integers(1, 3),
)
def test_prompts_go_where_the_plain_twin_has_most_of_them(rows, blocks, replicas):
    """One is through long before the next comes, so that nobody is outstanding."""
    apart = [(400 * at, *row[1:]) for at, row in enumerate(rows)]
    given_service = a_service(blocks=blocks, replicas=replicas, routing=Routing(name="prefix_aware"))
    made = simulate(given_service, drawn(apart)).requests
    pools = [Pool(blocks, BLOCK, caches=True) for _ in range(replicas)]
    for at, request in enumerate(spelled_out(apart)):
        found = [len(pool.hits(request)) * BLOCK for pool in pools]
        best = int(np.argmax(found)) if max(found) > 0.3 * request.prompt else 0
        assert (made.replica[at], made.found[at]) == (best, found[best])
        run([request], pools[best], most_tokens=16, most_requests=4)


WRONG = [
    ({"router": "weighted"}, "router_weights: router weighted needs one for each replica"),
    ({"router_weights": (1, 2)}, "router_weights: only router weighted has them"),
    ({"router": "weighted", "router_weights": (1, 0)}, r"router_weights: \(1, 0\) is not a list of positive"),
    ({"router": "weighted", "router_weights": 3}, "router_weights: 3 is not a list of positive"),
    ({"router": "prefix_aware", "prefix_caching": False}, "router: prefix_aware looks for prompts in caches"),
    ({"router": "prefix_aware", "policy": "sarathi"}, "router: prefix_aware looks for prompts in caches"),
    ({"router": "least_oustanding"}, "did you mean 'least_outstanding'"),
]


@pytest.mark.parametrize(("said", "told"), WRONG)
def test_a_router_that_cannot_be_is_refused(said, told):
    with pytest.raises(BadInput, match=told):
        ServingPlan(**said)


def test_weights_are_of_all_replicas():
    with pytest.raises(BadInput, match="router_weights: 2 weights for 3 replicas: give one for each"):
        routing_of(ServingPlan(router="weighted", router_weights=(1, 2)), 3, 0)
