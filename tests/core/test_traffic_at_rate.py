"""Traffic at another rate: what a search for a capacity varies."""

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals
from gnomon.core.traffic.arrival_processes import (
    AllAtOnce,
    Bursts,
    Constant,
    Gamma,
    Poisson,
    RateSteps,
    Recorded,
    ScaledPoisson,
    Weibull,
)
from gnomon.core.traffic.at_rate import at_rate
from gnomon.core.traffic.lengths import Lengths, Lognormal
from gnomon.core.traffic.played import PlayedTrace, requests_of
from gnomon.core.traffic.replay import Replay
from gnomon.core.traffic.sharing import SystemPrompts
from gnomon.core.traffic.traffic import Traffic

COUNT = 40_000
# Each at a mean of 4 requests a second.
PROCESSES = {
    "poisson": Poisson(rate_per_s=4.0),
    "scaled-poisson": ScaledPoisson(rate_per_s=4.0),
    "gamma": Gamma(rate_per_s=4.0, cv=2.0),
    "weibull": Weibull(rate_per_s=4.0, cv=2.0),
    "constant": Constant(rate_per_s=4.0),
    "bursts": Bursts(rate_per_s=10.0, on_s=2.0, off_s=6.0, off_rate_per_s=2.0),
    "random bursts": Bursts(rate_per_s=16.0, on_s=2.0, off_s=6.0, is_random=True),
    "steps": RateSteps(steps=((3.0, 2.0), (1.0, 10.0)), repeats=True),
    "even steps": RateSteps(steps=((3.0, 2.0), (1.0, 10.0)), repeats=True, is_even=True),
    "recorded": Recorded(arrived_s=tuple((np.arange(COUNT) / 4.0).tolist())),
}
LENGTHS = Lengths(prompts=Lognormal(mean=300, cv=1), answers=Lognormal(mean=100, cv=1))


def _traffic(process, requests=COUNT, **others):
    return Traffic(arrivals=process, lengths=LENGTHS, requests=requests, **others)


def _mean_per_s(arrivals):
    return (len(arrivals) - 1) / float(np.ptp(arrivals.arrived_s))


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("rate_per_s", [0.5, 30.0])
def test_every_stream_comes_at_the_rate_that_is_asked_for(name, rate_per_s):
    found = requests_of(at_rate(_traffic(PROCESSES[name]), rate_per_s, seed=3))
    assert len(found) == COUNT
    assert _mean_per_s(found) == pytest.approx(rate_per_s, rel=0.05)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_stream_at_its_own_rate_is_itself(name):
    process = PROCESSES[name]
    found = requests_of(at_rate(_traffic(process, 500), 4.0, seed=0)).arrived_s
    assert found == pytest.approx(requests_of(_traffic(process, 500)).arrived_s, rel=1e-3)


@pytest.mark.parametrize("name", [name for name in PROCESSES if "burst" not in name and "steps" not in name])
def test_at_twice_the_rate_the_same_requests_come_in_half_the_time(name):
    slow, fast = (requests_of(at_rate(_traffic(PROCESSES[name], 500), rate, seed=7)) for rate in (2.0, 4.0))
    assert fast.arrived_s * 2 == pytest.approx(slow.arrived_s)
    assert np.array_equal(fast.prefill_tokens, slow.prefill_tokens)
    assert np.array_equal(fast.decode_tokens, slow.decode_tokens)


def test_phases_keep_their_lengths_and_their_ratio():
    bursts = at_rate(_traffic(PROCESSES["bursts"]), 8.0, seed=0).arrivals
    assert (bursts.on_s, bursts.off_s) == (2.0, 6.0)
    assert (bursts.rate_per_s, bursts.off_rate_per_s) == pytest.approx((20.0, 4.0))
    steps = at_rate(_traffic(PROCESSES["steps"]), 8.0, seed=0).arrivals
    assert [length for length, _ in steps.steps] == [3.0, 1.0]
    assert [rate for _, rate in steps.steps] == pytest.approx([4.0, 20.0])


def test_what_prompts_share_stays_and_lengths_do_not_depend_on_the_rate():
    shared = _traffic(PROCESSES["poisson"], 200, system_prompts=SystemPrompts(tokens=LENGTHS.prompts, count=3))
    slow, fast = (requests_of(at_rate(shared, rate, seed=1)) for rate in (1.0, 50.0))
    assert np.array_equal(slow.prefixes.segments, fast.prefixes.segments)
    assert np.array_equal(slow.prefill_tokens, fast.prefill_tokens)


def test_another_seed_is_another_draw():
    one, other = (requests_of(at_rate(_traffic(PROCESSES["poisson"], 200), 4.0, seed=seed)) for seed in (1, 2))
    assert not np.array_equal(one.arrived_s, other.arrived_s)
    assert not np.array_equal(one.prefill_tokens, other.prefill_tokens)


def test_what_comes_all_at_once_has_no_rate():
    with pytest.raises(BadInput, match=r"traffic\.arrivals: requests that come all at once have no rate: say qps"):
        at_rate(_traffic(AllAtOnce(), 5), 4.0, seed=0)


def _played(**replay):
    recorded = Arrivals(
        ids=np.arange(5),
        arrived_s=np.array([0.0, 1.0, 2.0, 6.0, 8.0]),
        prefill_tokens=np.arange(1, 6),
        decode_tokens=np.arange(1, 6),
    )
    return PlayedTrace(name="t.csv", sha256="0" * 64, recorded=recorded, replay=Replay(**replay))


@pytest.mark.parametrize("replay", [{}, {"speed": 3.0}, {"rate_per_s": 7.0}])
def test_a_trace_is_played_at_the_rate_whatever_its_pace_was(replay):
    found = requests_of(at_rate(_played(**replay), 2.0, seed=9))
    assert found.arrived_s == pytest.approx([0.0, 0.25, 0.5, 1.5, 2.0])


def test_moments_that_are_drawn_anew_are_drawn_at_the_rate_and_by_the_seed():
    drawn = _played(arrivals=Constant(rate_per_s=1.0))
    assert requests_of(at_rate(drawn, 2.0, seed=0)).arrived_s.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
    random = _played(arrivals=Poisson(rate_per_s=1.0))
    one, other = (requests_of(at_rate(random, 2.0, seed=seed)).arrived_s for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_of_a_trace_without_times_nothing_is_scaled():
    still = _played(requests=1)
    assert requests_of(at_rate(still, 2.0, seed=0)).arrived_s.tolist() == [0.0]
    at_once = PlayedTrace(
        name="t.csv",
        sha256="",
        recorded=Arrivals(
            ids=np.arange(2),
            arrived_s=np.zeros(2),
            prefill_tokens=np.array([1, 1]),
            decode_tokens=np.array([1, 1]),
        ),
        replay=Replay(),
    )
    with pytest.raises(BadInput, match="all requests of the trace come at once"):
        requests_of(at_rate(at_once, 2.0, seed=0))
