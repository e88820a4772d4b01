"""Services of a prefill and a decode pool: against a plain twin, by hand, and what holds of every one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.errors import Unsupported
from gnomon.core.service import Arrivals, KvTransfer, Prefixes, Routing, Service
from gnomon.engines.serving.disaggregated import send_s, simulated
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service, step_times
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, drawn, spelled_out

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
NEVER_LATE = KvTransfer(blocks=np.array([1]), seconds=np.zeros(1))
ROWS = st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=12)
LAYERS = 4


def transfer(block_s: float, *, is_layerwise: bool = False) -> KvTransfer:
    """Of so much for each block; of four layers one after another."""
    last, lead = (1 / LAYERS, 1 - 1 / LAYERS) if is_layerwise else (1.0, 0.0)
    return KvTransfer(blocks=np.array([1, 3]), seconds=np.array([1, 3]) * block_s, last_share=last, lead_share=lead)


def two(one: Service, link: KvTransfer, *, prefill: dict | None = None, decode: dict | None = None) -> Service:
    """Two pools, each like that of a service, with what is said of either."""
    (pool,) = one.pools
    first = replace(pool, name="prefill", role="prefill", **(prefill or {}))
    second = replace(pool, name="decode", role="decode", **(decode or {}))
    return replace(one, pools=(first, second), transfer=link)


def small(link: KvTransfer = NEVER_LATE, *, replicas: int = 1, router: str = "round_robin", **others) -> Service:
    return two(
        service("vllm-v1", times=step_times(), replicas=replicas, routing=Routing(name=router), blocks=12),
        link,
        **others,
    )


def sorted_rows(rows) -> Arrivals:
    return arrivals(*sorted(rows, key=lambda row: row[0]))


@given(
    rows=st.lists(REQUEST, min_size=1, max_size=8),
    spare=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    most_tokens=st.integers(1, 20),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3, 16]),
    quarters=st.integers(0, 9),
    caches=st.booleans(),
)
def test_both_pools_decide_as_the_plain_twin(rows, spare, most_tokens, most_requests, chunk, quarters, caches):
    given_stream = drawn(rows)
    if not caches:
        given_stream = replace(given_stream, prefixes=None)
    longest = int((given_stream.prefill_tokens + given_stream.decode_tokens).max())
    room = [-(-longest // BLOCK) + one for one in spare]
    one = a_service(most_tokens=most_tokens, most_requests=most_requests, chunk=chunk or None)
    link = KvTransfer(blocks=np.array([1, 100]), seconds=np.array([1, 100]) * quarters / 4)
    made = simulated(
        two(one, link, prefill={"kv_blocks": room[0]}, decode={"kv_blocks": room[1]}), given_stream, records=True
    )
    limits = {"most_tokens": most_tokens, "most_requests": most_requests, "chunk": chunk}
    plain = spelled_out(rows)
    asked = [request.asked for request in plain]
    for request in plain:
        request.asked = 1
    run(
        plain,
        Pool(room[0], BLOCK, caches=caches),
        **limits,
        send_s=lambda one: -(-one.prompt // BLOCK) * quarters / 4 if asked[one.number] > 1 else None,
    )
    first_s = [request.done_s for request in plain]
    restarts = np.array([request.restarts for request in plain])
    came = sorted((one for one in plain if asked[one.number] > 1), key=lambda one: one.sent_s)
    for request in came:
        request.arrived_s, request.asked, request.is_brought = request.sent_s, asked[request.number], True
        request.computed, request.restarts = 0, 0
    run(came, Pool(room[1], BLOCK, caches=False), **limits)
    restarts += [request.restarts if request.is_brought else 0 for request in plain]
    assert made.requests.first_token_s.tolist() == first_s
    assert made.requests.completed_s.tolist() == [request.done_s for request in plain]
    assert made.requests.restarts.tolist() == restarts.tolist()
    assert made.held_blocks == 0


@given(
    rows=ROWS,
    block_s=st.sampled_from([0.0, 0.003, 0.05]),
    is_layerwise=st.booleans(),
    replicas=st.integers(1, 2),
    router=st.sampled_from(["round_robin", "lor", "random"]),
    ahead=st.booleans(),
)
def test_every_request_is_through_in_order_and_every_block_given_back(
    rows, block_s, is_layerwise, replicas, router, ahead
):
    link = transfer(block_s, is_layerwise=is_layerwise)
    more = {"steps_ahead": 1} if ahead else {}
    made = simulated(
        small(link, replicas=replicas, router=router, prefill=more, decode=more | {"replicas": 2}), sorted_rows(rows)
    )
    requests, between = made.requests, made.handover
    assert between is not None
    assert requests.is_completed.all()
    assert made.held_blocks == made.lost_blocks == 0
    assert not len(made.waiting)
    assert ((made.arrivals.decode_tokens > 1) == ~np.isnan(between.sent_s)).all()
    sent = ~np.isnan(between.sent_s)
    assert (requests.scheduled_s >= requests.arrived_s).all()
    assert (requests.first_token_s > requests.scheduled_s).all()
    assert np.array_equal(between.left_s[sent], requests.first_token_s[sent])
    assert (between.sent_s[sent] >= between.left_s[sent]).all()
    assert (between.begun_s[sent] >= between.sent_s[sent]).all()
    assert (requests.completed_s[sent] > between.begun_s[sent]).all()
    assert np.array_equal(requests.completed_s[~sent], requests.first_token_s[~sent])


@given(rows=ROWS, block_s=st.sampled_from([0.0, 0.003, 0.05]), replicas=st.integers(1, 2))
def test_a_link_sends_one_whole_cache_after_another_and_never_rests_while_one_waits(rows, block_s, replicas):
    link = transfer(block_s)
    made = simulated(small(link, replicas=replicas), sorted_rows(rows))
    between, requests = made.handover, made.requests
    assert between is not None
    takes_s = send_s(link, -(-made.arrivals.prefill_tokens // 8))
    for replica in range(replicas):
        own = np.flatnonzero((requests.replica == replica) & ~np.isnan(between.sent_s))
        free_s = 0.0
        for request in own[np.argsort(between.sent_s[own], kind="stable")]:
            begins_s = max(free_s, between.left_s[request])
            free_s = begins_s + takes_s[request]
            assert between.sent_s[request] == pytest.approx(free_s)


@given(rows=ROWS, block_s=st.sampled_from([0.001, 0.003, 0.05]))
def test_layer_by_layer_is_each_layer_when_it_is_computed_where_prompts_are_alone(rows, block_s):
    """A link that sends single layers, first come first served, event by event."""
    alone = replace(small().pools[0].batching, most_requests=1, chunk_tokens=None)
    link = transfer(block_s, is_layerwise=True)
    made = simulated(small(link, prefill={"batching": alone, "kv_blocks": 1000}), sorted_rows(rows))
    between = made.handover
    assert between is not None
    takes_s = send_s(link, -(-made.arrivals.prefill_tokens // 8))
    free_s = 0.0
    for request in np.argsort(made.requests.scheduled_s, kind="stable"):
        if np.isnan(between.sent_s[request]):
            continue
        begun_s, left_s = made.requests.scheduled_s[request], between.left_s[request]
        for layer in range(1, LAYERS + 1):
            free_s = max(free_s, begun_s + (left_s - begun_s) * layer / LAYERS) + takes_s[request] / LAYERS
        assert between.sent_s[request] >= free_s - 1e-12
        # The first layers are taken to follow each other without a gap.
        assert between.sent_s[request] == pytest.approx(free_s, abs=takes_s[request])
        free_s = between.sent_s[request]


@given(rows=ROWS, block_s=st.sampled_from([0.003, 0.05]))
def test_layer_by_layer_is_never_later_than_whole_where_no_prompt_waits_for_blocks(rows, block_s):
    found = []
    for is_layerwise in (True, False):
        made = simulated(
            small(transfer(block_s, is_layerwise=is_layerwise), prefill={"kv_blocks": 1000}), sorted_rows(rows)
        )
        assert made.handover is not None
        found.append(made.handover.sent_s)
    assert (np.isnan(found[0]) | (found[0] <= found[1] + 1e-12)).all()


def test_without_a_link_and_without_others_a_request_takes_what_one_pool_takes():
    """Then each step is the same, only at another replica; what comes before the queue is passed once."""
    stream = arrivals((0.0, 16, 9), (1.0, 5, 3), (2.0, 30, 2))
    one = service("vllm-v1", times=step_times(request_s=0.003), blocks=12)
    alone, apart = simulate(one, stream).requests, simulated(two(one, NEVER_LATE), stream).requests
    assert apart.first_token_s == pytest.approx(alone.first_token_s)
    assert apart.completed_s == pytest.approx(alone.completed_s)


def test_a_cache_that_takes_a_second_is_a_second_more_and_no_later_first_token():
    stream = arrivals((0.0, 16, 9), (5.0, 5, 3))
    without, with_link = simulated(small(), stream).requests, simulated(small(transfer(1.0)), stream).requests
    assert np.array_equal(without.first_token_s, with_link.first_token_s)
    assert with_link.completed_s - without.completed_s == pytest.approx([2.0, 1.0])  # of two blocks, and of one


def test_layer_by_layer_only_the_last_layer_is_seen_where_the_link_keeps_up():
    stream = arrivals((0.0, 16, 9))
    takes_s = {}
    for name, block_s in (("quick", 0.0001), ("slow", 1.0)):
        made = simulated(small(transfer(block_s, is_layerwise=True)), stream)
        assert made.handover is not None
        prompt_s = float(made.handover.left_s[0] - made.requests.scheduled_s[0])
        takes_s[name] = float(made.handover.sent_s[0] - made.handover.left_s[0])
    assert takes_s["quick"] == pytest.approx(2 * 0.0001 / LAYERS)
    assert takes_s["slow"] == pytest.approx(2 * 1.0 - prompt_s * (1 - 1 / LAYERS))


def test_blocks_are_kept_until_the_cache_is_sent():
    """Three blocks: the second prompt of two waits until those of the first have been sent for two seconds."""
    whole = replace(small().pools[0].batching, chunk_tokens=None)
    made = simulated(
        small(transfer(1.0), prefill={"kv_blocks": 3, "batching": whole}), arrivals((0.0, 16, 2), (0.1, 16, 2))
    )
    between = made.handover
    assert between is not None
    assert made.requests.scheduled_s[1] == between.sent_s[0] == pytest.approx(between.left_s[0] + 2.0)


def test_prompts_that_are_computed_one_by_one_wait_as_in_an_m_g_1_queue():
    """[Pollaczek 1930, Khinchine 1932] W = rate E[S^2] / 2 (1 - rate E[S])"""
    draws, count = np.random.default_rng(3), 6000
    prompts = draws.choice([4, 30], count)
    alone = replace(small().pools[0].batching, most_requests=1, chunk_tokens=None)
    pools = small(prefill={"batching": alone})
    lengths_s = {}
    for tokens in (4, 30):
        single = simulated(pools, arrivals((0.0, tokens, 1))).requests
        lengths_s[tokens] = float(single.completed_s[0])
    takes_s = np.vectorize(lengths_s.get)(prompts)
    rate = 0.6 / float(np.mean(list(lengths_s.values())))
    came_s = np.cumsum(draws.exponential(1 / rate, count))
    stream = arrivals(*zip(came_s.tolist(), prompts.tolist(), [1] * count, strict=True))
    waits_s = simulated(pools, stream).requests.scheduled_s - came_s
    expected_s, free_s = [], 0.0
    for arrived_s, length_s in zip(came_s, takes_s, strict=True):  # Lindley's recursion, request by request
        begins_s = max(free_s, arrived_s)
        expected_s.append(begins_s - arrived_s)
        free_s = begins_s + length_s
    assert waits_s == pytest.approx(np.array(expected_s), abs=1e-9)
    mean, square = (float(np.mean(np.array(list(lengths_s.values())) ** power)) for power in (1, 2))
    assert float(waits_s.mean()) == pytest.approx(rate * square / (2 * (1 - rate * mean)), rel=0.1)


@given(rows=ROWS, block_s=st.sampled_from([0.0, 0.01]))
def test_each_pool_computes_its_tokens_once_where_none_loses_its_blocks(rows, block_s):
    many = {"kv_blocks": 1000}
    made = simulated(small(transfer(block_s), prefill=many, decode=many), sorted_rows(rows), records=True)
    between = made.handover
    assert between is not None
    prompts, answers = (
        sum(tokens for step in one.decisions() for _, tokens in step.requests)
        for one in (between.prefill, between.decode)
    )
    assert prompts == made.arrivals.prefill_tokens.sum()
    assert answers == (made.arrivals.decode_tokens - 1).sum()


@given(rows=ROWS, block_s=st.sampled_from([0.0, 0.003, 0.05]))
def test_iterations_done_at_once_are_those_done_one_by_one(rows, block_s):
    made = [simulated(small(transfer(block_s)), sorted_rows(rows), records=records) for records in (True, False)]
    for name in made[0].requests.dtype.names:
        assert np.array_equal(made[0].requests[name], made[1].requests[name]), name
    assert (made[0].batches, made[0].end_s) == (made[1].batches, made[1].end_s)


def test_a_request_that_one_of_the_pools_cannot_hold_is_never_scheduled_and_others_are_through():
    stream = arrivals((0.0, 16, 4), (0.0, 16, 17), (0.0, 30, 2), (0.1, 16, 4))
    made = simulated(small(prefill={"kv_blocks": 3}, decode={"kv_blocks": 3}), stream)
    assert made.is_completed.tolist() == [True, False, False, True]
    assert sorted(made.waiting.tolist()) == [1, 2]
    assert "2 requests can never be scheduled" in next(iter(made.notes))


def test_a_pool_of_answers_that_nobody_comes_to_is_idle():
    made = simulated(small(transfer(1.0)), arrivals((0.0, 16, 1), (0.1, 8, 1)))
    assert made.handover is not None
    assert made.is_completed.all()
    assert made.handover.decode.batches == 0
    assert np.isnan(made.handover.sent_s).all()


def test_steps_run_in_their_share_of_the_whole_span_of_all_devices():
    made = simulated(two(a_service(), transfer(1.0), decode={"tensor_parallel": 2}), arrivals((0, 4, 3), (9, 4, 1)))
    prefill, decode = made.by_pool
    devices_s = (prefill.pool.replicas + 2 * decode.pool.replicas) * made.span_s
    assert made.busy == pytest.approx((prefill.busy_s + 2 * decode.busy_s) / devices_s)
    assert simulated(two(a_service(), transfer(1.0)), arrivals((0, 4, 1))).busy > 0  # nobody comes to the second pool


def test_times_of_links_are_linear_between_points_and_in_proportion_beyond():
    link = KvTransfer(blocks=np.array([1, 3, 5]), seconds=np.array([1.0, 2.0, 4.0]))
    assert send_s(link, np.array([1, 2, 4, 10])).tolist() == [1.0, 1.5, 3.0, 8.0]


def _chat(stream: Arrivals) -> Arrivals:
    return replace(stream, after=np.array([-1, 0]))


@pytest.mark.parametrize(
    ("changed", "stream", "said"),
    [
        (lambda one: replace(one, most_open=2), lambda one: one, "closed loop"),
        (lambda one: one, _chat, "conversations"),
        (lambda one: one, lambda one: replace(one, priorities=np.zeros(2, np.int64)), "priorities"),
        (lambda one: one, lambda one: replace(one, adapters=np.zeros(2, np.int64)), "adapters"),
        (lambda one: replace(one, time_limit_s=1.0), lambda one: one, "time limit"),
        (
            lambda one: replace(one, pools=one.pools[::-1]),
            lambda one: one,
            "one of role prefill, then one of role decode",
        ),
        (lambda one: replace(one, transfer=None), lambda one: one, "what is between them"),
        (
            lambda one: replace(
                one, pools=tuple(replace(p, batching=replace(p.batching, policy="sarathi")) for p in one.pools)
            ),
            lambda one: one,
            "not by sarathi",
        ),
        (
            lambda one: replace(
                one,
                pools=(one.pools[0], replace(one.pools[1], batching=replace(one.pools[1].batching, block_tokens=16))),
            ),
            lambda one: one,
            "blocks hold as many tokens",
        ),
    ],
)
def test_what_cannot_be_simulated_pool_after_pool_is_refused(changed, stream, said):
    with pytest.raises(Unsupported, match=said):
        simulated(changed(small()), stream(arrivals((0.0, 16, 4), (0.1, 8, 2))))


def test_prefixes_are_found_in_the_pool_of_prompts_and_sent_again():
    shared = Prefixes(
        starts=np.array([0, 1, 2]), segments=np.array([7, 7]), tokens=np.array([16, 16]), answers=np.array([-1, -1])
    )
    stream = replace(arrivals((0.0, 16, 4), (1.0, 16, 4)), prefixes=shared)
    made = simulated(small(transfer(0.1)), stream)
    assert made.handover is not None
    assert made.requests.found.tolist() == [0, 8]
    assert made.handover.sent_s - made.handover.left_s == pytest.approx([0.2, 0.2])
    assert made.held_blocks == 0
