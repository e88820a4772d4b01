"""Waiting times of a queue with one server, which are known."""

import numpy as np
import pytest

from gnomon.core.service import Arrivals, Batching
from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import service
from tests.engines.serving.test_vllm_v1 import one_second_steps

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]
REQUESTS, PARTS = 200_000, 40
T_99 = 2.708  # of 39 degrees of freedom, both sides


def _waits_s(utilisation: float, steps: np.ndarray) -> np.ndarray:
    """Of requests that arrive as they like to a server of one at a time; a step takes 1 s."""
    generator = np.random.default_rng(7)
    rate_per_s = utilisation / steps.mean()
    stream = Arrivals(
        ids=np.arange(REQUESTS),
        arrived_s=np.cumsum(generator.exponential(1 / rate_per_s, REQUESTS)),
        prefill_tokens=np.ones(REQUESTS, np.int64),
        decode_tokens=steps,
    )
    batching = Batching(policy="orca", most_requests=1, block_tokens=8)
    made = simulate(service("orca", batching=batching, times=one_second_steps()), stream)
    return made.requests.scheduled_s - made.requests.arrived_s


def _agrees(waits_s: np.ndarray, expected_s: float) -> bool:
    """Whether the mean is what it should be, within the interval that the means of parts of the run give."""
    means_s = waits_s.reshape(PARTS, -1).mean(axis=1)
    half_s = T_99 * means_s.std(ddof=1) / PARTS**0.5
    assert half_s < 0.2 * expected_s
    return abs(means_s.mean() - expected_s) < half_s


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.8])
def test_a_server_with_one_length_of_service_is_the_queue_m_d_1(utilisation):
    expected_s = utilisation / (2 * (1 - utilisation))
    assert _agrees(_waits_s(utilisation, np.ones(REQUESTS, np.int64)), expected_s)


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.8])
def test_a_server_with_several_is_the_queue_m_g_1(utilisation):
    steps = np.random.default_rng(8).geometric(0.25, REQUESTS)
    rate_per_s = utilisation / steps.mean()
    expected_s = rate_per_s * (steps.astype(float) ** 2).mean() / (2 * (1 - utilisation))  # Pollaczek and Khinchine
    assert _agrees(_waits_s(utilisation, steps), expected_s)
