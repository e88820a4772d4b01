"""What a step takes, worked by hand on small grids."""

from dataclasses import replace

import numpy as np
import pytest

from gnomon.engines.serving.simulate import simulate
from tests.engines.serving.cases import arrivals, service, step_times

pytestmark = pytest.mark.xdist_group("compiled")
MS = 1e-3


def _times_s(times, *rows, **others):
    return simulate(service("orca", times=times, **others), arrivals(*rows)).requests


def test_a_prompt_and_a_decode_are_their_parts():
    made = _times_s(step_times(), (0.0, 8, 2))
    by_tokens = 1.1 + 1.5 * 7 / 15
    first = 0.01 + 0.01 * 7 / 15
    host = 0.5 + 0.01
    assert made.first_token_s[0] == pytest.approx((host + by_tokens + 0.1 + first + 0.1) * MS)
    decode = 0.1 + 0.05 / 8  # 9 tokens, between 8 and 16
    assert made.completed_s[0] - made.first_token_s[0] == pytest.approx((host + 1.1 + decode + 0.01 + 0.1) * MS)


def test_stages_have_the_embedding_the_head_and_the_sends_where_they_belong():
    plain = step_times(first_s=np.zeros(3), send_s=np.zeros(3), last_s=np.zeros(2))
    base = _times_s(plain, (0.0, 8, 1), stages=3).completed_s[0]
    for field, count in (("first_s", 1), ("send_s", 2), ("last_s", 1)):
        more = replace(plain, **{field: np.full(len(getattr(plain, field)), 1.0)})
        assert _times_s(more, (0.0, 8, 1), stages=3).completed_s[0] - base == pytest.approx(count)


def test_beyond_a_grid_the_last_two_points_go_on_and_that_is_told():
    times = step_times(tokens=np.array([1, 4, 8]), chunks=np.array([1, 2, 4]))
    made = simulate(service("orca", times=times), arrivals((0.0, 16, 1)))
    by_tokens = 7.4 + 4.8 / 4 * 8
    first, attention = 0.03 + 0.01 / 4 * 8, 0.5 + 0.4 / 2 * 12
    assert made.requests.completed_s[0] == pytest.approx((0.51 + by_tokens + first + attention + 0.1) * MS)
    assert made.outside == (
        "up to 16 tokens in a batch, where the table ends at 8: taken on from the last two points",
        "up to 16 tokens in chunks of prompts, where the table ends at 4: taken on from the last two points",
    )


def test_a_client_waits_for_the_door():
    plain = _times_s(step_times(), (1.0, 8, 2))
    made = _times_s(step_times(request_s=0.25), (1.0, 8, 2))
    assert made.arrived_s[0] == 1.0
    assert made.scheduled_s[0] == 1.25
    assert made.first_token_s[0] == pytest.approx(plain.first_token_s[0] + 0.25)
    assert made.completed_s[0] == pytest.approx(plain.completed_s[0] + 0.25)
