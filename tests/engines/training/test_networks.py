"""The two networks: hops, links, and messages that meet."""

import pytest

from gnomon.core.fabric import Wiring
from gnomon.core.trace import NodeKind
from gnomon.engines.training.simulate.aware import Aware
from gnomon.engines.training.simulate.clock import Agenda, Clock
from gnomon.engines.training.simulate.unaware import Unaware
from tests.engines.training.clusters import fabric, message, run

WIRE_NS = 1000 / (50 * 2**30 / 1e9)  # of 1,000 bytes
ONE_HOP_NS = int(500 + WIRE_NS)


def _arrival(network, source, destination):
    clock = Clock()
    arrivals = []
    network(clock).deliver(source, destination, 1000, lambda _: arrivals.append(clock.now), None)
    clock.run()
    return arrivals


@pytest.mark.parametrize(
    ("wiring", "hops"), [(Wiring.RING, {1: 1, 4: 4, 7: 1, 5: 3}), (Wiring.SWITCH, {1: 2, 4: 2}), (Wiring.FULLY_CONNECTED, {4: 1})]
)  # fmt: skip
def test_a_message_alone_crosses_its_hops(wiring, hops):
    shape = fabric((wiring, 8))
    for destination, count in hops.items():
        assert _arrival(lambda clock: Unaware(shape, clock), 0, destination) == [int(count * 500 + WIRE_NS)]
        assert _arrival(lambda clock: Aware(shape, clock), 0, destination) == [count * ONE_HOP_NS]


def test_without_congestion_a_diagonal_message_pays_the_lowest_dimension_alone():
    shape = fabric((Wiring.RING, 4), (Wiring.RING, 4))
    assert _arrival(lambda clock: Unaware(shape, clock), 0, 2 + 4) == [int(2 * 500 + WIRE_NS)]


def test_with_congestion_a_diagonal_message_crosses_every_dimension():
    shape = fabric((Wiring.RING, 4), (Wiring.SWITCH, 4), (Wiring.FULLY_CONNECTED, 2))
    assert _arrival(lambda clock: Aware(shape, clock), 0, 2 + 3 * 4 + 16) == [(2 + 2 + 1) * ONE_HOP_NS]


def test_messages_of_one_link_follow_each_other_and_those_of_two_do_not():
    shape = fabric((Wiring.RING, 4))
    clock = Clock()
    network, arrivals = Aware(shape, clock), []
    for destination in (1, 1, 3):
        network.deliver(0, destination, 1000, lambda to: arrivals.append((to, clock.now)), destination)
    clock.run()
    assert arrivals == [(1, ONE_HOP_NS), (3, ONE_HOP_NS), (1, int(WIRE_NS) + ONE_HOP_NS)]


def test_what_crosses_is_counted_by_class_of_link():
    nodes = [[message(0, NodeKind.SEND, 3, 0, 1000)], [], [], [message(0, NodeKind.RECV, 0, 0, 1000)]]
    made = run(fabric((Wiring.RING, 4)), nodes, backend="aware")
    clockwise, anticlockwise = made.traffic
    assert (clockwise.bytes, anticlockwise.bytes, anticlockwise.links) == (0, 1000, 1)
    assert (anticlockwise.busy_ns, anticlockwise.active_ns) == (int(WIRE_NS), ONE_HOP_NS)


def test_what_a_rank_adds_to_the_present_comes_before_what_others_have_asked_for():
    clock, seen = Clock(), []
    agenda = Agenda(clock)
    agenda.after(5, lambda _: agenda.after(0, seen.append, "added"))
    clock.at(5, seen.append, "another's")
    clock.run()
    assert seen == ["added", "another's"]
