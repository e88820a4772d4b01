"""The oracle itself, on services small enough to be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon.core.service import StepTimes
from tests.engines.serving.vllm_v1_oracle import Request, simulate


def times(step_s: float = 1.0, token_s: float = 0.0, request_s: float = 0.0) -> StepTimes:
    """Steps of one second and so much for each token."""
    ends = np.array([1, 64])
    flat, rising = np.full(2, step_s), token_s * ends
    nothing = np.zeros((2, 2))
    return StepTimes(
        tokens=ends, by_tokens_s=flat + rising, first_s=np.zeros(2), send_s=np.zeros(2), sampled=np.array([1, 64]),
        last_s=np.zeros(2), decodes=ends, decode_kv=ends, decode_s=nothing, before=np.array([0, 64]), chunks=ends,
        prefill_s=nothing, request_s=request_s,
    )  # fmt: skip


def test_a_request_alone_gets_a_token_a_step() -> None:
    one = Request(0.0, 20, 3)
    simulate([one], times(), blocks=10)
    assert (one.first_s, one.end_s) == (1.0, 3.0)


def test_who_comes_during_a_step_waits_for_it_and_for_those_made_up_before() -> None:
    for ahead, first in ((0, 2.0), (1, 3.0), (2, 4.0)):
        early, late = Request(0.0, 4, 9), Request(0.5, 4, 2)
        simulate([early, late], times(), blocks=10, steps_ahead=ahead)
        assert late.first_s == first + 0.0
        assert late.end_s == late.first_s + 1.0


def test_a_long_prompt_goes_in_chunks_beside_what_decodes() -> None:
    early, late = Request(0.0, 4, 20), Request(0.5, 25, 1)
    simulate([early, late], times(token_s=0.1), blocks=10, step_tokens=11)
    # Steps of 4, then 1 + 10, 1 + 10 and 1 + 5 tokens.
    assert late.end_s == pytest.approx(1.4 + 2.1 + 2.1 + 1.6)


def test_whole_blocks_of_a_prompt_are_found_but_never_all_of_it() -> None:
    keys = (("a", 0), ("a", 1))
    first, again, longer = Request(0.0, 32, 1, keys), Request(10.0, 32, 1, keys), Request(20.0, 40, 1, keys)
    simulate([first, again, longer], times(token_s=0.1), blocks=10)
    assert (first.hit, again.hit, longer.hit) == (0, 16, 32)
    assert again.end_s - again.arrived_s == pytest.approx(2.6)


def test_where_no_block_is_free_the_last_is_preempted_and_computed_again() -> None:
    early, late = Request(0.0, 16, 20), Request(0.0, 16, 20)
    simulate([early, late], times(), blocks=4)
    assert (early.preemptions, late.preemptions) == (0, 1)
    assert early.end_s == 20.0
    assert late.end_s > 20.0


def test_no_more_run_at_once_than_may() -> None:
    both = [Request(0.0, 4, 5), Request(0.0, 4, 5)]
    simulate(both, times(), blocks=10, most_requests=1)
    assert [one.end_s for one in both] == [5.0, 10.0]


def test_what_stands_before_the_queue_shifts_arrivals() -> None:
    one = Request(0.0, 4, 2)
    simulate([one], times(request_s=0.25), blocks=10)
    assert (one.first_s, one.end_s) == (1.25, 2.25)


def test_seeded_services_keep_their_blocks_and_requests() -> None:
    drawn = np.random.default_rng(1)
    for _ in range(100):
        count = int(drawn.integers(1, 12))
        arrived = np.cumsum(drawn.exponential(2.0, count))
        asked = [
            Request(
                float(at), int(drawn.integers(1, 60)), int(drawn.integers(1, 30)), tuple(("p", i) for i in range(3))
            )
            for at in arrived
        ]
        simulate(
            asked, times(token_s=0.01), blocks=8, step_tokens=32, most_requests=4, steps_ahead=int(drawn.integers(2))
        )
        for one in asked:
            assert one.arrived_s < one.first_s <= one.end_s
            assert one.told == one.answer
