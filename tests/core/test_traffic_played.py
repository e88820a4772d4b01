"""A trace as a service gets it."""

from dataclasses import replace

import numpy as np
import pytest

from gnomon.core.digest import digest
from gnomon.core.service import Arrivals
from gnomon.core.traffic.arrival_processes import Constant
from gnomon.core.traffic.lengths import Fixed, Lengths
from gnomon.core.traffic.played import PlayedTrace, requests_of
from gnomon.core.traffic.replay import Replay
from gnomon.core.traffic.traffic import Traffic

TRACE = PlayedTrace(
    name="t.csv",
    sha256="a" * 64,
    recorded=Arrivals(
        ids=np.arange(3),
        arrived_s=np.array([0.0, 2.0, 4.0]),
        prefill_tokens=np.array([10, 20, 30]),
        decode_tokens=np.array([1, 2, 3]),
    ),
    replay=Replay(),
)
OTHER = replace(TRACE.recorded, arrived_s=np.array([0.0, 1.0, 2.0]))


def test_a_trace_is_its_contents_and_how_it_is_sent():
    assert replace(TRACE, recorded=OTHER) == TRACE  # the same file by its digest: arrays are not looked at
    assert replace(TRACE, sha256="b" * 64) != TRACE
    assert replace(TRACE, replay=Replay(speed=2.0)) != TRACE
    assert replace(TRACE, most_open=3) != TRACE


@pytest.mark.parametrize("change", [{"sha256": "b" * 64}, {"replay": Replay(seed=1)}, {"most_open": 3}])
def test_another_trace_has_another_digest(change):
    assert digest(replace(TRACE, **change)) != digest(TRACE)


def test_both_kinds_of_traffic_give_their_requests():
    assert requests_of(replace(TRACE, replay=Replay(speed=2.0))).arrived_s.tolist() == [0.0, 1.0, 2.0]
    said = Traffic(
        arrivals=Constant(rate_per_s=2.0),
        lengths=Lengths(prompts=Fixed(tokens=7), answers=Fixed(tokens=5)),
        requests=3,
    )
    found = requests_of(said)
    assert (found.arrived_s.tolist(), found.prefill_tokens.tolist()) == ([0.5, 1.0, 1.5], [7, 7, 7])


def test_the_digest_is_that_of_the_file_not_of_what_was_read():
    assert digest(replace(TRACE, recorded=OTHER)) == digest(TRACE)
