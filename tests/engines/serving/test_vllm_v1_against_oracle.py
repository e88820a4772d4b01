"""The compiled simulation of vLLM V1 and the oracle, request by request, on random small services."""

from __future__ import annotations

import numpy as np
import pytest

from gnomon.core.service import Arrivals, Batching, Pool, Prefixes, Routing, Service, StepTimes
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving import vllm_v1_oracle as oracle

BLOCK, BLOCKS, TOKENS, MOST = 16, 300, 256, 8
SERVICES = 25


def times() -> StepTimes:
    sizes, ends = np.array([1, 64, 2048]), np.array([0, 4096])
    return StepTimes(
        tokens=sizes, by_tokens_s=np.array([0.01, 0.011, 0.05]), first_s=np.zeros(3), send_s=np.zeros(3),
        sampled=np.array([1, 128]), last_s=np.array([1e-4, 2e-4]), decodes=np.array([1, 128]),
        decode_kv=np.array([1, 4096]), decode_s=np.array([[0.0, 1e-4], [1e-4, 2e-2]]), before=ends, chunks=sizes,
        prefill_s=np.array([[0.0, 1e-4, 1e-2], [1e-4, 1e-3, 3e-2]]), host_step_s=1e-4, host_request_s=1e-5,
        request_s=0.003,
    )  # fmt: skip


def drawn(seed: int) -> tuple[Arrivals, list[oracle.Request]]:
    """Requests of three groups that share the first 80 tokens, and of seven users who share the rest with themselves."""
    by = np.random.default_rng(seed)
    count = int(by.integers(5, 60))
    arrived, prompts = np.cumsum(by.exponential(0.05, count)), by.integers(1, 700, count)
    answers, groups = by.integers(1, 100, count), by.integers(0, 3, count)
    starts, segments, tokens, asked = [0], [], [], []
    for at in range(count):
        pieces = [(int(groups[at]), min(80, int(prompts[at]))), (100 + at % 7, max(0, int(prompts[at]) - 80))]
        pieces = [piece for piece in pieces if piece[1]]
        segments += [segment for segment, _ in pieces]
        tokens += [length for _, length in pieces]
        starts.append(len(segments))
        content = [(segment, place) for segment, length in pieces for place in range(length)]
        keys = tuple(tuple(content[: BLOCK * (block + 1)]) for block in range(len(content) // BLOCK))
        asked.append(oracle.Request(float(arrived[at]), int(prompts[at]), int(answers[at]), keys))
    prefixes = Prefixes(
        starts=np.array(starts), segments=np.array(segments), tokens=np.array(tokens), answers=np.full(count, -1)
    )
    arrivals = Arrivals(
        ids=np.arange(count), arrived_s=arrived, prefill_tokens=prompts, decode_tokens=answers, prefixes=prefixes
    )
    return arrivals, asked


@pytest.mark.parametrize("steps_ahead", [0, 1])
def test_every_request_is_through_when_the_oracle_says(steps_ahead: int) -> None:
    pool = Pool(
        name="all", role="both", replicas=1, tensor_parallel=1, stages=1, kv_blocks=BLOCKS, steps_ahead=steps_ahead,
        batching=Batching(policy="vllm-v1", most_requests=MOST, block_tokens=BLOCK, most_tokens=TOKENS), times=times(),
    )  # fmt: skip
    service = Service(pools=(pool,), routing=Routing(name="round_robin"), sequence_tokens=4096)
    for seed in range(SERVICES):
        arrivals, asked = drawn(seed)
        made = simulate(service, arrivals)
        oracle.simulate(asked, times(), blocks=BLOCKS, step_tokens=TOKENS, most_requests=MOST, steps_ahead=steps_ahead)
        assert made.requests.first_token_s == pytest.approx([one.first_s for one in asked], abs=1e-9)
        assert made.requests.completed_s == pytest.approx([one.end_s for one in asked], abs=1e-9)
