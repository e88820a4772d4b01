"""Chakra's node -> what is simulated of it, with the attributes that ASTRA-sim reads.

Numbers of any integer kind stand for one another, as in Chakra's feeder; a fraction never stands for an integer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gnomon.core.cluster_rules import LAST_NS
from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind, RankTrace, TraceNode
from gnomon.formats.chakra.attribute import Attribute, Attributes
from gnomon.formats.chakra.message import NodeMessage

_WRAPPING = 2  # characters around the JSON text of process groups: a list with one text in it [Workload.cc, 518bd51]

_LARGEST = 2**64  # of a number in Chakra, the first beyond
_LONGEST_US = LAST_NS // 1000


def rank_trace(messages: Iterable[NodeMessage], place: str) -> RankTrace:
    """The nodes of one rank. BadInput where there are none, two have one id, or an attribute is of no use."""
    nodes: dict[int, TraceNode] = {}
    for message in messages:
        try:
            found = node(message)
        except BadInput as fault:
            raise fault.at(where=place) from None
        if found.id in nodes:
            raise BadInput(f"two nodes have id {found.id}: {nodes[found.id].name!r} and {found.name!r}", where=place)
        nodes[found.id] = found
    if not nodes:
        raise BadInput("no nodes: a rank that does nothing has no time either", where=place)
    return RankTrace(nodes=tuple(nodes.values()), place=place)


def node(message: NodeMessage) -> TraceNode:
    """The node of a message. BadInput."""
    called = f"node {message.id} {message.name!r}"
    try:
        kind = NodeKind(message.type)
    except ValueError:
        raise BadInput(f"{called}: no node type {message.type}") from None
    read = _Reader(message.attributes, called)
    return TraceNode(
        id=message.id,
        name=message.name,
        kind=kind,
        parents=tuple(dict.fromkeys((*message.data_parents, *message.control_parents))),
        duration_us=_duration_us(message.duration_us, called),
        is_cpu=bool(read.integer("is_cpu_op") or 0),
        flop=read.count("num_ops"),
        tensor_bytes=read.count("tensor_size"),
        collective=read.count("comm_type"),
        comm_bytes=read.count("comm_size"),
        priority=read.count("comm_priority") or 0,
        source=read.count("comm_src"),
        destination=read.count("comm_dst"),
        tag=read.count("comm_tag"),
        group=read.text("pg_name"),
        dimensions=read.flags("involved_dim"),
        groups=tuple(_groups(message.input_values, called)) if kind is NodeKind.METADATA else (),
    )


def _duration_us(value: int, called: str) -> int:
    if value > _LONGEST_US:
        raise BadInput(
            f"{called}: duration_micros is {value:.4g}: to {_LONGEST_US:.4g} (292 years), as ASTRA-sim counts in 64-bit ns"
        )
    return value


def message_of(node: TraceNode) -> NodeMessage:
    """The message of a node. The groups that a METADATA node names are not written."""
    numbers = {
        "num_ops": node.flop,
        "tensor_size": node.tensor_bytes,
        "comm_type": node.collective,
        "comm_size": node.comm_bytes,
        "comm_priority": node.priority or None,
        "comm_src": node.source,
        "comm_dst": node.destination,
        "comm_tag": node.tag,
    }
    attributes = {name: Attribute(kind="int64", value=value) for name, value in numbers.items() if value is not None}
    attributes["is_cpu_op"] = Attribute(kind="bool", value=node.is_cpu)
    if node.group:
        attributes["pg_name"] = Attribute(kind="string", value=node.group)
    if node.dimensions is not None:
        attributes["involved_dim"] = Attribute(kind="bool_list", value=node.dimensions)
    return NodeMessage(
        id=node.id,
        name=node.name,
        type=int(node.kind),
        data_parents=node.parents,
        duration_us=node.duration_us,
        attributes=attributes,
    )


class _Reader:
    """Attributes as what they are needed as."""

    def __init__(self, attributes: Attributes, called: str) -> None:
        self._attributes, self._called = attributes, called

    def integer(self, name: str) -> int | None:
        found = self._attributes.get(name)
        if found is None:
            return None
        if not isinstance(found.value, int):
            raise self._fault(name, "an integer")
        return int(found.value)

    def count(self, name: str) -> int | None:
        value = self.integer(name)
        if value is not None and value < 0:
            raise BadInput(f"{self._called}: {name} is {value}, which is below zero")
        if value is not None and value >= _LARGEST:
            raise BadInput(f"{self._called}: {name} is {value:.4g}, which 64 bits do not hold")
        return value

    def text(self, name: str) -> str:
        found = self._attributes.get(name)
        if found is None:
            return ""
        if not isinstance(found.value, str):
            raise self._fault(name, "a text")
        return found.value

    def flags(self, name: str) -> tuple[bool, ...] | None:
        found = self._attributes.get(name)
        if found is None:
            return None
        if not isinstance(found.value, tuple):
            raise self._fault(name, "a list of true and false")
        return found.value

    def _fault(self, name: str, wanted: str) -> BadInput:
        return BadInput(f"{self._called}: {name} is {self._attributes[name].kind}, where {wanted} belongs")


def _groups(values: str, called: str) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Process groups, as PyTorch's traces name them."""
    if not values:
        return
    try:
        listed: Any = json.loads(values)
        if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], str):
            listed = json.loads(listed[0])
    except ValueError:
        try:
            listed = json.loads(values[_WRAPPING:-_WRAPPING])
        except ValueError as fault:
            raise BadInput(f"{called}: process groups that are not JSON: {fault}") from None
    for one in listed if isinstance(listed, list) else [listed]:
        ranks = one.get("ranks") if isinstance(one, dict) else None
        if not isinstance(ranks, list) or not all(isinstance(rank, int) for rank in ranks) or "pg_name" not in one:
            raise BadInput(f'{called}: a process group is {{"pg_name": "1", "ranks": [0, 1]}}, not {one!s:.60}')
        yield str(one["pg_name"]), tuple(ranks)
