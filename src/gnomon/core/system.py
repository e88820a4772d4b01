"""A system: equal devices and the network between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gnomon.core.device import Device, Sourced
from gnomon.core.digest import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One level of the network; levels are listed from the innermost outwards."""

    name: str
    kind: Literal["switch", "ring", "fully-connected"]
    size: int  # devices, or groups of the level below, that it joins
    bandwidth_bytes_per_s: Sourced  # of one device, per direction
    latency_s: Sourced  # of one message


@dataclass(frozen=True, kw_only=True)  # no slots: the digest is kept once computed
class System:
    """`count` equal devices."""

    name: str
    device: Device
    count: int = 1
    title: str = ""
    notes: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()  # empty for one device, or where the network is not described

    @cached_property
    def digest(self) -> str:
        """Digest of what can change an answer: the device, the count, the network's values."""
        network = [(d.kind, d.size, d.bandwidth_bytes_per_s.value, d.latency_s.value) for d in self.dimensions]
        return digest((self.device.digest, self.count, network))
