"""What a kernel of NCCL exchanges: which collective or message, how many bytes, in which group, with whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind, NodeKind
from gnomon.formats.pytorch_trace.file import TorchNode

_KERNELS = ("ncclKernel", "ncclDevKernel")
_MESSAGES = "SendRecv"  # kernel of messages, and of an all-to-all made of them
_KINDS = (  # the first that stands in the name, without _ and -
    ("allreduce", CollectiveKind.ALL_REDUCE),
    ("alltoall", CollectiveKind.ALL_TO_ALL),
    ("allgather", CollectiveKind.ALL_GATHER),
    ("reducescatter", CollectiveKind.REDUCE_SCATTER),
    ("broadcast", CollectiveKind.BROADCAST),
    ("reduce", CollectiveKind.REDUCE),
)
_BYTES = {  # of an element, by the name that the attribute dtype has [c10/core/ScalarType.h]
    "byte": 1,
    "char": 1,
    "bool": 1,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "short": 2,
    "half": 2,
    "bfloat16": 2,
    "int": 4,
    "float": 4,
    "complexhalf": 4,
    "long": 8,
    "double": 8,
    "complexfloat": 8,
    "complexdouble": 16,
}
_ABOVE = 3  # callers that are asked: record_param_comms, nccl:send, c10d::send
_NUMBERS = 5  # of a tensor, before its device
_ENDS = {"send": re.compile(r"nccl:send (\d+)->(\d+)"), "recv": re.compile(r"nccl:recv (\d+)<-(\d+)")}


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelExchange:
    """What a kernel does on the network."""

    kind: NodeKind  # COLLECTIVE, SEND or RECV
    collective: CollectiveKind | None  # of a COLLECTIVE
    comm_bytes: int  # what this rank puts in, or the message
    group: str
    peer: int | None = None  # of a message: rank of the other end; None: the trace does not say
    tag: int = 0


def exchange_of(
    kernel: TorchNode, nodes: Mapping[int, TorchNode], groups: Mapping[str, Sequence[int]]
) -> KernelExchange | None:
    """What it exchanges; None: it computes. `groups`: name -> ranks, where the trace says them. BadInput."""
    if not any(word in kernel.name for word in _KERNELS):
        return None
    callers = tuple(_callers(kernel, nodes))
    group = next((one.group for one in (kernel, *callers) if one.group), "")
    comm_bytes = next(filter(None, (_bytes(one) for one in (kernel, *callers))), 0)
    if _MESSAGES not in kernel.name:
        return KernelExchange(
            kind=NodeKind.COLLECTIVE, collective=_collective(kernel, callers), comm_bytes=comm_bytes, group=group
        )
    words = " ".join(_words(kernel, callers))
    if "all_to_all" in words or "alltoall" in words:
        return KernelExchange(
            kind=NodeKind.COLLECTIVE, collective=CollectiveKind.ALL_TO_ALL, comm_bytes=comm_bytes, group=group
        )
    kinds = [word for word in ("send", "recv") if word in words]
    if len(kinds) != 1:
        raise BadInput(
            f"{called(kernel)} sends and receives several messages at once, and the trace does not say which; "
            "batch_isend_irecv has to be traced as single sends and receives"
        )
    peer, tag = _peer(kinds[0], callers)
    return KernelExchange(
        kind=NodeKind.SEND if kinds[0] == "send" else NodeKind.RECV,
        collective=None,
        comm_bytes=comm_bytes,
        group=group,
        peer=None if peer is None else _global(peer, group, kernel, groups),
        tag=tag,
    )


def called(node: TorchNode) -> str:
    """A node in a message."""
    return f"node {node.id} {node.name!r:.80}"


def _callers(node: TorchNode, nodes: Mapping[int, TorchNode]) -> Iterator[TorchNode]:
    for _ in range(_ABOVE):
        if node.caller not in nodes or node.caller == node.id:
            return
        node = nodes[node.caller]
        yield node


def _collective(kernel: TorchNode, callers: Sequence[TorchNode]) -> CollectiveKind:
    for text in (kernel.name, *_words(kernel, callers)):
        plain = text.replace("_", "").replace("-", "").lower()
        plain = plain.partition("(")[0]  # without the types of its arguments
        for word, kind in _KINDS:
            if word in plain:
                return kind
    raise BadInput(f"{called(kernel)} is no collective that is known: {', '.join(word for word, _ in _KINDS)}")


def _words(kernel: TorchNode, callers: Sequence[TorchNode]) -> Iterator[str]:
    """Names under which the operation goes: of its callers up to c10d's, and as NCCL's record has it."""
    for one in (kernel, *callers):
        yield str(one.attributes.get("collective_name") or "").lower()
    for one in callers:
        if any(word in one.name for word in ("record_param_comms", "nccl:", "c10d::")):
            yield one.name.lower()
            yield from (value.lower() for value in one.values if isinstance(value, str))


def _bytes(node: TorchNode) -> int:
    """Bytes of the tensors that go in; without tensors, of the elements that NCCL's record says."""
    found = sum(
        _tensor_bytes(node, value) for value, kind in zip(node.values, node.types, strict=False) if "Tensor" in kind
    )
    elements, element = node.attributes.get("in_msg_nelems"), _BYTES.get(str(node.attributes.get("dtype")).lower())
    if not found and type(elements) is int and element is not None:
        return elements * element
    return found


def _tensor_bytes(node: TorchNode, value: Any) -> int:
    """Of a tensor, or of a list of them in which lists may be."""
    if not isinstance(value, list):
        return 0
    if value and all(type(one) is int for one in value[:_NUMBERS]) and len(value) >= _NUMBERS:
        elements, element = value[3], value[4]
        if elements < 0 or element < 0:
            raise BadInput(f"{called(node)}: a tensor of {elements} elements of {element} bytes")
        return int(elements * element)
    return sum(_tensor_bytes(node, one) for one in value)


def _peer(kind: str, callers: Sequence[TorchNode]) -> tuple[int | None, int]:
    """Who the other end is within its group, and the tag: by what NCCL or c10d was called with."""
    peer, tag = None, 0
    for one in callers:
        named = _ENDS[kind].search(one.name)
        if named is not None:
            peer = int(named[2])
        elif one.name.startswith("c10d::"):
            numbers = [value for value in one.values if type(value) is int]
            if numbers:
                peer, tag = numbers[0], max(0, *numbers[1:2], 0)
        elif "record_param_comms" in one.name and kind in one.values and peer is None:
            before = list(takewhile(lambda value: value != kind, one.values))
            peer = before[-1] if before and type(before[-1]) is int else None
    return peer, tag


def _global(peer: int, group: str, kernel: TorchNode, groups: Mapping[str, Sequence[int]]) -> int:
    """Rank in the cluster of a rank in a group."""
    if groups.get(group):
        ranks = groups[group]
        if not 0 <= peer < len(ranks):
            raise BadInput(f"{called(kernel)}: rank {peer} of group {group!r}, which has {len(ranks)}")
        return ranks[peer]
    start, stride = (kernel.attributes.get(f"global_rank_{word}") for word in ("start", "stride"))
    if type(start) is int and type(stride) is int and start >= 0 and stride > 0:
        return start + peer * stride
    return peer
