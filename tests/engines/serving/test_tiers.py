"""Slower memories behind the KV cache: against the plain twin, by hand, and what holds always."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gnomon.core.errors import Unsupported
from gnomon.core.service import Batching, KvTier, KvTiers, Routing, Speculation
from gnomon.engines.serving.simulate import begin, simulate
from tests.engines.serving.cases import arrivals, service, step_times
from tests.engines.serving.plain_tiers import tiers
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import BLOCK, REQUEST, a_service, decided, drawn, spelled_out, steps_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
CPU_S, REMOTE_S = 0.1307, 0.3011  # of a block: no sum of some is a time at which a step ends


def tiered(cpu=0, remote=0, cpu_s=CPU_S, remote_s=REMOTE_S, **others):
    return a_service(
        tiers=KvTiers(
            cpu=KvTier(blocks=cpu, block_s=cpu_s) if cpu else None,
            remote=KvTier(blocks=remote, block_s=remote_s) if remote else None,
        ),
        **others,
    )


@given(
    rows=st.lists(REQUEST, min_size=1, max_size=14),
    blocks=st.integers(15, 30),
    cpu=st.sampled_from([0, 3, 8, 40]),
    remote=st.sampled_from([0, 5, 60]),
    cpu_s=st.sampled_from([CPU_S, 10 * CPU_S]),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3, 8]),
)
def test_decisions_are_those_of_the_plain_twin(rows, blocks, cpu, remote, cpu_s, most_tokens, most_requests, chunk):
    limits = {"most_tokens": most_tokens, "most_requests": most_requests, "chunk": chunk}
    given_service = tiered(cpu, remote, cpu_s, blocks=blocks, **limits)
    plain, slower = spelled_out(rows), tiers(BLOCK, (cpu, cpu_s), (remote, REMOTE_S))
    expected = run(plain, Pool(blocks, BLOCK, caches=True), tiers=slower, **limits)
    stream = drawn(rows)
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream)
    assert made.batches == len(expected)
    assert made.requests.first_token_s.tolist() == [one.first_s for one in plain]
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert made.requests.restarts.tolist() == [one.restarts for one in plain]
    loaded = [[store.loaded.get(number, 0) for number in range(len(rows))] for store in slower.stores]
    assert [made.tiered.cpu_tokens.tolist(), made.tiered.remote_tokens.tolist()] == loaded
    waits_s = [slower.waits_s.get(number, np.nan) for number in range(len(rows))]
    assert made.tiered.waits_s == pytest.approx(waits_s, nan_ok=True)
    assert (made.tiered.cpu_stored_blocks, made.tiered.remote_stored_blocks) == tuple(
        store.copied for store in slower.stores
    )
    assert made.held_blocks == 0
    assert not made.requests.in_flight.any()


@pytest.mark.parametrize("steps_ahead", [0, 1])
@given(
    rows=st.lists(REQUEST, min_size=1, max_size=14),
    stages=st.integers(1, 3),
    blocks=st.integers(14, 20),
    cpu=st.sampled_from([0, 30, 200]),
    remote=st.sampled_from([0, 60]),
    cpu_s=st.sampled_from([CPU_S, 5.0]),
)
@example(  # a late token ends the second request while it is in the next step, and its copies take long
    rows=[(8, [4], 7, -1), (10, [2, 3, 5], 5, -1), (13, [5, 0, 11], 2, -1), (13, [8, 10, 0], 5, -1), (14, [6], 15, -1)],
    stages=1,
    blocks=14,
    cpu=200,
    remote=0,
    cpu_s=5.0,
)
def test_nothing_is_lost_or_given_back_twice_with_stages_and_steps_ahead(
    steps_ahead, rows, stages, blocks, cpu, remote, cpu_s
):
    limits = {"stages": stages, "steps_ahead": steps_ahead, "most_requests": 3, "most_tokens": 16}
    given_service, stream = tiered(cpu, remote, cpu_s, blocks=blocks, **limits), drawn(rows)
    begun = begin(given_service, given_service.pools[0], stream)
    begun.run()
    made, cache, links = begun.outcome(), begun.world.cache, begun.world.tiers.links
    assert made.requests.is_completed.all()
    assert made.held_blocks == 0
    assert not made.requests.in_flight.any()
    *free, count = cache.seats[0].tolist()
    assert sorted(free[:count]) == list(range(len(free)))
    assert not cache.blocks.users.any()
    assert (links.kept.sum(), links.loading.sum()) == (0, 0)
    assert (made.tiered.first_waits_s <= made.requests.scheduled_s - made.requests.arrived_s).all()


def test_many_steps_at_once_have_the_times_of_single_ones():
    rows = [(turn / 4, [7, 8, *([turn % 6] * 2)], 14, turn % 4) for turn in range(30)]
    slow = tiered(cpu=9, blocks=20, cpu_s=0.0021)
    given_service = replace(slow, pools=(replace(slow.pools[0], times=step_times()),))
    hurried, single = (simulate(given_service, drawn(rows), records=records) for records in (False, True))
    for name in ("first_token_s", "completed_s", "execution_s", "found"):
        assert getattr(hurried.requests, name).tolist() == getattr(single.requests, name).tolist()
    assert hurried.tiered.cpu_tokens.tolist() == single.tiered.cpu_tokens.tolist()
    assert hurried.tiered.cpu_stored_blocks == single.tiered.cpu_stored_blocks > 9
    assert hurried.batches == single.batches


# Twelve tokens are three blocks of four. A step takes 1 s, a block 0.25 s from the host and 0.5 s from afar.
A, B = [7, 8], [0, 3, 4, 5]  # 6 + 6 tokens; 1 + 7 + 3 + 8


def test_a_prompt_that_had_to_go_comes_back_from_the_host():
    rows = [(0, A, 1, -1), (20, B, 1, -1), (40, A, 1, -1)]
    bare, with_host = a_service(blocks=5), tiered(cpu=20, cpu_s=0.25, blocks=5)
    assert simulate(bare, drawn(rows)).requests.first_token_s.tolist() == [1.0, 7.0, 11.0]
    made = simulate(with_host, drawn(rows), records=True)
    # B takes all five blocks, so that none of A's is left. Its three come in 3 x 0.25 s; of them the last token is computed anew.
    assert made.requests.first_token_s.tolist() == [1.0, 7.0, 11.75]
    assert steps_of(made)[-1] == [(2, 1)]
    assert made.tiered.cpu_tokens.tolist() == [0, 0, 12]
    assert made.tiered.waits_s[2] == made.tiered.first_waits_s[2] == 0.75
    assert made.tiered.cpu_stored_blocks == 3 + 4


def test_what_comes_waits_for_the_link_and_others_pass():
    rows = [
        (0, A, 1, -1),
        (8, [2, 3, 5], 1, -1),
        (20, B, 1, -1),
        (40, A, 1, -1),
        (40, [2, 3, 5], 1, -1),
        (40, [1], 1, -1),
    ]
    made = simulate(tiered(cpu=40, cpu_s=0.25, blocks=9), drawn(rows))
    came = made.tiered.cpu_tokens[3:5]
    assert (came > 0).all()
    first, second = came / BLOCK * 0.25
    assert made.tiered.waits_s[3:5].tolist() == [first, first + second]
    assert made.requests.first_token_s[5] == 11.0  # who has nothing to wait for is computed at once


def test_who_is_through_keeps_his_blocks_until_they_are_stored():
    rows = [(0, A, 1, -1), (1, [0, 1, 5, 2], 1, -1)]  # 1 + 6 + 8 + 2 = 17 tokens: five blocks
    bare = simulate(a_service(blocks=6), drawn(rows))
    assert bare.requests.completed_s.tolist() == [1.0, 3.0]
    made = simulate(tiered(cpu=20, cpu_s=2.0, blocks=6), drawn(rows))
    assert made.requests.completed_s.tolist() == [1.0, 9.0]  # three blocks are stored until 7


def test_a_replica_finds_what_another_has_stored_afar():
    rows = [(0, A, 1, -1), (40, A, 1, -1)]
    apart = {"replicas": 2, "routing": Routing(name="round_robin")}
    alone = simulate(tiered(cpu=20, cpu_s=0.25, **apart), drawn(rows))
    assert alone.tiered.tokens.tolist() == [0, 0]
    made = simulate(tiered(cpu=20, remote=20, cpu_s=0.25, remote_s=0.5, **apart), drawn(rows))
    assert made.tiered.remote_tokens.tolist() == [0, 12]
    assert made.requests.first_token_s.tolist() == [1.0, 12.5]
    assert made.tiered.cpu_stored_blocks == 6  # what came from afar is stored in the host of who asked


def test_the_block_used_longest_ago_makes_room():
    rows = [(0, A, 1, -1), (20, B, 1, -1), (40, A, 1, -1)]
    made = simulate(tiered(cpu=4, blocks=5), drawn(rows))
    assert made.tiered.cpu_tokens.tolist() == [0, 0, 0]
    assert simulate(tiered(cpu=7, blocks=5), drawn(rows)).tiered.cpu_tokens.tolist() == [0, 0, 12]


@given(rows=st.lists(REQUEST, min_size=1, max_size=12), blocks=st.integers(15, 20))
def test_what_is_never_looked_for_again_changes_no_time(rows, blocks):
    rows = [(quarter, segments, asked, -1) for quarter, segments, asked, _ in rows]
    stream = drawn([(40 * place, [place], asked, -1) for place, (_, _, asked, _) in enumerate(rows)][:6])
    bare, made = (simulate(one, stream) for one in (a_service(blocks=blocks), tiered(cpu=50, blocks=blocks)))
    assert bare.requests.completed_s.tolist() == made.requests.completed_s.tolist()
    assert not made.tiered.tokens.any()


def test_those_who_would_wait_for_each_other_for_ever_do_not():
    # 0, 1 and 2 leave nothing on the devices; then both first ones come back, hold five and four of nine blocks, and need more.
    long = [7, 8, 5]  # 6 + 6 + 8 = 20 tokens
    other = [1, 2, 4, 3]  # 6 + 2 + 3 + 7 = 18 tokens
    rows = [
        (0, long, 1, -1),
        (12, other, 1, -1),
        (40, [9, 10, 11, 12, 13], 1, -1),
        (100, [*long, 14, 15], 1, -1),
        (100, [*other, 16, 17], 1, -1),
    ]
    made = simulate(tiered(cpu=60, blocks=9, most_tokens=40), drawn(rows))
    assert made.requests.is_completed.all()
    assert made.tiered.cpu_tokens[3:].tolist() == [
        20,
        16 + 16,
    ]  # the second gave his four blocks back, and got them again
    assert made.held_blocks == 0


@pytest.mark.parametrize(
    ("policy", "others"),
    [
        ("sarathi", {}),
        ("sglang", {"batching": Batching(policy="sglang", most_requests=4, block_tokens=1, most_tokens=64)}),
    ],
)
def test_other_policies_know_no_slower_memories(policy, others):
    given_service = service(policy, tiers=KvTiers(cpu=KvTier(blocks=5, block_s=1.0)), **others)
    with pytest.raises(Unsupported, match=f"{policy} knows no slower memories of the KV cache; vllm-v1 does"):
        simulate(given_service, arrivals((0, 8, 2)))


def test_drafts_are_not_simulated_with_slower_memories():
    given_service = tiered(cpu=5)
    batching = replace(
        given_service.pools[0].batching, speculation=Speculation(tokens=2, acceptance=0.5, has_model=False)
    )
    pool = replace(given_service.pools[0], batching=batching)
    with pytest.raises(Unsupported, match="slower memories of the KV cache are not simulated with speculative"):
        simulate(replace(given_service, pools=(pool,)), arrivals((0, 8, 2)))


def test_with_requests_that_leave_their_queue_it_is_refused():
    with pytest.raises(Unsupported, match="not simulated with replicas that come and go, nor with requests that leave"):
        simulate(replace(tiered(cpu=9), most_wait_s=1.0), arrivals((0, 4, 2)))
