"""Steps that are made up while others are under way: against the oracle of vLLM's scheduler, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.service import StepTimes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving import vllm_v1_oracle as oracle
from tests.engines.serving.test_vllm_v1 import BLOCK, TOKENS, a_service, drawn

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]


def rising_times() -> StepTimes:
    """A step takes a second, 0.1 s for each token, and 0.01 s for each pair of a token and a key before a chunk or an answer."""
    ends, before = np.array([1, 64]), np.array([0, 64])
    none = np.zeros(2)
    return StepTimes(
        tokens=ends,
        by_tokens_s=1.0 + 0.1 * ends,
        first_s=none,
        send_s=none,
        sampled=ends,
        last_s=none,
        decodes=ends,
        decode_kv=ends,
        decode_s=0.01 * np.outer(ends, ends),
        before=before,
        chunks=ends,
        prefill_s=0.01 * np.outer(before + 1, ends),
        host_step_s=0.1,
        host_request_s=0.01,
        request_s=0.125,
    )


def ran(rows, ahead, **limits):
    """(first token, end) of each request by the compiled simulator, and by the oracle. Prompts are made of segments."""
    stream = drawn([(quarter, segments, answer, -1) for quarter, segments, answer in rows])
    service = a_service(**limits)
    pool = replace(service.pools[0], times=rising_times(), steps_ahead=ahead)
    made = simulate(replace(service, pools=(pool,)), stream).requests
    asked = []
    for quarter, segments, answer in rows:
        prompt = [(segment, place) for segment in segments for place in range(TOKENS[segment])]
        keys = tuple(tuple(prompt[: BLOCK * (block + 1)]) for block in range(len(prompt) // BLOCK))
        asked.append(oracle.Request(quarter / 4, len(prompt), answer, keys))
    oracle.simulate(
        asked,
        rising_times(),
        blocks=limits["blocks"],
        step_tokens=limits["most_tokens"],
        most_requests=limits["most_requests"],
        block_tokens=BLOCK,
        steps_ahead=ahead,
    )
    return (
        list(zip(made.first_token_s, made.completed_s, strict=True)),
        [(one.first_s, one.end_s) for one in asked],
    )


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 60), st.lists(st.sampled_from([*TOKENS]), min_size=1, max_size=5), st.integers(1, 12)),
        min_size=1,
        max_size=9,
    ),
    ahead=st.integers(0, 3),
    most_tokens=st.integers(4, 40),
    most_requests=st.integers(1, 5),
)
def test_every_request_fares_as_with_the_oracle(rows, ahead, most_tokens, most_requests) -> None:
    found, expected = ran(
        sorted(rows, key=lambda row: row[0]), ahead, blocks=60, most_tokens=most_tokens, most_requests=most_requests
    )
    assert np.array(found) == pytest.approx(np.array(expected))


def test_the_more_steps_are_made_up_ahead_the_later_is_the_first_token_of_who_comes_among_them() -> None:
    rows = [(0, [1], 9), (2, [4], 2)]
    firsts = [ran(rows, ahead, blocks=20, most_tokens=16, most_requests=4)[0][1][0] for ahead in (0, 1, 2)]
    assert firsts == sorted(firsts)
    assert len(set(firsts)) == 3
