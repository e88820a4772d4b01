"""vLLM's scheduling by priority: against the plain twin, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.service import Arrivals, Service
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, decided, drawn, spelled_out

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]


def by_priority(given_service: Service) -> Service:
    pool = given_service.pools[0]
    batching = replace(pool.batching, scheduling="priority")
    return replace(given_service, pools=(replace(pool, batching=batching),))


def with_priorities(stream: Arrivals, *priorities: int) -> Arrivals:
    return replace(stream, priorities=np.array(priorities))


@pytest.mark.parametrize("caches", [False, True])
@given(
    rows=st.lists(st.tuples(REQUEST, st.integers(-1, 2)), min_size=1, max_size=12),
    blocks=st.integers(15, 30),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3, 8]),
)
def test_decisions_by_priority_are_those_of_the_plain_twin(caches, rows, blocks, most_tokens, most_requests, chunk):
    rows = sorted(rows, key=lambda row: row[0][0])
    asked, priorities = [row for row, _ in rows], [priority for _, priority in rows]
    given_service = by_priority(
        a_service(blocks=blocks, most_tokens=most_tokens, most_requests=most_requests, chunk=chunk)
    )
    stream = with_priorities(drawn(asked), *priorities)
    stream = stream if caches else replace(stream, prefixes=None)
    plain = spelled_out(asked)
    for one, priority in zip(plain, priorities, strict=True):
        one.priority = priority
    expected = run(
        plain,
        Pool(blocks, BLOCK, caches=caches),
        most_tokens=most_tokens,
        most_requests=most_requests,
        chunk=chunk,
        by_priority=True,
    )
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream)  # where steps are done at once
    assert made.batches == len(expected)
    assert made.requests.first_token_s.tolist() == [one.first_s for one in plain]
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert made.requests.restarts.tolist() == [one.restarts for one in plain]
    assert not made.requests.blocks.any()
    assert not made.requests.in_flight.any()


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16), st.integers(0, 3)), min_size=1, max_size=12
    ),
    stages=st.sampled_from([1, 2]),
    ahead=st.sampled_from([0, 1]),
    spare_blocks=st.integers(0, 8),
)
def test_with_several_steps_in_flight_every_request_is_through_and_no_block_is_lost(rows, stages, ahead, spare_blocks):
    rows = sorted(rows)
    given_service = by_priority(service("vllm-v1", blocks=4 + spare_blocks, stages=stages, steps_ahead=ahead))
    made = simulate(given_service, with_priorities(arrivals(*(row[:3] for row in rows)), *(row[3] for row in rows)))
    requests = made.requests
    assert requests.is_completed.all()
    assert (requests.processed == requests.prefill + requests.decode).all()
    assert made.held_blocks == 0
    assert not requests.in_flight.any()


def test_of_those_that_wait_the_lowest_number_goes_first_and_then_who_came_first():
    stream = with_priorities(arrivals((0, 4, 1), (0.2, 4, 1), (0.4, 4, 1), (0.6, 4, 1)), 0, 5, 1, 1)
    made = simulate(by_priority(a_service(most_requests=1)), stream)
    assert made.requests.first_token_s.tolist() == [1.0, 4.0, 2.0, 3.0]


def test_whoever_counts_least_makes_room_also_where_he_was_admitted_first():
    stream = with_priorities(arrivals((0, 8, 6), (0, 8, 6)), 1, 0)  # two blocks each, of five
    made = simulate(by_priority(a_service(blocks=5, most_tokens=16)), stream)
    assert made.requests.restarts.tolist() == [1, 0]
    # 1 goes on alone after the first step; 0, of nine tokens, waits for three free blocks until 1 is through.
    assert made.requests.completed_s.tolist() == [11.0, 6.0]


def test_where_all_are_alike_and_nobody_makes_room_it_is_first_come_first_served():
    rows = [(0.3 * at, 3 + at * 5 % 9, 2 + at * 7 % 11) for at in range(30)]
    plain, ordered = a_service(blocks=200), by_priority(a_service(blocks=200))
    assert simulate(ordered, arrivals(*rows)).requests.tobytes() == simulate(plain, arrivals(*rows)).requests.tobytes()


def test_whoever_comes_with_a_lower_number_passes_those_that_wait_while_steps_are_done_at_once():
    stream = with_priorities(arrivals((0, 4, 60), (0.5, 62, 2), (7.5, 4, 2)), 1, 1, 0)
    made = simulate(by_priority(a_service(blocks=16, most_tokens=64)), stream)
    assert made.requests.first_token_s[2] == 9.0  # the long prompt lacks blocks
    assert made.requests.scheduled_s[1] > 9.0


@pytest.mark.parametrize("policy", ["vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm"])
def test_other_policies_know_no_priorities(policy):
    with pytest.raises(Unsupported, match=f"{policy} knows no priorities; vllm-v1 does"):
        simulate(by_priority(service(policy)), arrivals((0, 4, 2)))


def test_who_is_in_a_hurry_waits_less_and_the_others_more_than_first_come_first_served():
    rows = [(0.5 * at, 8, 6) for at in range(60)]
    urgent = np.arange(60) % 5 == 0
    plain = simulate(a_service(blocks=40), arrivals(*rows)).requests
    ordered = simulate(by_priority(a_service(blocks=40)), with_priorities(arrivals(*rows), *(~urgent).astype(int)))
    waits = [one.scheduled_s - one.arrived_s for one in (plain, ordered.requests)]
    assert waits[1][urgent].mean() < waits[0][urgent].mean() / 2
    assert waits[1][~urgent].mean() > waits[0][~urgent].mean()


def asked_with_priorities(**doors):
    traffic = {"qps": 5, "prompts": 20, "answers": 3, "requests": 6, "priorities": [[0, 1], [1, 1]]}
    return question("gpt2", "h100-sxm", mode="serve", traffic=traffic, **doors).scenarios()["e2e"]


def test_priorities_are_refused_where_requests_are_taken_first_come_first_served():
    scenario = asked_with_priorities()
    with pytest.raises(BadInput, match="scheduling: the requests have priorities, of which first come first served"):
        plugins.tuned("serving", {"timer": "roofline"}).missing(scenario)


@pytest.mark.parametrize("policy", ["sarathi", "sglang"])
def test_a_policy_without_priorities_says_so_before_it_is_advised_to_set_them(policy):
    (reason,) = plugins.tuned("serving", {"timer": "roofline"}).missing(asked_with_priorities(policy=policy))
    assert f"{policy} knows no priorities" in str(reason)
