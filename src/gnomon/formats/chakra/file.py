"""The file of one rank: a length and a message, again and again; the first names the version, the others are nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gnomon.core.errors import BadInput
from gnomon.core.trace import RankTrace, TraceNode
from gnomon.formats.chakra import message, wire
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.node import message_of, rank_trace
from gnomon.formats.files import write_whole

_VERSION = 1  # the field of GlobalMetadata


def path_of(prefix: Path, rank: int) -> Path:
    """Where the trace of a rank is."""
    return prefix.with_name(f"{prefix.name}.{rank}.et")


def read_ranks(paths: Iterable[Path]) -> tuple[RankTrace, ...]:
    """The traces in files; equal files share their nodes. BadInput, with the offset of what is broken."""
    known: dict[bytes, RankTrace] = {}
    made = []
    for path in paths:
        data = _bytes(path)
        if data not in known:
            known[data] = _trace(data, path)
        made.append(replace(known[data], place=str(path)))
    return tuple(made)


def _trace(data: bytes, path: Path) -> RankTrace:
    try:
        return rank_trace(decode(data), str(path))
    except wire.Cut as fault:
        raise fault.at(where=str(path)) from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadInput(f"{(fault.strerror or str(fault)).lower()}", where=str(path)) from None


def read_nodes(path: Path) -> tuple[NodeMessage, ...]:
    """The nodes of a file as they are written. BadInput, with the offset of what is broken."""
    try:
        return tuple(decode(_bytes(path)))
    except wire.Cut as fault:
        raise fault.at(where=str(path)) from None


def write_rank(prefix: Path, rank: int, data: bytes) -> Path:
    """Write the file of a rank and say where it is. BadInput where it cannot be written."""
    path = path_of(prefix, rank)
    write_whole(path, data)
    return path


def decode(data: bytes) -> Iterator[NodeMessage]:
    """The nodes in the bytes of a file. BadInput with offsets."""
    view = memoryview(data)
    at, is_first = 0, True
    while at < len(view):
        length, start = wire.varint(view, at, 0)
        if start + length > len(view):
            raise wire.Cut(at, f"a message of {length:,} bytes ends after {len(view) - start:,}: the file is cut off")
        at = start + length
        if is_first:
            is_first = False
            for _ in wire.fields(view[start:at], start):
                pass
        else:
            yield message.decode(view[start:at], start)
    if is_first:
        raise wire.Cut(0, "the file is empty; a Chakra trace begins with its version")


def encode(nodes: Iterable[NodeMessage]) -> bytes:
    """The bytes of a file."""
    return _HEAD + b"".join(map(_framed, map(message.encode, nodes)))


def encode_ranks(ranks: Iterable[Sequence[TraceNode]]) -> Iterator[bytes]:
    """The bytes of the file of each rank; a node that ranks share is encoded once."""
    known: dict[int, tuple[TraceNode, bytes]] = {}  # by identity, which a node keeps that is held here
    for nodes in ranks:
        parts = [_HEAD]
        for node in nodes:
            if id(node) not in known:
                known[id(node)] = node, _framed(message.encode(message_of(node)))
            parts.append(known[id(node)][1])
        yield b"".join(parts)


def _framed(data: bytes) -> bytes:
    return wire.put_varint(len(data)) + data


_HEAD = _framed(wire.put_run(_VERSION, b"0.0.4"))
