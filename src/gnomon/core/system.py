"""A system: equal devices and the network between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from gnomon.core.device import Device, Sourced
from gnomon.core.digest import digest
from gnomon.core.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One level of the network; levels are listed from the innermost outwards."""

    name: str
    kind: Literal["switch", "ring", "fully-connected"]
    size: int  # devices, or groups of the level below, that it joins; 1 where a cluster takes one of them
    bandwidth_bytes_per_s: Sourced  # of one device, per direction
    latency_s: Sourced  # of one message
    reduces: tuple[str, ...] = ()  # formats that its switch adds up itself
    reduces_source: str = ""  # who says so

    def part(self, size: int) -> Dimension:
        """The level with `size` of what it joins. A device that is wired to every other has fewer links left then."""
        if size == self.size or self.kind != "fully-connected":
            return replace(self, size=size)
        left, links = size - 1, self.size - 1
        own = self.bandwidth_bytes_per_s
        # Nothing is exchanged with one device: its number stays.
        bandwidth = replace(own, value=own.value * left / links, note=f"{left} of {links} links") if left else own
        return replace(self, size=size, bandwidth_bytes_per_s=bandwidth)


@dataclass(frozen=True, kw_only=True)  # no slots: the digest is kept once computed
class System:
    """`count` equal devices."""

    name: str
    device: Device
    count: int = 1
    title: str = ""
    notes: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()  # empty for one device, or where the network is not described
    # The network between several of it, its size what joins one: nothing. None where it is not described, and in a cluster,
    # which has it among its dimensions.
    scale_out: Dimension | None = None

    @cached_property
    def digest(self) -> str:
        """Digest of what can change an answer: the device, the count, the network's values."""
        return digest((self.device.digest, self.count, [_values(d) for d in self.dimensions]))


def _values(d: Dimension) -> tuple[object, ...]:
    """What of a level can change an answer; formats that a switch adds up only where it does."""
    values = (d.kind, d.size, d.bandwidth_bytes_per_s.value, d.latency_s.value)
    return (*values, sorted(d.reduces)) if d.reduces else values


def cluster(machine: System, per_node: int, nodes: int = 1) -> System:
    """`nodes` machines of which `per_node` devices each take part, under the name MACHINE:PER_NODExNODES. BadInput.

    The machine itself where that is all of one; MACHINE:PER_NODE for a part of one.
    """
    if not 1 <= per_node <= machine.count:
        raise BadInput(f"a node of {machine.name} has {_counted(machine.count)}: 1 to {machine.count}, not {per_node}")
    if nodes < 1:
        raise BadInput(f"a cluster has one node or more, not {nodes}")
    if nodes > 1 and machine.scale_out is None:
        raise BadInput(
            f"{machine.name} does not say what joins several nodes (`scale_out` of a system's file): "
            f"1 to {machine.count} devices of one node, like {machine.name}:{machine.count}"
        )
    if nodes == 1 and per_node == machine.count:
        return machine
    dimensions = _inner(machine, per_node)
    if nodes == 1:
        return replace(machine, name=f"{machine.name}:{per_node}", count=per_node, dimensions=dimensions)
    assert machine.scale_out is not None
    return replace(
        machine,
        name=f"{machine.name}:{per_node}x{nodes}",
        count=per_node * nodes,
        dimensions=(*dimensions, replace(machine.scale_out, size=nodes)),
        scale_out=None,
    )


def _counted(devices: int) -> str:
    return f"{devices} device{'s' if devices > 1 else ''}"


def _inner(machine: System, per_node: int) -> tuple[Dimension, ...]:
    """The levels of a node with so many of its devices, inner levels filled before outer ones. BadInput."""
    found, rest = [], per_node
    for d in machine.dimensions:
        taken = min(d.size, rest)
        if rest % taken:
            raise BadInput(f"{per_node} devices of {machine.name} leave a {d.name} of {d.size} partly filled")
        if d.kind == "ring" and 1 < taken < d.size:
            raise BadInput(f"{taken} of the {d.size} that the ring {d.name} of {machine.name} joins are no ring")
        found.append(d.part(taken))
        rest //= taken
    return tuple(found)
