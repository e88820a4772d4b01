"""Requests of a trace, sent again."""

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Prefixes
from gnomon.core.traffic.arrival_processes import Constant
from gnomon.core.traffic.drawn import drawn
from gnomon.core.traffic.replay import Replay, recorded_lengths, recorded_moments, replayed
from gnomon.core.traffic.traffic import Traffic

# Two conversations, of three turns and of one, and a request alone.
TRACE = Arrivals(
    ids=np.arange(5),
    arrived_s=np.array([0.0, 4.0, 8.0, 1.5, 2.5]),
    prefill_tokens=np.array([10, 20, 30, 12, 15]),
    decode_tokens=np.array([1, 2, 3, 4, 5]),
    after=np.array([-1, -1, -1, 0, 3]),
    prefixes=Prefixes(
        starts=np.array([0, 1, 2, 3, 6, 11]),
        segments=np.array([0, 1, 2, 0, 3, 4, 0, 3, 4, 5, 6]),
        tokens=np.array([10, 20, 30, 10, 1, 1, 10, 1, 1, 1, 2]),
        answers=np.array([3, -1, -1, 5, -1]),
    ),
)


def test_a_pace_changes_when_requests_come_and_not_how_long_users_think():
    assert replayed(TRACE, Replay(speed=2.0)).arrived_s.tolist() == [0.0, 2.0, 4.0, 1.5, 2.5]
    assert replayed(TRACE, Replay(rate_per_s=1.0)).arrived_s.tolist() == [0.0, 1.0, 2.0, 1.5, 2.5]


def test_other_moments_are_given_to_the_same_requests():
    found = replayed(TRACE, Replay(arrivals=Constant(rate_per_s=2.0)))
    assert found.arrived_s.tolist() == [0.5, 1.0, 1.5, 1.5, 2.5]
    assert np.array_equal(found.prefill_tokens, TRACE.prefill_tokens)


def test_fewer_requests_are_whole_conversations_but_for_the_last():
    found = replayed(TRACE, Replay(requests=2))
    assert found.ids.tolist() == [0, 3]
    assert found.after.tolist() == [-1, 0]
    assert found.prefixes.starts.tolist() == [0, 1, 4]
    assert found.prefixes.segments.tolist() == [0, 0, 3, 4]
    assert replayed(TRACE, Replay(requests=4)).ids.tolist() == [0, 1, 3, 4]


def test_a_rate_is_that_of_the_requests_that_are_taken():
    assert replayed(TRACE, Replay(rate_per_s=1.0, requests=4)).arrived_s.tolist() == [0.0, 1.0, 1.5, 2.5]
    assert replayed(TRACE, Replay(rate_per_s=1.0, requests=1)).arrived_s.tolist() == [0.0]


def test_nothing_begins_after_the_duration():
    assert replayed(TRACE, Replay(duration_s=5.0)).ids.tolist() == [0, 1, 3, 4]
    assert replayed(TRACE, Replay(arrivals=Constant(rate_per_s=1.0), duration_s=1.5)).ids.tolist() == [0, 3, 4]


def test_a_trace_as_it_is_stays_as_it_is():
    assert replayed(TRACE, Replay()).arrived_s.tolist() == TRACE.arrived_s.tolist()


def test_moments_and_lengths_of_a_trace_are_used_apart():
    traffic = Traffic(arrivals=recorded_moments(TRACE, speed=2.0), lengths=recorded_lengths(TRACE), requests=2)
    found = drawn(traffic)
    assert found.arrived_s.tolist() == [0.0, 2.0]
    assert found.prefill_tokens.tolist() == [10, 20]
    later = drawn(Traffic(arrivals=Constant(rate_per_s=1.0), lengths=recorded_lengths(TRACE), requests=7))
    assert later.decode_tokens.tolist() == [1, 2, 3, 4, 5, 1, 2]


def test_a_rate_for_requests_that_come_at_once_is_refused():
    at_once = Arrivals(
        ids=np.arange(2), arrived_s=np.zeros(2), prefill_tokens=np.ones(2, int), decode_tokens=np.ones(2, int)
    )
    with pytest.raises(BadInput, match="say how they arrive instead"):
        replayed(at_once, Replay(rate_per_s=1.0))
    with pytest.raises(BadInput, match="pace of their own"):
        Replay(speed=2.0, arrivals=Constant(rate_per_s=1.0))
