"""The trace of a rank, host and device linked -> the nodes of its Chakra trace."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.cycle import check_acyclic
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.pytorch_trace.exchange import KernelExchange, called, exchange_of
from gnomon.formats.pytorch_trace.file import TorchNode, read_torch_trace
from gnomon.formats.pytorch_trace.order import Waits, waits_of

_GROUPS = "process_group:init"
_WHOLE_STEP = "Optimizer.step"  # an annotation around operators that are counted themselves
_COPIED = {
    "rf_id": 0,
    "fw_parent": 0,
    "seq_id": -1,
    "scope": 0,
    "tid": 0,
    "fw_tid": 0,
}  # and what stands where there is none
_NUMBERS = 1_000_000  # of groups without a number, from there on

Groups = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A trace, and what a user must know of it."""

    nodes: tuple[NodeMessage, ...]
    notes: tuple[str, ...]


def convert_torch_trace(path: Path, rank: int, *, mends: bool = False, in_stream_order: bool = False) -> Converted:
    """The trace of a file. BadInput.

    mends: what hangs on a node that is not there is left out, where it is an error otherwise.
    in_stream_order: kernels of one stream wait for one another, as CUDA has it; Chakra's converter does not say so.
    """
    nodes = {node.id: node for node in read_torch_trace(path)}
    try:
        return _converted(nodes, rank, mends, in_stream_order)
    except BadInput as fault:
        raise fault.at(where=str(path)) from None


def _converted(nodes: dict[int, TorchNode], rank: int, mends: bool, in_stream_order: bool) -> Converted:
    notes = []
    if gone := _without_caller(nodes):
        if not mends:
            node = nodes[min(gone)]
            raise BadInput(
                f"{called(node)} hangs on node {node.caller}, which does not exist (and so {len(gone) - 1} others); "
                "--mend leaves such nodes out"
            )
        nodes = {number: node for number, node in nodes.items() if number not in gone}
        notes.append(f"{len(gone)} nodes left out that hang on nodes that do not exist")
    if not any(node.took_us for node in nodes.values()):
        raise BadInput(
            "no node has a duration: this is the trace of the host alone, to be linked with the profiler's first"
        )
    waits = waits_of(nodes, in_stream_order=in_stream_order)
    _check_waits(nodes, waits, mends, notes)
    needed = {one for waiting in waits.values() for one in waiting}
    kept = [nodes[number] for number in sorted(waits) if waits[number] or number in needed]
    left = set(nodes).difference(node.id for node in kept)
    if alone := sum(nodes[one].took_us is not None and nodes[one].caller != one for one in left):
        notes.append(f"{alone} nodes left out that neither wait nor are waited for")
    check_acyclic({node.id: waits[node.id] for node in kept}, {node.id: node.name for node in kept})
    groups = _groups(kept)
    exchanges = {
        node.id: found for node in kept if node.is_kernel and (found := exchange_of(node, nodes, groups)) is not None
    }
    numbers = _numbers({one.group for one in exchanges.values()} | set(groups))
    ids = {node.id for node in kept}
    made = tuple(_message(node, exchanges.get(node.id), waits[node.id], ids, numbers, rank) for node in kept)
    return Converted(nodes=made, notes=(*notes, *_notes(kept, exchanges, numbers)))


def _without_caller(nodes: Mapping[int, TorchNode]) -> set[int]:
    """Nodes whose caller, or whose caller's caller and so on, is not there. Node 1, the process, and 0 call themselves."""
    gone = {node.id for node in nodes.values() if node.caller not in nodes and node.caller > 1}
    is_more = bool(gone)
    while is_more:
        more = {node.id for node in nodes.values() if node.caller in gone} - gone
        gone |= more
        is_more = bool(more)
    return gone


def _check_waits(nodes: Mapping[int, TorchNode], waits: Waits, mends: bool, notes: list[str]) -> None:
    """BadInput for what waits for a node that is not there; left out where it is to be mended."""
    dropped = 0
    for number, waiting in waits.items():
        absent = [one for one in waiting if one not in waits]
        if absent and not mends:
            raise BadInput(
                f"{called(nodes[number])} waits for node {absent[0]}, which no thread reaches; --mend leaves that out"
            )
        dropped += len(absent)
        waits[number] = [one for one in waiting if one in waits]
    if dropped:
        notes.append(f"{dropped} dependencies left out on nodes that do not exist")


def _groups(nodes: Sequence[TorchNode]) -> dict[str, tuple[int, ...]]:
    """Process groups by name; without ranks: all."""
    made: dict[str, tuple[int, ...]] = {}
    for node in nodes:
        if _GROUPS in node.name:
            for one in _listed(node):
                made[str(one["pg_name"])] = tuple(one["ranks"])
    return made


