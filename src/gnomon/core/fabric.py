"""The network of a cluster as dimensions, the innermost first: NPUs wired as rings, switches or all to all.

The number of an NPU counts along the first dimension fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Literal, get_args

from gnomon.core.errors import BadInput, near_match

# Of ASTRA-sim: whether messages meet. unaware: each has all links for itself; aware: a link carries one at a time.
Backend = Literal["unaware", "aware"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
BYTES_PER_GB = 2**30  # of network.yml [astra-network-analytical 599a047, common/NetworkFunction.cpp]


class Wiring(StrEnum):
    """How the NPUs of a dimension are connected."""

    RING = "Ring"  # both ways
    FULLY_CONNECTED = "FullyConnected"
    SWITCH = "Switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricDimension:
    """One dimension."""

    wiring: Wiring
    npus: int  # that differ in this dimension alone; 2 or more
    bandwidth_gib_per_s: float  # of a link, in one direction
    latency_ns: float  # of a link

    @property
    def bytes_per_ns(self) -> float:
        return self.bandwidth_gib_per_s * BYTES_PER_GB / 1_000_000_000

    def hops(self, source: int, destination: int) -> int:
        """Links that a message crosses from one place in the dimension to another."""
        match self.wiring:
            case Wiring.RING:
                clockwise = (destination - source) % self.npus
                return min(clockwise, self.npus - clockwise)
            case Wiring.FULLY_CONNECTED:
                return 1
            case Wiring.SWITCH:
                return 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """The whole network."""

    dimensions: tuple[FabricDimension, ...]

    @property
    def npus(self) -> int:
        return prod(dimension.npus for dimension in self.dimensions)

    @property
    def strides(self) -> tuple[int, ...]:
        """How far apart the numbers of two neighbours in each dimension are."""
        return tuple(prod(inner.npus for inner in self.dimensions[:at]) for at in range(len(self.dimensions)))


def backend_of(name: str) -> Backend:
    """The backend of that name. BadInput."""
    for backend in BACKENDS:
        if backend == name:
            return backend
    raise BadInput(f"no backend {name!r:.40}{near_match(name, BACKENDS)}: {' or '.join(BACKENDS)}", field="backend")
