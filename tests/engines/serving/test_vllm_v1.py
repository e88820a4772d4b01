"""vllm-v1 against its plain twin, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.service import Arrivals, Batching, Prefixes, Routing, StepTimes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service
from tests.engines.serving.plain_v1 import Pool, Request, run

pytestmark = pytest.mark.xdist_group("compiled")
BLOCK = 4
TOKENS = {number: 1 + number * 5 % 9 for number in range(6)}  # of each segment
ANSWERS = (-1, 0, 7, 8)
REQUEST = st.tuples(
    st.integers(0, 60),  # quarters of a second
    st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8]), min_size=1, max_size=5),
    st.integers(1, 14),
    st.sampled_from(ANSWERS),
)


def one_second_steps() -> StepTimes:
    one, none = np.array([1]), np.zeros(1)
    return StepTimes(
        tokens=one,
        by_tokens_s=none,
        first_s=none,
        send_s=none,
        sampled=one,
        last_s=none,
        decodes=one,
        decode_kv=one,
        decode_s=np.zeros((1, 1)),
        before=one,
        chunks=one,
        prefill_s=np.zeros((1, 1)),
        host_step_s=1.0,
    )


def a_service(*, blocks=12, most_tokens=16, most_requests=4, chunk=None, chunked=True, **others):
    batching = Batching(
        policy="vllm-v1",
        most_requests=most_requests,
        block_tokens=BLOCK,
        most_tokens=most_tokens,
        chunk_tokens=chunk,
        is_chunked=chunked,
    )
    return service("vllm-v1", blocks=blocks, batching=batching, times=one_second_steps(), **others)


def drawn(rows, lengths=TOKENS) -> Arrivals:
    """Requests whose prompts are made of segments."""
    rows = sorted(rows, key=lambda row: row[0])
    pieces = [[(number, lengths.get(number, 6)) for number in numbers] for _, numbers, _, _ in rows]
    plain = arrivals(
        *(
            (quarter / 4, sum(tokens for _, tokens in of_one), asked)
            for (quarter, _, asked, _), of_one in zip(rows, pieces, strict=True)
        )
    )
    flat = [piece for of_one in pieces for piece in of_one]
    prefixes = Prefixes(
        starts=np.cumsum([0, *map(len, pieces)]),
        segments=np.array([number for number, _ in flat]),
        tokens=np.array([tokens for _, tokens in flat]),
        answers=np.array([answer for *_, answer in rows]),
    )
    return replace(plain, prefixes=prefixes)


def spelled_out(rows) -> list[Request]:
    found = []
    for number, (quarter, numbers, asked, answer) in enumerate(sorted(rows, key=lambda row: row[0])):
        prompt = [(name, place) for name in numbers for place in range(TOKENS.get(name, 6))]
        reply = [(f"of {number}" if answer < 0 else answer, place) for place in range(asked)]
        found.append(Request(number, quarter / 4, prompt + reply, len(prompt), asked))
    return found


def steps_of(made):
    return [list(one.requests) for one in made.decisions()]


def decided(made):
    fields = ("start_s", "requests", "admitted", "preempted", "found_tokens", "free_blocks")
    return [tuple(getattr(one, field) for field in fields) for one in made.decisions()]


@pytest.mark.parametrize("caches", [False, True])
@given(
    rows=st.lists(REQUEST, min_size=1, max_size=12),
    blocks=st.integers(15, 30),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3, 8]),
)
def test_decisions_are_those_of_the_plain_twin(caches, rows, blocks, most_tokens, most_requests, chunk):
    given_service = a_service(blocks=blocks, most_tokens=most_tokens, most_requests=most_requests, chunk=chunk)
    stream = drawn(rows) if caches else replace(drawn(rows), prefixes=None)
    plain = spelled_out(rows)
    expected = run(
        plain,
        Pool(blocks, BLOCK, caches=caches),
        most_tokens=most_tokens,
        most_requests=most_requests,
        chunk=chunk,
    )
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream)
    assert made.batches == len(expected)
    assert made.requests.first_token_s.tolist() == [one.first_s for one in plain]
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert made.requests.restarts.tolist() == [one.restarts for one in plain]
    assert not made.requests.blocks.any()
    assert not made.requests.in_flight.any()


def test_a_step_is_shared_by_decodes_and_a_chunk():
    made = simulate(a_service(most_tokens=6), arrivals((0, 4, 4), (0.5, 12, 2)), records=True)
    assert steps_of(made) == [[(0, 4)], [(0, 1), (1, 5)], [(0, 1), (1, 5)], [(0, 1), (1, 2)], [(1, 1)]]
    assert made.requests.first_token_s.tolist() == [1.0, 4.0]
    assert made.requests.completed_s.tolist() == [4.0, 5.0]


def test_a_prompt_that_may_not_be_split_waits_for_a_step_of_its_own():
    made = simulate(a_service(most_tokens=12, chunked=False), arrivals((0, 4, 3), (0.5, 12, 1)), records=True)
    assert steps_of(made) == [[(0, 4)], [(0, 1)], [(0, 1)], [(1, 12)]]


def test_the_same_prompt_again_costs_its_last_block():
    rows = [(0, [7, 8], 1, -1), (8, [7, 8], 1, -1)]  # 12 tokens: three blocks, of which two are found
    made = simulate(a_service(), drawn(rows), records=True)
    assert steps_of(made) == [[(0, 12)], [(1, 4)]]
    assert made.requests.found.tolist() == [0, 8]


def test_an_answer_is_found_in_the_next_prompt_of_the_conversation():
    rows = [(0, [7], 6, 8), (40, [7, 8, 1], 1, -1)]  # 6 + 6 tokens are known but the last, and 6 follow
    made = simulate(a_service(), drawn(rows))
    assert made.requests.found.tolist() == [0, 8]


def test_a_request_longer_than_the_cache_is_refused_and_nobody_waits_for_it():
    made = simulate(a_service(blocks=4), arrivals((0, 20, 2), (0, 8, 2)))
    assert made.requests.is_completed.tolist() == [False, True]
    assert next(iter(made.notes)) == (
        "1 requests can never be scheduled, from request 0, of 20 tokens in its prompt on: with its answer it is longer than the 4 "
        "blocks of the KV cache, or than a step that takes it whole"
    )


def test_two_stages_have_two_chunks_of_one_prompt_in_flight():
    made = simulate(a_service(most_tokens=8, stages=2), arrivals((0, 16, 1)), records=True)
    stage_zero = made.log.times_s[: made.log.counts[0]][made.log.rows[: made.log.counts[0], 2] == 0]
    assert made.requests.completed_s[0] == 3.0
    assert stage_zero[:2, 0].tolist() == [0.0, 1.0]


def test_whoever_loses_his_blocks_in_flight_keeps_the_token_that_comes():
    rows = [(0.0, 8, 9), (0.0, 8, 9), (0.5, 8, 9)]
    made = simulate(a_service(blocks=6, most_tokens=16, stages=2), arrivals(*rows))
    assert made.requests.restarts.sum() > 0
    assert made.requests.is_completed.all()
    assert not made.requests.blocks.any()
    assert (made.requests.prefill + made.requests.decode == 17).all()


def test_whoever_gets_the_last_token_after_losing_his_blocks_is_through():
    rows = [(0.0, 5, 5), (0.0, 5, 5), (0.0, 1, 1), (1.0, 1, 3)]
    given_service = service("vllm-v1", blocks=4, most_requests=3, stages=2, replicas=2, routing=Routing(name="random"))
    made = simulate(given_service, arrivals(*rows))
    requests = made.requests
    assert requests.is_completed.all()
    assert (requests.processed == requests.prefill + requests.decode).all()
    assert made.held_blocks == 0


def test_a_last_token_ends_a_request_that_was_admitted_again_meanwhile():
    rows = [(0, 11, 13), (0, 12, 11), (1.2359722006461151, 14, 5)]
    requests = simulate(service("vllm-v1", blocks=7, most_requests=5, stages=3), arrivals(*rows)).requests
    assert requests.restarts.tolist() == [0, 0, 1]
    assert (requests.processed == requests.prefill + requests.decode).all()
    assert not requests.in_flight.any()