def _listed(node: TorchNode) -> list[dict[str, Any]]:
    try:
        found = [one for value in node.values if isinstance(value, str) for one in json.loads(value)]
    except (ValueError, TypeError):
        raise BadInput(f"{called(node)}: process groups that are not JSON") from None
    for one in found:
        ranks = one.get("ranks") if isinstance(one, dict) else None
        if not isinstance(ranks, list) or "pg_name" not in one or any(type(rank) is not int for rank in ranks):
            raise BadInput(f'{called(node)}: a process group is {{"pg_name": "1", "ranks": [0, 1]}}, not {one!s:.60}')
    return found


def _numbers(names: set[str]) -> dict[str, str]:
    """Of each name of a group the number that ASTRA-sim asks for: its own, else one that is the same on every rank."""
    made: dict[str, str] = {}
    for name in sorted(names - {""}):
        number = name if name.isdecimal() else str(_NUMBERS + zlib.crc32(name.encode()) % _NUMBERS)
        if number in made.values():
            raise BadInput(f"two process groups would have the number {number}; {name!r} is one of them")
        made[name] = number
    return made


def _message(
    node: TorchNode,
    exchange: KernelExchange | None,
    waiting: Sequence[int],
    ids: set[int],
    numbers: Mapping[str, str],
    rank: int,
) -> NodeMessage:
    whole_step = _WHOLE_STEP in node.name
    attributes = {
        name: Attribute(kind="int64", value=_whole(node.attributes.get(name), default))
        for name, default in _COPIED.items()
    }
    attributes["op_schema"] = Attribute(kind="string", value=str(node.attributes.get("op_schema", "")))
    attributes["is_cpu_op"] = Attribute(kind="bool", value=not node.is_kernel)
    if node.stream is not None:
        attributes["stream"] = Attribute(kind="int64", value=node.stream)
    kind = NodeKind.METADATA if _GROUPS in node.name else NodeKind.COMP
    if exchange is not None:
        kind = exchange.kind
        attributes |= _of_exchange(exchange, numbers, rank)
    return NodeMessage(
        id=node.id,
        name=node.name,
        type=int(kind),
        control_parents=(node.caller,) if node.caller in ids and node.caller != node.id else (),
        data_parents=tuple(waiting),
        duration_us=0 if whole_step or node.took_us is None else int(node.took_us),
        input_values=_groups_text(node, numbers) if kind is NodeKind.METADATA else "",
        attributes=attributes,
    )


def _of_exchange(exchange: KernelExchange, numbers: Mapping[str, str], rank: int) -> dict[str, Attribute]:
    made = {"comm_size": Attribute(kind="int64", value=exchange.comm_bytes)}
    if exchange.collective is not None:
        made["comm_type"] = Attribute(kind="int64", value=int(exchange.collective))
    if exchange.group:
        made["pg_name"] = Attribute(kind="string", value=numbers[exchange.group])
    if exchange.peer is not None:
        ends = (rank, exchange.peer) if exchange.kind is NodeKind.SEND else (exchange.peer, rank)
        made |= {
            f"comm_{word}": Attribute(kind="int32", value=end) for word, end in zip(("src", "dst"), ends, strict=True)
        }
        made["comm_tag"] = Attribute(kind="int32", value=exchange.tag)
    return made


def _groups_text(node: TorchNode, numbers: Mapping[str, str]) -> str:
    """Its groups as Chakra's converter writes them: JSON, in the brackets and quotes of a list of Python."""
    listed = [one | {"pg_name": numbers[str(one["pg_name"])]} for one in _listed(node)]
    return f"['{json.dumps(listed)}']"


def _whole(value: object, default: int) -> int:
    return value if type(value) is int else default


def _notes(
    nodes: Sequence[TorchNode], exchanges: Mapping[int, KernelExchange], numbers: Mapping[str, str]
) -> list[str]:
    timed = [node.took_us for node in nodes if node.took_us is not None]
    dropped = sum(one - int(one) for one in timed)
    unmet = sum(one.kind is not NodeKind.COLLECTIVE and one.peer is None for one in exchanges.values())
    renamed = [f"{name!r} is {number}" for name, number in numbers.items() if name != number]
    untimed = sum(node.is_kernel and node.took_us is None for node in nodes)
    said = [
        (dropped, f"fractions of us dropped, as in Chakra's traces: {dropped:,.0f} us of {len(timed):,} durations"),
        (unmet, f"{unmet} messages whose other end the trace does not say: they cannot be simulated"),
        (untimed, f"{untimed} kernels without a duration, which take 1 ns"),
        (renamed, f"process groups have numbers: {', '.join(renamed)}"),
    ]
    return [text for is_so, text in said if is_so]
