"""LoRA adapters: whom vLLM's scheduler passes over, against the plain twin; what adapters take, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.api import plugins
from gnomon.api.questions import question
from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Service, StepTimes
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.step_times.adapters import adapter_bytes
from gnomon.engines.serving.step_times.layout import Layout
from tests.engines.serving.cases import arrivals, service, step_times
from tests.engines.serving.plain_v1 import Pool, run
from tests.engines.serving.test_vllm_v1 import (
    BLOCK,
    REQUEST,
    a_service,
    decided,
    drawn,
    one_second_steps,
    spelled_out,
    steps_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
BARE = {"qps": 5.0, "prompts": 20, "answers": 3, "requests": 6}
ASKING = {**BARE, "adapters": {"count": 8}}
SERVED = question("llama-2-7b", "h100-sxm", mode="serve", traffic=ASKING, max_loras=4, max_lora_rank=64)


def with_most(given_service: Service, most: int, times: StepTimes | None = None) -> Service:
    pool = given_service.pools[0]
    batching = replace(pool.batching, most_adapters=most)
    pool = replace(pool, batching=batching, times=pool.times if times is None else times)
    return replace(given_service, pools=(pool,))


def with_adapters(stream: Arrivals, *adapters: int) -> Arrivals:
    return replace(stream, adapters=np.array(adapters))


@pytest.mark.parametrize("caches", [False, True])
@given(
    rows=st.lists(st.tuples(REQUEST, st.integers(-1, 3)), min_size=1, max_size=12),
    most=st.integers(1, 3),
    blocks=st.integers(15, 30),
    most_tokens=st.sampled_from([5, 16, 40]),
    most_requests=st.integers(1, 5),
    chunk=st.sampled_from([0, 3]),
    scheduling=st.sampled_from(["fcfs", "priority"]),
)
def test_decisions_are_those_of_the_plain_twin(
    caches, rows, most, blocks, most_tokens, most_requests, chunk, scheduling
):
    rows = sorted(rows, key=lambda row: row[0][0])
    asked, adapters = [row for row, _ in rows], [adapter for _, adapter in rows]
    given_service = a_service(blocks=blocks, most_tokens=most_tokens, most_requests=most_requests, chunk=chunk)
    pool = given_service.pools[0]
    pool = replace(pool, batching=replace(pool.batching, scheduling=scheduling))
    given_service = with_most(replace(given_service, pools=(pool,)), most)
    stream = with_adapters(drawn(asked), *adapters)
    stream = stream if caches else replace(stream, prefixes=None)
    plain = spelled_out(asked)
    for one, adapter in zip(plain, adapters, strict=True):
        one.adapter = None if adapter < 0 else adapter
    expected = run(
        plain,
        Pool(blocks, BLOCK, caches=caches),
        most_tokens=most_tokens,
        most_requests=most_requests,
        chunk=chunk,
        by_priority=scheduling == "priority",
        most_adapters=most,
    )
    assert decided(simulate(given_service, stream, records=True)) == expected
    made = simulate(given_service, stream)  # where steps are done at once
    assert made.batches == len(expected)
    assert made.requests.completed_s.tolist() == [one.done_s for one in plain]
    assert made.held_blocks == 0


def by_hand(**others: object) -> StepTimes:
    """A step takes 1 s, 0.25 s more for each token with an adapter, 0.125 s for each adapter, and 8 s to copy one."""
    return replace(
        one_second_steps(),
        adapted=np.array([1, 2]),
        adapters=np.array([1, 2]),
        adapters_s=np.array([[0.375, 0.5], [0.625, 0.75]]),
        **{"adapter_load_s": 8.0, **others},
    )


def test_a_step_waits_for_its_adapters_and_takes_longer_with_them():
    stream = with_adapters(arrivals((0, 4, 3), (0, 4, 3), (0, 4, 3)), 0, 1, -1)
    made = simulate(with_most(a_service(most_tokens=16), 2, by_hand()), stream, records=True)
    assert steps_of(made)[0] == [(0, 4), (1, 4), (2, 4)]
    first_s = 1 + 2 * 8 + (8 * 0.25 + 2 * 0.125)
    assert made.requests.first_token_s.tolist() == [first_s] * 3
    assert made.requests.completed_s.tolist() == [first_s + 2 * (1 + 2 * 0.25 + 2 * 0.125)] * 3


def test_whoever_has_an_adapter_too_many_is_passed_over_by_those_behind_him():
    stream = with_adapters(arrivals((0, 4, 4), (0, 4, 1), (0, 4, 1), (0, 4, 1)), 0, 1, 0, -1)
    made = simulate(with_most(a_service(most_tokens=16), 1), stream, records=True)
    assert steps_of(made) == [[(0, 4), (2, 4), (3, 4)], [(0, 1)], [(0, 1)], [(0, 1)], [(1, 4)]]


def test_an_adapter_that_was_used_last_stays_and_the_other_goes():
    rows, times = [(20.0 * at, 4, 1) for at in range(5)], by_hand()
    made = simulate(with_most(a_service(), 2, times), with_adapters(arrivals(*rows), 0, 1, 0, 2, 1)).requests
    assert (made.first_token_s - made.arrived_s > 8).tolist() == [True, True, False, True, True]


def test_requests_without_adapters_take_what_they_took():
    rows = [(0.3 * at, 3 + at * 5 % 9, 2 + at * 7 % 11) for at in range(20)]
    plain, bare = arrivals(*rows), with_adapters(arrivals(*rows), *[-1] * 20)
    made = [
        simulate(one, of).requests.tobytes() for one, of in ((a_service(), plain), (with_most(a_service(), 2), bare))
    ]
    assert made[0] == made[1]


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 5), st.integers(1, 16), st.integers(1, 16), st.integers(-1, 3)), min_size=1, max_size=12
    ),
    most=st.integers(1, 3),
    stages=st.sampled_from([1, 2]),
    ahead=st.sampled_from([0, 1]),
)
def test_iterations_done_at_once_are_those_done_one_by_one_and_no_block_is_lost(rows, most, stages, ahead):
    rows = sorted(rows)
    sizes = np.array([1, 8, 64])
    times = step_times(
        adapted=sizes,
        adapters=np.array([1, 3]),
        adapters_s=np.outer([1.0, 1.5, 4.0], [1e-4, 1.7e-4]),
        adapter_load_s=0.013,
    )
    given_service = with_most(service("vllm-v1", blocks=12, stages=stages, steps_ahead=ahead, times=times), most)
    stream = with_adapters(arrivals(*(row[:3] for row in rows)), *(row[3] for row in rows))
    made, single = simulate(given_service, stream), simulate(given_service, stream, records=True)
    assert made.requests.tobytes() == single.requests.tobytes()
    assert made.requests.is_completed.all()
    assert made.held_blocks == 0


def test_an_adapters_bytes_and_its_way_to_the_device_by_hand():
    answers = SERVED.scenarios()["e2e"]
    # Of a layer of Llama-2-7B, by rank: q, k, v of 4,096 to 12,288, out 4,096 to 4,096, gate and up 4,096 to 22,016, down 11,008 to 4,096.
    each = 2 * 32 * 64 * (3 * 4096 + 12288 + 4096 + 4096 + 2 * 4096 + 22016 + 11008 + 4096)
    assert adapter_bytes(answers.workload, Layout(), 64) == each
    engine = plugins.tuned("serving", {"timer": "roofline"})
    service, _ = engine.service(answers)
    assert service.pools[0].times.adapter_load_s == pytest.approx(each / 31.5e9)
    bare, _ = engine.service(question("llama-2-7b", "h100-sxm", mode="serve", traffic=BARE).scenarios()["e2e"])
    lost = (bare.pools[0].kv_blocks - service.pools[0].kv_blocks) * 16 * 2 * 2 * 32 * 4096
    assert lost == pytest.approx(4 * each, abs=16 * 2 * 2 * 32 * 4096)


def test_products_of_adapters_take_longer_with_tokens_and_with_different_ones():
    service, _ = plugins.tuned("serving", {"timer": "roofline"}).service(SERVED.scenarios()["e2e"])
    took_s = service.pools[0].times.adapters_s
    assert (np.diff(took_s, axis=0) >= 0).all()
    assert (np.diff(took_s[4:], axis=1) > 0).all()
    assert (took_s > 0).all()


def test_requests_with_adapters_need_a_plan_that_has_room_for_them():
    scenario = question("llama-2-7b", "h100-sxm", mode="serve", traffic=ASKING).scenarios()["e2e"]
    with pytest.raises(BadInput, match="max_loras: the requests ask for LoRA adapters: say how many of them a step"):
        plugins.tuned("serving", {"timer": "roofline"}).missing(scenario)
    with pytest.raises(BadInput, match="max_lora_rank: a rank is of adapters"):
        question("llama-2-7b", "h100-sxm", mode="serve", traffic=BARE, max_lora_rank=8)
