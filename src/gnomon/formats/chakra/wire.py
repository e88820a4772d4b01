"""Protocol buffers' wire format, as far as Chakra needs it. [protobuf.dev, Encoding]

A message is a run of fields: a varint of number and wire type, then the value. Offsets are those of the file, for messages
about what is broken in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from gnomon.core.errors import BadInput

VARINT, EIGHT_BYTES, RUN, FOUR_BYTES = 0, 1, 2, 5  # wire types; 3 and 4, groups, are of no use since 2008
_SIXTY_FOUR_BITS = 2**64
_ONE_BYTE = tuple(bytes([value]) for value in range(0x80))  # of the numbers that take one, which most do

Value = int | memoryview  # of a varint, or the bytes of anything else


class Cut(BadInput):
    """The bytes end, or make no sense, at an offset."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(f"byte {offset}: {text}")


def varint(data: memoryview, at: int, offset: int) -> tuple[int, int]:
    """A number and where it ends. `offset`: of data[0] in the file."""
    value = shift = 0
    start = at
    while True:
        if at >= len(data):
            raise Cut(offset + start, "the file ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _SIXTY_FOUR_BITS, at
        shift += 7
        if shift > 63:
            raise Cut(offset + start, "a number of more than 64 bits")


def fields(data: memoryview, offset: int) -> Iterator[tuple[int, int, Value, int]]:
    """Every field of a message: its number, wire type, value, and the offset of the value."""
    at = 0
    while at < len(data):
        key, at = varint(data, at, offset)
        number, wire_type, start = key >> 3, key & 7, at
        if wire_type == VARINT:
            value, at = varint(data, at, offset)
            yield number, wire_type, value, offset + start
            continue
        if wire_type == RUN:
            length, at = varint(data, at, offset)
        elif wire_type in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if wire_type == EIGHT_BYTES else 4
        else:
            raise Cut(offset + start, f"no wire type {wire_type}: this is no Chakra trace, or it is broken here")
        if at + length > len(data):
            raise Cut(offset + at, f"a field of {length:,} bytes ends after {len(data) - at:,}: the file is cut off")
        yield number, wire_type, data[at : at + length], offset + at
        at += length


def packed(value: Value, offset: int) -> Iterator[int]:
    """The numbers of a repeated field: one, or a run of them."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        one, at = varint(value, at, offset)
        yield one


def signed(value: int) -> int:
    """A varint as the signed number of 64 bits that it stands for."""
    return value - _SIXTY_FOUR_BITS if value >= _SIXTY_FOUR_BITS // 2 else value


def zigzag(value: int) -> int:
    """A varint as the signed number that sint32 and sint64 mean by it."""
    return (value >> 1) ^ -(value & 1)


def text(value: Value, offset: int) -> str:
    """A string field."""
    try:
        return bytes(_run(value, offset)).decode("utf-8")
    except UnicodeDecodeError:
        raise Cut(offset, "a text that is not UTF-8") from None


def number(value: Value, offset: int) -> int:
    """A varint field."""
    if not isinstance(value, int):
        raise Cut(offset, "bytes where a number belongs")
    return value


def message(value: Value, offset: int) -> memoryview:
    """A field that holds a message."""
    return _run(value, offset)


def fixed(value: Value, form: str, offset: int) -> float:
    """A field of four or eight bytes, by its letter of `struct`."""
    data = _run(value, offset)
    if len(data) != struct.calcsize(form):
        raise Cut(offset, f"{len(data)} bytes where {struct.calcsize(form)} belong")
    found: float = struct.unpack(f"<{form}", data)[0]
    return found


def _run(value: Value, offset: int) -> memoryview:
    if isinstance(value, int):
        raise Cut(offset, "a number where bytes belong")
    return value


def put_varint(value: int) -> bytes:
    """A number as a varint; a negative one as its 64 bits."""
    if 0 <= value <= 0x7F:
        return _ONE_BYTE[value]
    value %= _SIXTY_FOUR_BITS
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def put_number(field: int, value: int) -> bytes:
    """A varint field."""
    return put_varint(field << 3 | VARINT) + put_varint(value)


def put_run(field: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return put_varint(field << 3 | RUN) + put_varint(len(content)) + content


def put_packed(field: int, values: Iterable[int]) -> bytes:
    """A repeated field of numbers; nothing for none."""
    content = b"".join(map(put_varint, values))
    return put_run(field, content) if content else b""


def put_fixed(field: int, value: float, form: str) -> bytes:
    """A field of four or eight bytes."""
    wire_type = EIGHT_BYTES if struct.calcsize(form) == 8 else FOUR_BYTES
    return put_varint(field << 3 | wire_type) + struct.pack(f"<{form}", value)
