"""The example of README.md."""

import pytest

from gnomon.api.names import system
from gnomon.core.exchange import Exchange
from gnomon.engines.nccl.equations import pipelined_s, ring_s
from gnomon.engines.nccl.link_fit import shipped
from gnomon.engines.nccl.timer import NcclTimer


def test_the_example_worked_by_hand():
    own = shipped().named("NVLink 4")
    rate = 450e9 * own.rate * (8 / 2) ** -own.crowding
    moved = (14 + own.ends) / 8 * 2**29 / rate
    by_hand = own.launch_s + 14 * own.hop_simple_s + moved + 2 * (own.fill_s * moved) ** 0.5
    exchange = Exchange(kind="all-reduce", size_bytes=2.0**29, spread=(8,), dtype="int8")
    assert NcclTimer().exchange_times_s([exchange], system("hgx-h100"))[0] == pytest.approx(by_hand)
    assert pipelined_s(ring_s(14, 8, 2**29, rate, 0.0, own.ends), own.fill_s) == pytest.approx(
        by_hand - own.launch_s - 14 * own.hop_simple_s
    )
