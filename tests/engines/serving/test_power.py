"""Energy of a service's devices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.fit_power import fitted, measured

from gnomon.api.names import device
from gnomon.engines.serving.policies import POLICIES
from gnomon.engines.serving.power import BY_ARITHMETIC, BY_BYTES, RUNNING, WAITING, Draw, energy
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.simulator.records import ROWS
from tests.engines.serving.cases import BY_TOKEN, arrivals, service

A100 = device("a100-sxm-80gb")
PEAK = 312e12


def of(name: str = "a100-sxm-80gb", **done: Any) -> Any:
    nothing: dict[str, Any] = {"span_s": 10.0, "busy_s": 0.0, "devices": 2, "flop": 0.0, "moved_bytes": 0.0}
    return energy(device(name), PEAK, Draw(**{**nothing, **done}))


def test_devices_that_wait_draw_what_they_draw_at_rest() -> None:
    assert of().value_j == pytest.approx(WAITING * 400 * 20)


def test_steps_draw_for_their_time_their_arithmetic_and_their_bytes() -> None:
    found = of(busy_s=10.0, flop=2 * PEAK, moved_bytes=4 * 2.039e12)
    assert found.value_j == pytest.approx(
        400 * (WAITING * 10 + RUNNING * 10 + BY_ARITHMETIC * 2 + BY_BYTES * 4), rel=1e-3
    )
    assert found.low_j < found.value_j < found.high_j


def test_no_device_draws_more_than_its_limit() -> None:
    assert of(busy_s=20.0, flop=1e3 * PEAK, moved_bytes=1e15).value_j == pytest.approx(400 * 20)


def test_devices_without_measured_powers_have_a_wider_interval() -> None:
    a100, h100 = of(), of("h100-sxm")
    assert h100.high_j / h100.low_j > a100.high_j / a100.low_j
    assert "h100" not in h100.method


def test_of_a_device_whose_limit_is_not_known_nothing_is_said() -> None:
    done = Draw(span_s=1.0, busy_s=1.0, devices=1, flop=1.0, moved_bytes=1.0)
    assert energy(replace(A100, power_w=None), PEAK, done) is None
    assert energy(A100, None, done) is None


def test_the_shares_are_those_of_the_measured_powers(shared: Path) -> None:
    found = fitted(measured(shared / "truth"))
    assert found == pytest.approx((RUNNING, BY_ARITHMETIC, BY_BYTES), abs=1e-3)


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("policy", POLICIES)
def test_the_time_that_steps_run_is_that_of_all_steps(policy: str) -> None:
    stages = 1 if policy in BY_TOKEN else 2
    for count in {1, stages}:
        pool = service(policy, stages=count)
        stream = arrivals(*((at * 0.7, 5 + at, 3 + at % 4) for at in range(6)))
        written, hurried = (simulate(pool, stream, records=records) for records in (True, False))
        assert written.log is not None
        assert written.busy_s == pytest.approx(written.log.times_s[: written.log.counts[ROWS], 1].sum())
        assert hurried.busy_s == pytest.approx(written.busy_s)
