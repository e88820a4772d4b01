"""What a host that launches operators adds to a device's time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parallel.host import NO_HOST, held_up_s

seconds = st.floats(1e-9, 1e3)
sharpness = st.floats(1.0, 50.0)


@given(seconds, seconds, sharpness)
def test_a_run_takes_as_long_as_the_slower_of_device_and_host_and_at_most_as_both(
    device_s: float, host_s: float, sharp: float
) -> None:
    found = held_up_s(device_s, host_s, sharp)
    assert max(device_s, host_s) <= found * (1 + 1e-12)
    assert found <= (device_s + host_s) * (1 + 1e-12)


@given(seconds, seconds)
def test_the_sharper_the_nearer_to_the_slower_of_both(device_s: float, host_s: float) -> None:
    blunt, sharp = (held_up_s(device_s, host_s, one) for one in (1.0, 200.0))
    assert blunt == pytest.approx(device_s + host_s)
    assert sharp == pytest.approx(max(device_s, host_s), rel=0.01)


@given(seconds)
def test_without_a_host_a_run_takes_what_the_device_takes(device_s: float) -> None:
    assert held_up_s(device_s, NO_HOST.op_s, NO_HOST.sharpness) == device_s
