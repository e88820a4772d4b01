"""What became of the requests of a run, as figures; runs are made up."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gnomon.core.autoscale import Autoscale
from gnomon.core.service import Batching
from gnomon.core.service_facts import Energy, Scaling
from gnomon.engines.serving.facts import RequestTimes, facts, is_overloaded, request_times

SERVED = np.dtype(
    [
        *((name, "f8") for name in ("arrived_s", "scheduled_s", "first_token_s", "completed_s")),
        *((name, "i8") for name in ("asked", "restarts", "found")),
    ]
)


def made_up(
    *, arrived: Any, waits: Any, answers: int = 5, done: Any = None, notes: tuple[str, ...] = (), priorities: Any = None
) -> Any:
    """An outcome of requests whose prompt takes 1 s and each further token 0.1 s."""
    count = len(arrived)
    requests = np.zeros(count, SERVED).view(np.recarray)
    requests.arrived_s = arrived
    requests.scheduled_s = requests.arrived_s + waits
    requests.first_token_s = requests.scheduled_s + 1.0
    requests.completed_s = requests.first_token_s + 0.1 * (answers - 1)
    requests.asked, requests.restarts, requests.found = answers, 1, 16
    is_completed = np.ones(count, bool) if done is None else np.array(done)
    return SimpleNamespace(
        requests=requests,
        is_completed=is_completed,
        arrivals=SimpleNamespace(prefill_tokens=np.full(count, 30), priorities=priorities),
        pool=SimpleNamespace(
            replicas=2,
            tensor_parallel=4,
            stages=1,
            kv_blocks=99,
            batching=Batching(policy="vllm-v1", most_requests=8, block_tokens=16),
        ),
        end_s=float(requests.completed_s[is_completed].max()),
        span_s=float(requests.completed_s[is_completed].max() - requests.arrived_s.min()),
        busy=0.25,
        batches=7,
        waiting=np.flatnonzero(~is_completed),
        found_full=0,
        waited_too_long=0,
        service=SimpleNamespace(autoscale=None),
        scaling=None,
        notes=notes,
        handover=None,
        together=None,
        tiered=None,
        adapter_loads=0,
        drafted_tokens=0,
        accepted_tokens=0,
    )


def figures(made: Any, **others: Any) -> Any:
    return facts(
        made, request_times(made), **{"usd_per_s": None, "flop": 0.0, "peak_flop_per_s": None, "energy": None, **others}
    )


def times(waits: Any, e2e_s: float = 10.0) -> RequestTimes:
    waits = np.array(waits, float)
    return RequestTimes(
        counts=np.ones(len(waits), bool),
        arrived=np.arange(len(waits), dtype=float),
        ttft=waits,
        tpot=waits,
        e2e=np.full(len(waits), e2e_s),
        queueing=waits,
    )


def test_times_are_counted_from_the_arrival():
    found = request_times(made_up(arrived=[0.0, 2.0], waits=[0.0, 0.5]))
    assert found.queueing.tolist() == [0.0, 0.5]
    assert found.ttft == pytest.approx([1.0, 1.5])
    assert found.tpot == pytest.approx([0.1, 0.1])
    assert found.e2e == pytest.approx([1.4, 1.9])


def test_an_answer_of_one_token_has_no_time_per_further_token():
    made = made_up(arrived=[0.0, 2.0], waits=[0.0, 0.0], answers=1)
    assert np.isnan(request_times(made).tpot).all()
    assert [spread.quantity for spread in figures(made).spreads] == ["ttft", "e2e", "queueing"]


def test_requests_of_the_warm_up_and_those_that_are_not_through_do_not_count():
    made = made_up(arrived=[5.0, 6.0, 7.0], waits=[0.0, 1.0, 2.0], done=[True, True, False])
    assert request_times(made).queueing.tolist() == [0.0, 1.0]
    assert request_times(made, warmup_s=1.0).queueing.tolist() == [1.0]
    assert request_times(made, warmup_s=1.0).counts.tolist() == [False, True, False]


def test_the_account_of_a_run():
    found = figures(
        made_up(arrived=[1.0, 2.0, 3.0], waits=[0.0, 0.0, 0.0], done=[True, True, False]),
        usd_per_s=0.01,
        flop=68.0,
        peak_flop_per_s=100.0,
        energy=Energy(value_j=50.0, low_j=40.0, high_j=60.0, method="made up"),
    )
    assert (found.requests, found.completed, found.never_scheduled) == (3, 2, 1)
    assert (found.replicas, found.tensor_parallel, found.stages, found.kv_blocks) == (2, 4, 1, 99)
    assert (found.policy, found.block_tokens, found.steps, found.restarts) == ("vllm-v1", 16, 7, 3)
    assert found.follows.startswith("vLLM ")
    assert (found.prompt_tokens, found.answer_tokens, found.hit_tokens) == (60, 10, 32)  # of those that are through
    assert found.span_s == pytest.approx(2.4)  # from 1.0 to 3.4
    assert found.offered_per_s == pytest.approx(1.0)
    assert found.completed_per_s == pytest.approx(2 / 2.4)
    assert found.prompt_tokens_per_s == pytest.approx(60 / 2.4)
    assert found.answer_tokens_per_s == pytest.approx(10 / 2.4)
    assert found.mfu == pytest.approx(68 / 240)
    assert found.busy == 0.25
    assert found.joules_per_answer_token == pytest.approx(5.0)
    assert found.usd_per_million_answer_tokens == pytest.approx(0.01 * 2.4 / 10 * 1e6)


def test_what_is_not_known_is_nothing():
    found = figures(made_up(arrived=[0.0, 0.0], waits=[0.0, 0.0]))
    assert (found.mfu, found.usd_per_s, found.usd_per_million_answer_tokens) == (None, None, None)
    assert (found.energy, found.joules_per_answer_token) == (None, None)
    assert found.offered_per_s is None  # all at once


def test_spreads_are_those_of_the_requests():
    waits = np.arange(100) / 100
    found = {one.quantity: one for one in figures(made_up(arrived=np.arange(100.0), waits=waits)).spreads}
    waiting = found["queueing"]
    assert (waiting["mean"], waiting["p50"], waiting["p99"]) == pytest.approx((0.495, 0.49, 0.98))
    assert (waiting.count, waiting.level) == (100, 0.9)
    assert found["ttft"]["p90"] == pytest.approx(1.89)
    assert [round(q, 4) for q in waiting.quantiles[::50]] == [0.0, 0.49, 0.99]
    assert len(waiting.quantiles) == 101
    assert all(one.low <= one.value <= one.high for spread in found.values() for one in spread.estimates)
    with pytest.raises(KeyError):
        waiting["p42"]


def test_more_requests_of_the_same_kind_have_a_narrower_interval():
    def width(count: int) -> float:
        waits = np.random.default_rng(0).exponential(1.0, count)
        mean = figures(made_up(arrived=np.arange(count) * 1.0, waits=waits)).spreads[-1].estimates[0]
        return mean.high - mean.low

    assert width(6400) < width(100) / 3


def test_a_queue_that_grows_is_an_overload_and_one_that_does_not_is_none():
    grows, stays = np.linspace(0, 30, 100), np.full(100, 15.0)
    assert is_overloaded(times(grows, e2e_s=40.0))
    assert not is_overloaded(times(stays, e2e_s=40.0))
    assert not is_overloaded(times(grows, e2e_s=4000.0))  # waiting is nothing beside the rest
    assert not is_overloaded(times(grows[:39], e2e_s=40.0))  # too few to judge
    assert not is_overloaded(times(grows[::-1], e2e_s=40.0))


def test_an_overload_is_warned_of_with_both_waits():
    made = made_up(arrived=np.arange(100.0), waits=np.linspace(0.0, 99.0, 100))
    (said,) = [one for one in figures(made).warnings if "exceeds" in one]
    assert said == (
        "load exceeds capacity: requests wait 87.0 s in the last quarter of the run and 37.0 s in the second, "
        "so every mean depends on how long it is"
    )


def test_a_run_that_is_too_short_is_warned_of():
    short = made_up(arrived=np.linspace(0.0, 2.8, 10), waits=np.zeros(10))
    (said,) = figures(short).warnings
    assert said == (
        "too short for a steady state: 10 requests arrive in 2.80 s, 2.0 times what one takes; "
        "the service fills and empties"
    )
    assert figures(made_up(arrived=np.linspace(0.0, 28.0, 10), waits=np.zeros(10))).warnings == ()


def test_all_at_once_is_no_stream_that_could_be_too_short():
    assert figures(made_up(arrived=np.zeros(10), waits=np.zeros(10))).warnings == ()


def test_what_the_simulation_says_of_itself_comes_first():
    made = made_up(arrived=np.linspace(0.0, 2.8, 10), waits=np.zeros(10), notes=("a block was lost",))
    assert figures(made).warnings[0] == "a block was lost"
    assert len(figures(made).warnings) == 2


def test_a_bound_that_is_always_reached_is_warned_of():
    made = made_up(arrived=np.arange(50.0), waits=0.0)
    made.service = SimpleNamespace(autoscale=Autoscale(max=3, target_outstanding=1, start_s=0))
    for at_most, warned in ((7, True), (6, False)):
        made.scaling = Scaling(replica_s=9.0, starts=1, ticks=7, at_most=at_most, course=())
        told = "3 replicas are wanted throughout, the most there may be: more might be needed"
        assert (told in figures(made).warnings) == warned


def test_classes_are_told_apart_where_requests_have_priorities():
    made = made_up(
        arrived=range(6), waits=[1, 9, 1, 9, 1, 9], priorities=np.array([0, 7] * 3), done=[True] * 5 + [False]
    )
    first, last = figures(made).classes
    assert (first.priority, first.requests, first.completed, first.restarts) == (0, 3, 3, 3)
    assert (last.priority, last.requests, last.completed, last.restarts) == (7, 3, 2, 3)
    assert [spread["mean"] for spread in first.spreads if spread.quantity == "queueing"] == [1.0]
    assert [spread["mean"] for spread in last.spreads if spread.quantity == "queueing"] == [9.0]


def test_there_are_no_classes_where_requests_have_no_priorities():
    assert figures(made_up(arrived=range(3), waits=0)).classes == ()
