"""A node as Chakra writes it, attributes and all, and its bytes. [et_def.proto, Node]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gnomon.formats.chakra import attribute, wire
from gnomon.formats.chakra.attribute import Attribute

_ID, _NAME, _TYPE, _CONTROL, _DATA, _START, _DURATION, _INPUTS, _ATTRIBUTE = 1, 2, 3, 4, 5, 6, 7, 8, 10
_VALUES = 1  # the field of IOInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMessage:
    """One node."""

    id: int = 0
    name: str = ""
    type: int = 0  # a number of NodeType
    control_parents: tuple[int, ...] = ()
    data_parents: tuple[int, ...] = ()
    start_us: int = 0
    duration_us: int = 0
    input_values: str = ""  # JSON text, of process groups among others
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


def decode(data: memoryview, offset: int) -> NodeMessage:
    """The node in the bytes of its message; what is not needed here is passed over."""
    numbers = dict.fromkeys((_ID, _TYPE, _START, _DURATION), 0)
    parents: dict[int, list[int]] = {_CONTROL: [], _DATA: []}
    name = inputs = ""
    attributes: dict[str, Attribute] = {}
    for number, _, value, at in wire.fields(data, offset):
        if number in numbers:
            numbers[number] = wire.number(value, at)
        elif number in parents:
            parents[number] += wire.packed(value, at)
        elif number == _NAME:
            name = wire.text(value, at)
        elif number == _INPUTS:
            inside = wire.fields(wire.message(value, at), at)
            inputs = "".join(wire.text(run, start) for part, _, run, start in inside if part == _VALUES)
        elif number == _ATTRIBUTE:
            key, found = attribute.decode(wire.message(value, at), at)
            attributes.setdefault(key, found)  # ASTRA-sim takes the first of two alike
    return NodeMessage(
        id=numbers[_ID],
        name=name,
        type=numbers[_TYPE],
        control_parents=tuple(parents[_CONTROL]),
        data_parents=tuple(parents[_DATA]),
        start_us=numbers[_START],
        duration_us=numbers[_DURATION],
        input_values=inputs,
        attributes=attributes,
    )


def encode(node: NodeMessage) -> bytes:
    """The bytes of its message; what is zero or empty is left out, as protocol buffers do."""
    numbers = ((_TYPE, node.type), (_START, node.start_us), (_DURATION, node.duration_us))
    parts = [
        wire.put_number(_ID, node.id) if node.id else b"",
        wire.put_run(_NAME, node.name.encode()) if node.name else b"",
        *(wire.put_number(number, value) for number, value in numbers[:1] if value),
        wire.put_packed(_CONTROL, node.control_parents),
        wire.put_packed(_DATA, node.data_parents),
        *(wire.put_number(number, value) for number, value in numbers[1:] if value),
        wire.put_run(_INPUTS, wire.put_run(_VALUES, node.input_values.encode())) if node.input_values else b"",
        *(wire.put_run(_ATTRIBUTE, attribute.encode(name, one)) for name, one in node.attributes.items()),
    ]
    return b"".join(parts)
