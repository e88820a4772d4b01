"""The network without congestion: a message takes what its hops and bytes take, whatever else is under way.

The lowest dimension in which sender and receiver differ is charged, and no other. [astra-network-analytical 599a047,
MultiDimTopology.cpp, BasicTopology.cpp]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gnomon.core.fabric import Fabric
from gnomon.engines.training.simulate.clock import Call, Clock
from gnomon.engines.training.simulate.traffic import Traffic


class Unaware:
    """A network in which messages do not meet."""

    def __init__(self, fabric: Fabric, clock: Clock, count: Callable[[int, str], Traffic] = Traffic) -> None:
        self._clock = clock
        self.traffic = [count(at, "message") for at in range(len(fabric.dimensions))]
        self._dimensions = [
            (stride, one.npus, one, one.latency_ns, one.bytes_per_ns, traffic)
            for stride, one, traffic in zip(fabric.strides, fabric.dimensions, self.traffic, strict=True)
        ]

    def deliver(self, source: int, destination: int, message_bytes: int, call: Call, argument: Any) -> None:
        """Have something done when a message has arrived."""
        now = self._clock.now
        for stride, npus, dimension, latency_ns, bytes_per_ns, traffic in self._dimensions:
            here, there = source // stride % npus, destination // stride % npus
            if here != there:
                wire_ns = message_bytes / bytes_per_ns
                arrival_ns = now + int(dimension.hops(here, there) * latency_ns + wire_ns)
                traffic.add(now, arrival_ns, message_bytes, int(wire_ns))
                self._clock.at(arrival_ns, call, argument)
                return
