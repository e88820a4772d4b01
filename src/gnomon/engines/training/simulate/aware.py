"""The network with congestion: links that carry one message at a time, and pass on whole messages.

A link hands a message on after its latency and its bytes, is free again after the bytes, and takes those that wait in the order
in which they came. [astra-network-analytical 599a047, Link.cpp, Ring.cpp, Switch.cpp, FullyConnected.cpp]

That revision has one dimension only. Of several, a message here goes through the lowest in which sender and receiver differ
first, then through the next: dimension-ordered routing. Every NPU has links of its own in every dimension.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.engines.training.simulate.clock import Call, Clock
from gnomon.engines.training.simulate.traffic import Traffic

LINK_CLASSES = {
    Wiring.RING: ("clockwise", "anticlockwise"),
    Wiring.SWITCH: ("to switch", "from switch"),
    Wiring.FULLY_CONNECTED: ("direct",),
}


class Link:
    """One direction of a wire."""

    __slots__ = ("_bytes_per_ns", "_clock", "_is_busy", "_latency_ns", "_traffic", "_waiting")

    def __init__(self, dimension: FabricDimension, clock: Clock, traffic: Traffic) -> None:
        self._clock, self._traffic = clock, traffic
        self._bytes_per_ns, self._latency_ns = dimension.bytes_per_ns, dimension.latency_ns
        self._is_busy = False
        self._waiting: deque[_Passage] = deque()
        traffic.links += 1

    def take(self, passage: _Passage) -> None:
        """Carry a message now, or when those before it are through."""
        if self._is_busy:
            self._waiting.append(passage)
        else:
            self._carry(passage)

    def _carry(self, passage: _Passage) -> None:
        self._is_busy = True
        now, wire_ns = self._clock.now, passage.message_bytes / self._bytes_per_ns
        arrival_ns, free_ns = now + int(self._latency_ns + wire_ns), now + int(wire_ns)
        self._traffic.add(now, arrival_ns, passage.message_bytes, free_ns - now)
        self._clock.at(arrival_ns, _Passage.arrived, passage)
        self._clock.at(free_ns, self._freed, None)

    def _freed(self, _: None) -> None:
        self._is_busy = False
        if self._waiting:
            self._carry(self._waiting.popleft())


class _Passage:
    """A message on its way."""

    __slots__ = ("_argument", "_call", "_links", "message_bytes")

    def __init__(self, links: Iterator[Link], message_bytes: int, call: Call, argument: Any) -> None:
        self._links, self.message_bytes = links, message_bytes
        self._call, self._argument = call, argument

    def arrived(self) -> None:
        """At the next place: the sender's own, one between, or the receiver's."""
        link = next(self._links, None)
        if link is None:
            self._call(self._argument)
        else:
            link.take(self)


class Aware:
    """A network of links, made as they are first used."""

    def __init__(self, fabric: Fabric, clock: Clock) -> None:
        self._clock = clock
        self._dimensions = list(zip(fabric.strides, fabric.dimensions, strict=True))
        self._by_class = [
            [Traffic(at, name) for name in LINK_CLASSES[one.wiring]] for at, one in enumerate(fabric.dimensions)
        ]
        self._links: dict[tuple[int, int, int, int], Link] = {}

    @property
    def traffic(self) -> list[Traffic]:
        """Of every class, dimension by dimension."""
        return [one for classes in self._by_class for one in classes]

    def deliver(self, source: int, destination: int, message_bytes: int, call: Call, argument: Any) -> None:
        """Have something done when a message has arrived."""
        _Passage(self._route(source, destination), message_bytes, call, argument).arrived()

    def _route(self, source: int, destination: int) -> Iterator[Link]:
        place = source
        for at, (stride, dimension) in enumerate(self._dimensions):
            here, there = place // stride % dimension.npus, destination // stride % dimension.npus
            if here == there:
                continue
            match dimension.wiring:
                case Wiring.FULLY_CONNECTED:
                    yield self._link(at, 0, place, there)
                case Wiring.SWITCH:
                    yield self._link(at, 0, place, 0)
                    yield self._link(at, 1, place + (there - here) * stride, 0)
                case Wiring.RING:
                    clockwise = (there - here) % dimension.npus
                    step = -1 if dimension.npus - clockwise < clockwise else 1
                    while here != there:
                        yield self._link(at, int(step < 0), place, 0)
                        after = (here + step) % dimension.npus
                        place, here = place + (after - here) * stride, after
            place += (there - here) * stride

    def _link(self, dimension: int, side: int, npu: int, towards: int) -> Link:
        """The link of a class at an NPU; where a class has many at each, the one towards a place of the dimension."""
        key = (dimension, side, npu, towards)
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = Link(self._dimensions[dimension][1], self._clock, self._by_class[dimension][side])
        return link
