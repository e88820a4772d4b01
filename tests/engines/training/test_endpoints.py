"""Between memory and network: delays, sums, and a bus that both directions share."""

import pytest

from gnomon.core.cluster_rules import SharedBus
from gnomon.engines.training.simulate.clock import Agenda, Clock
from gnomon.engines.training.simulate.endpoint import BusEndpoint, DelayedEndpoint, HandOver, reduction_ns
from tests.engines.training.clusters import rules

BUS = SharedBus(latency_ns=100, overhead_ns=10, gap_ns=10, gap_per_byte_ns=0.01, reduction_ns_per_100_bytes=1)
OUTER_NS = 129  # o + 999 x 0.01 + L + o = 129.99, without its fraction
INNER_NS = 123  # o + 999 x 0.0038 + L + o = 123.80


def _times(make, *passed, **changes):
    clock = Clock()
    endpoint = make(Agenda(clock), rules(**changes))
    times = []
    for one in passed:
        endpoint.pass_on(one, lambda _: times.append(clock.now))
    clock.run()
    return times


def test_a_sum_drops_its_fraction_three_times():
    assert reduction_ns(1000, rules(local_bytes_per_s=3e11)) == 3 * 3


@pytest.mark.parametrize(
    ("passed", "time_ns"),
    [
        (HandOver(message_bytes=1000), 100),
        (HandOver(message_bytes=1000, is_local=True), 10),
        (HandOver(message_bytes=1000, reduces=True), 100 + 9),
    ],
)
def test_a_hand_over_takes_the_delay_and_its_sum(passed, time_ns):
    assert _times(DelayedEndpoint, passed, endpoint_delay_ns=100, local_bytes_per_s=3e11) == [time_ns]


@pytest.mark.parametrize(
    ("passed", "time_ns"),
    [
        (HandOver(message_bytes=1000, to_memory=True), INNER_NS + OUTER_NS),
        (HandOver(message_bytes=1000), OUTER_NS + INNER_NS),
        # there and back on the inner bus, the bus's own sum of 10 + 50 ns, the inner bus again, and the sum of every endpoint
        (HandOver(message_bytes=1000, reduces=True), OUTER_NS + 2 * INNER_NS + 60 + INNER_NS + 9),
        (HandOver(message_bytes=1000, is_local=True), 10),
    ],
)
def test_alone_on_the_bus_a_hand_over_crosses_both_its_parts(passed, time_ns):
    assert _times(BusEndpoint, passed, shared_bus=BUS, local_bytes_per_s=3e11) == [time_ns]


def test_two_on_the_bus_wait_for_each_other():
    one = HandOver(message_bytes=1000)
    first, second = _times(BusEndpoint, one, one, shared_bus=BUS)
    assert first == OUTER_NS + INNER_NS < second
