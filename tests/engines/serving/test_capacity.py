"""The search for the highest rate, on made-up services whose capacity is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.slo import parse_limits
from gnomon.engines.serving.capacity import Capacity, NoCapacity, Probed, broken, capacity, statistic
from gnomon.engines.serving.facts import RequestTimes

SEEDS = range(5)
TOP = 20.0  # requests per second that the service handles at most


def times(ttft: float, tpot: float = 0.01, count: int = 100) -> RequestTimes:
    """Requests that all take the same, and arrive for 100 s."""
    one = np.ones(count)
    return RequestTimes(
        counts=one > 0,
        arrived=np.linspace(0.0, 100.0, count),
        ttft=ttft * one,
        tpot=tpot * one,
        e2e=one,
        queueing=0 * one,
    )


class Service:
    """Its TTFT is 0.1 s times 1 / (1 - rate / top), as of M/M/1; above `grows_per_s` the queue grows."""

    def __init__(self, grows_per_s: float = np.inf, least_s: float = 0.1, spread: float = 0.0) -> None:
        self.grows_per_s, self.least_s, self.spread = grows_per_s, least_s, spread
        self.asked: list[tuple[float, int]] = []

    def top(self, seed: int) -> float:
        return TOP * (1 + self.spread * (seed - 2))

    def probe(self, rate_per_s: float, seed: int) -> Probed:
        self.asked.append((rate_per_s, seed))
        free = 1 - rate_per_s / self.top(seed)
        ttft = self.least_s / free if free > 0 else 1e6 * rate_per_s
        return Probed(
            times=times(ttft), completed_per_s=min(rate_per_s, TOP), is_overloaded=rate_per_s > self.grows_per_s
        )

    def saturated(self, seed: int) -> Probed:
        return Probed(times=times(1e6), completed_per_s=self.top(seed), is_overloaded=False)

    def search(
        self, slo: str, tell: Callable[[str], None] = lambda _: None, seeds: range = SEEDS
    ) -> Capacity | NoCapacity:
        return capacity(self.probe, self.saturated, parse_limits(slo), seeds=seeds, tell=tell)


def known(most_s: float, top: float = TOP) -> float:
    """Where 0.1 / (1 - rate / top) is the limit."""
    return top * (1 - 0.1 / most_s)


@pytest.mark.parametrize("most_s", [0.101, 0.15, 0.5, 5.0, 100.0])
def test_a_known_capacity_is_found_to_one_percent(most_s):
    found = Service().search(f"ttft={most_s}s,tpot=50ms")
    assert found.rate_per_s == pytest.approx(known(most_s), rel=0.01)
    assert found.rate_per_s <= known(most_s)  # it keeps the limits
    assert found.binding == "ttft_p99"
    waits_s = [0.1 / (1 - rate_per_s / TOP) for rate_per_s in found.draws_per_s]
    assert found.at_rate["ttft_p99"] == pytest.approx(sum(waits_s) / len(waits_s))
    assert found.at_rate["tpot_p99"] == pytest.approx(0.01)
    assert found.throughput_per_s == TOP
    assert found.turnovers == pytest.approx(100.0)


def test_draws_that_are_alike_leave_no_doubt_and_others_give_the_interval():
    alike = Service().search("ttft=500ms")
    assert alike.high_per_s - alike.low_per_s < 0.01 * alike.rate_per_s
    apart = Service(spread=0.05).search("ttft=500ms")
    draws = [known(0.5, TOP * (1 + 0.05 * (seed - 2))) for seed in SEEDS]
    assert apart.at_rate["ttft_p99"] <= 0.5
    assert apart.draws_per_s == pytest.approx(draws, rel=0.01)
    half = (
        2.132 * np.std(apart.draws_per_s, ddof=1) / np.sqrt(5)
    )  # [any table of Student's t: 4 degrees of freedom, 0.95]
    assert apart.high_per_s - apart.rate_per_s == pytest.approx(half, rel=1e-3)
    assert apart.rate_per_s - apart.low_per_s == pytest.approx(half, rel=1e-3)


@pytest.mark.parametrize(("draws", "student"), [(2, 6.314), (3, 2.920), (10, 1.833)])  # of such a table
def test_of_fewer_draws_less_is_known(draws, student):
    found = Service(spread=0.01).search("ttft=500ms", seeds=range(draws))
    half = student * np.std(found.draws_per_s, ddof=1) / np.sqrt(draws)
    assert found.high_per_s - found.rate_per_s == pytest.approx(half, rel=1e-3)


def test_of_one_draw_nothing_would_be_known():
    with pytest.raises(BadInput, match="seeds: of one draw of the traffic no interval is known"):
        Service().search("ttft=500ms", seeds=range(1))


def test_where_only_the_queue_grows_overload_binds():
    found = Service(grows_per_s=7.0).search("ttft=500ms")
    assert found.rate_per_s == pytest.approx(7.0, rel=0.01)
    assert found.rate_per_s <= 7.0
    assert found.binding == "overload"


def test_what_binds_is_what_breaks_first():
    tight = Service().search("ttft=100s,ttft_mean=200ms")
    assert tight.binding == "ttft_mean"
    assert tight.rate_per_s == pytest.approx(known(0.2), rel=0.01)


def test_no_rate_keeps_what_a_request_alone_breaks():
    service = Service(least_s=0.6)
    found = service.search("ttft=500ms,tpot=50ms")
    assert isinstance(found, NoCapacity)
    assert found.alone == pytest.approx({"ttft_p99": 0.6, "tpot_p99": 0.01}, rel=0.01)


def test_limits_that_no_rate_breaks_are_said_to_need_more_requests():
    with pytest.raises(Unsupported, match="no rate breaks the limits: the traffic has too few requests"):
        Service().search("tpot=50ms")


def test_every_run_is_counted_and_kept():
    service = Service()
    found = service.search("ttft=500ms")
    assert found.runs == len(service.asked) + len(SEEDS)
    assert [(run.rate_per_s, run.draw) for run in found.curve] == service.asked
    assert all(bool(run.broken) == (run.statistics_s["ttft_p99"] > 0.5) for run in found.curve)
    assert found.runs < 60


def test_the_same_draws_are_asked_at_every_rate():
    service = Service()
    service.search("ttft=500ms")
    assert {seed for _, seed in service.asked} == set(SEEDS)


def test_what_is_known_so_far_is_told():
    said: list[str] = []
    Service().search("ttft=500ms", said.append)
    assert said[-1].startswith("draw 5 of 5: ")


def test_a_percentile_is_a_time_of_some_request():
    found = times(0.0)
    found = RequestTimes(**{**_fields(found), "ttft": np.arange(1.0, 101.0)})
    (p50, p99, mean) = parse_limits("ttft_p50=50s,ttft_p99=98s,ttft_mean=51s")
    assert [statistic(found, one) for one in (p50, p99, mean)] == [50.0, 99.0, 50.5]
    probed = Probed(times=found, completed_per_s=1.0, is_overloaded=True)
    assert broken(probed, [p50, p99]) == "ttft_p99"
    assert broken(probed, [p50, mean]) == "overload"
    assert broken(Probed(times=found, completed_per_s=1.0, is_overloaded=False), [p50, mean]) == ""


def test_a_time_that_no_request_has_keeps_every_limit():
    (limit,) = parse_limits("tpot=1ms")
    assert statistic(RequestTimes(**{**_fields(times(1.0)), "tpot": np.full(100, np.nan)}), limit) == 0.0


def _fields(of: RequestTimes) -> dict[str, np.ndarray]:
    return {name: getattr(of, name) for name in RequestTimes.__dataclass_fields__}
