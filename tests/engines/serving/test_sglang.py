"""sglang against its plain twin, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gnomon.core.errors import Unsupported
from gnomon.core.service import Arrivals, Batching, Prefixes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service
from tests.engines.serving.plain_sglang import OutOfMemory, Request, Scheduler
from tests.engines.serving.test_vllm_v1 import decided, one_second_steps
from tests.long import LONG

pytestmark = pytest.mark.xdist_group("compiled")
TOKENS = {0: 1, 1: 40, 2: 3, 3: 7, 4: 2, 5: 33, 7: 6, 8: 9}  # of each segment; around the 32 that make prompts alike
PROMPT = st.lists(st.sampled_from(list(TOKENS)), min_size=1, max_size=4)
REQUEST = st.tuples(
    st.integers(0, 60),  # quarters of a second
    PROMPT,
    st.one_of(st.integers(1, 14), st.integers(1, 80)),
    st.sampled_from((-1, 7, 8)),
)


def a_service(*, tokens, chunk=20, most_tokens=30, most_requests=6, order="fcfs", mixed=False, ahead=0, times=None):
    batching = Batching(
        policy="sglang",
        most_requests=most_requests,
        block_tokens=1,
        most_tokens=most_tokens,
        chunk_tokens=chunk,
        order=order,
        is_mixed=mixed,
    )
    return service(
        "sglang", blocks=tokens, batching=batching, times=times or one_second_steps(), steps_ahead=ahead,
        sequence_tokens=4096,
    )  # fmt: skip


def drawn(rows) -> Arrivals:
    pieces = [[(number, TOKENS[number]) for number in numbers] for _, numbers, _, _ in rows]
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
    for number, (quarter, numbers, asked, answer) in enumerate(rows):
        prompt = [(name, place) for name in numbers for place in range(TOKENS[name])]
        reply = [(f"of {number}" if answer < 0 else answer, place) for place in range(asked)]
        found.append(Request(number, quarter / 4, prompt + reply, len(prompt), asked))
    return found


@settings(max_examples=20_000 if LONG else 150)
@given(
    rows=st.lists(REQUEST, min_size=1, max_size=14).map(lambda rows: sorted(rows, key=lambda row: row[0])),
    spare=st.one_of(st.integers(8, 60), st.integers(8, 400)),
    limits=st.tuples(st.integers(7, 60), st.sampled_from([5, 30, 200]), st.integers(2, 6)),
    caches=st.booleans(),
    longest_first=st.booleans(),
    mixed=st.booleans(),
    overlaps=st.booleans(),
)
def test_every_decision_is_that_of_the_plain_twin(rows, spare, limits, caches, longest_first, mixed, overlaps):
    chunk, most_tokens, most_requests = limits
    asked = spelled_out(rows)
    slots = max(len(one.tokens) for one in asked) + spare
    plain = Scheduler(
        asked, slots=slots, chunk=chunk, most_prompts=most_tokens, most_requests=most_requests, caches=caches,
        longest_first=longest_first, mixed=mixed, overlaps=overlaps,
    )  # fmt: skip
    given_service = a_service(
        tokens=slots, chunk=chunk, most_tokens=most_tokens, most_requests=most_requests,
        order="lpm" if longest_first else "fcfs", mixed=mixed, ahead=int(overlaps),
    )  # fmt: skip
    stream = drawn(rows)
    stream = stream if caches else replace(stream, prefixes=None)
    try:
        steps = plain.run()
    except OutOfMemory:
        with pytest.raises(Unsupported, match="the policy has no rule for that"):
            simulate(given_service, stream, records=True)
        return
    made = simulate(given_service, stream, records=True)
    assert decided(made) == steps
    requests = made.requests
    assert [tuple(one) for one in zip(requests.first_token_s, requests.completed_s, requests.restarts, strict=True)] == [
        (one.first_s, one.done_s, one.restarts) for one in asked
    ]
    assert made.held_blocks == 0
    assert not requests.blocks.any()
