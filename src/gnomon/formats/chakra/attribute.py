"""Attributes of Chakra's nodes: a name and a value of one of its kinds. [et_def.proto, AttributeProto]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gnomon.formats.chakra import wire

Scalar = int | float | bool | str
_NAME = 1
_FIELDS = {
    "double": 3,
    "float": 5,
    "int32": 7,
    "int64": 9,
    "uint32": 11,
    "uint64": 13,
    "sint32": 15,
    "sint64": 17,
    "fixed32": 19,
    "fixed64": 21,
    "sfixed32": 23,
    "sfixed64": 25,
    "bool": 27,
    "bool_list": 28,
    "string": 29,
}
KINDS = tuple(_FIELDS)
_KIND_OF = {number: kind for kind, number in _FIELDS.items()}
_FORMS = {"double": "d", "float": "f", "fixed32": "I", "fixed64": "Q", "sfixed32": "i", "sfixed64": "q"}
_LIST_VALUES = 1  # the field of BoolList


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A value with its kind; of a kind that is not read here, None."""

    kind: str
    value: Scalar | tuple[bool, ...] | None


Attributes = Mapping[str, Attribute]


def decode(data: memoryview, offset: int) -> tuple[str, Attribute]:
    """Name and value."""
    name, found = "", Attribute(kind="nothing", value=None)
    for number, _, value, at in wire.fields(data, offset):
        if number == _NAME:
            name = wire.text(value, at)
        elif number in _KIND_OF:
            kind = _KIND_OF[number]
            found = Attribute(kind=kind, value=_decoded(kind, value, at))
        elif number > _NAME + 1:
            found = Attribute(kind=f"a list or bytes (field {number})", value=None)
    return name, found


def _decoded(kind: str, value: wire.Value, at: int) -> Scalar | tuple[bool, ...]:
    if kind in _FORMS:
        return wire.fixed(value, _FORMS[kind], at)
    match kind:
        case "string":
            return wire.text(value, at)
        case "bool":
            return bool(wire.number(value, at))
        case "bool_list":
            inside = wire.fields(wire.message(value, at), at)
            return tuple(
                bool(one)
                for number, _, run, start in inside
                if number == _LIST_VALUES
                for one in wire.packed(run, start)
            )
        case "sint32" | "sint64":
            return wire.zigzag(wire.number(value, at))
        case "int32" | "int64":
            return wire.signed(wire.number(value, at))
    return wire.number(value, at)


@lru_cache(maxsize=2**14)  # a trace has few that differ
def encode(name: str, attribute: Attribute) -> bytes:
    """The message of an attribute."""
    return wire.put_run(_NAME, name.encode()) + _encoded(attribute)


def _encoded(attribute: Attribute) -> bytes:
    field, value = _FIELDS[attribute.kind], attribute.value
    if isinstance(value, str):
        return wire.put_run(field, value.encode())
    if isinstance(value, tuple):
        return wire.put_run(field, wire.put_packed(_LIST_VALUES, map(int, value)))
    assert value is not None
    if attribute.kind in _FORMS:
        return wire.put_fixed(field, value, _FORMS[attribute.kind])
    whole = int(value)
    if attribute.kind in ("sint32", "sint64"):
        whole = whole << 1 if whole >= 0 else (-whole << 1) - 1
    return wire.put_number(field, whole)
