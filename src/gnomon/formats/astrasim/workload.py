"""The traces of all ranks: a file of each, or one JSON document for all.

The document: {"npus": 8, "all": [node, ...], "classes": [{"ranks": "0-3,6", "nodes": [node, ...]}], "per_rank": {"0": [node, ...]}};
a rank without nodes of its own does what its class does, and one in no class what is under "all". Ranks share the nodes that they
have in common. A node has id, name, type, duration_micros, data_deps, ctrl_deps, inputs_values and
attrs: {name: [kind, value]}, as Chakra has them; comm_type may be a word, and a peer, comm_src or comm_dst, ["offset", 8]: the
rank that many further on, so that ranks with peers of their own can be one class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from gnomon.core.errors import BadInput, near_match
from gnomon.core.fabric import Fabric
from gnomon.core.trace import ClusterTrace, CollectiveKind, NodeKind, RankTrace
from gnomon.formats.chakra.attribute import KINDS, Attribute
from gnomon.formats.chakra.file import path_of, read_ranks
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.node import rank_trace
from gnomon.formats.strict import FieldPath, Strict, read_json, shaped

TYPES = {
    "INVALID_NODE": NodeKind.INVALID,
    "METADATA_NODE": NodeKind.METADATA,
    "MEM_LOAD_NODE": NodeKind.MEM_LOAD,
    "MEM_STORE_NODE": NodeKind.MEM_STORE,
    "COMP_NODE": NodeKind.COMP,
    "COMM_SEND_NODE": NodeKind.SEND,
    "COMM_RECV_NODE": NodeKind.RECV,
    "COMM_COLL_NODE": NodeKind.COLLECTIVE,
}
OFFSET = "offset"  # in place of a kind: the value counts from the rank itself
PEERS = {"comm_src": "source", "comm_dst": "destination"}  # attributes that may be told so -> fields of a node


class _Node(Strict):
    id: int = Field(ge=0)
    name: str = ""
    type: str
    start_time_micros: int = Field(0, ge=0)
    duration_micros: int = Field(0, ge=0)
    data_deps: tuple[int, ...] = ()
    ctrl_deps: tuple[int, ...] = ()
    inputs_values: str = ""
    attrs: dict[str, tuple[str, Any]] = Field(default_factory=dict)


class _Class(Strict):
    ranks: str
    nodes: tuple[Any, ...]


class _Document(Strict):
    npus: int = Field(gt=0)
    source: str = ""  # where it comes from, for the reader
    all: tuple[Any, ...] = ()
    classes: tuple[_Class, ...] = ()
    per_rank: dict[str, list[Any]] = Field(default_factory=dict)


def read_workload(text: str, fabric: Fabric) -> ClusterTrace:
    """What every NPU of a network does: from a JSON file, or from PREFIX.<rank>.et. BadInput."""
    if text.endswith(".json"):
        return ClusterTrace(ranks=_document(Path(text), fabric))
    prefix = Path(text)
    _count_files(prefix, fabric)
    return ClusterTrace(ranks=read_ranks(path_of(prefix, rank) for rank in range(fabric.npus)))


def _count_files(prefix: Path, fabric: Fabric) -> None:
    """BadInput unless there is a file for each rank and no more."""
    for rank in range(fabric.npus):
        path = path_of(prefix, rank)
        if not path.exists():
            raise BadInput(
                f"no such file: {_npus(fabric)} need a trace each, {prefix.name}.0.et and on", where=str(path)
            )
    beyond = path_of(prefix, fabric.npus)
    if beyond.exists():
        raise BadInput(f"a trace for rank {fabric.npus}, but the network has {_npus(fabric)}", where=str(beyond))


def _npus(fabric: Fabric) -> str:
    counts = [str(dimension.npus) for dimension in fabric.dimensions]
    product = f" ({' x '.join(counts)})" if len(counts) > 1 else ""
    return f"{fabric.npus} NPUs{product}"


def _document(path: Path, fabric: Fabric) -> Sequence[RankTrace]:
    found = shaped(_Document, read_json(path), str(path))
    if found.npus != fabric.npus:
        raise BadInput(f"{found.npus}, but the network has {_npus(fabric)}", field="npus", where=str(path))
    common = _nodes(found.all, path, ("all",)) if found.all else None
    made: list[_Shared | None] = [common] * found.npus
    for at, one in enumerate(found.classes):
        shared = _nodes(one.nodes, path, ("classes", at, "nodes"))
        for ranks in _ranges(one.ranks, found.npus, f"classes.{at}.ranks", path):
            if any(other is not common for other in made[ranks.start : ranks.stop]):
                raise BadInput("a rank is in two classes", field=f"classes.{at}.ranks", where=str(path))
            made[ranks.start : ranks.stop] = [shared] * len(ranks)
    for key, nodes in found.per_rank.items():
        if not key.isdecimal() or int(key) >= found.npus:
            raise BadInput(f"no rank {key!r}: 0 to {found.npus - 1}", field="per_rank", where=str(path))
        made[int(key)] = _nodes(nodes, path, ("per_rank", key))
    if None in made:
        raise BadInput(
            f'no nodes for rank {made.index(None)}: neither under "all" nor under "classes" nor under "per_rank"',
            where=str(path),
        )
    return tuple(shared.of(rank, found.npus) for rank, shared in enumerate(made) if shared is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What several ranks do."""

    trace: RankTrace
    peers: Mapping[
        int, Mapping[str, int]
    ]  # place of a node -> its fields that are told by how far from the rank they are

    def of(self, rank: int, npus: int) -> RankTrace:
        """The trace of one of them. BadInput where a peer is none of the ranks."""
        if not self.peers:
            return self.trace
        nodes = list(self.trace.nodes)
        for place, offsets in self.peers.items():
            named = {field: rank + offset for field, offset in offsets.items()}
            if beyond := [peer for peer in named.values() if not 0 <= peer < npus]:
                raise BadInput(
                    f"node {nodes[place].id} {nodes[place].name!r} of rank {rank} names rank {beyond[0]}: 0 to {npus - 1}",
                    where=self.trace.place,
                )
            nodes[place] = replace(nodes[place], **named)  # type: ignore[arg-type]
        return replace(self.trace, nodes=tuple(nodes))


def _ranges(text: str, npus: int, field: str, path: Path) -> Iterator[range]:
    """The ranks of a class: numbers, and runs from one to another, "0-3,6". BadInput."""
    for part in text.split(","):
        first, is_run, last = (word.strip() for word in part.partition("-"))
        last = last if is_run else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < npus):
            raise BadInput(
                f'{part!r} is no rank and no run of ranks: "0-3,6", of 0 to {npus - 1}', field=field, where=str(path)
            )
        yield range(int(first), int(last) + 1)


def _nodes(nodes: Sequence[Any], path: Path, within: FieldPath) -> _Shared:
    messages = [_message(one, path, (*within, index)) for index, one in enumerate(nodes)]
    peers = {}
    for place, message in enumerate(messages):
        offsets = {name: one for name, one in message.attributes.items() if one.kind == OFFSET}
        if offsets:
            absolute = {name: one for name, one in message.attributes.items() if name not in offsets}
            messages[place] = replace(message, attributes=absolute)
            peers[place] = {PEERS[name]: cast(int, one.value) for name, one in offsets.items()}
    return _Shared(trace=rank_trace(messages, f"{path}: {'.'.join(map(str, within))}"), peers=peers)


def _message(data: Any, path: Path, within: FieldPath) -> NodeMessage:
    found = shaped(_Node, data, str(path), within=within)
    told = ".".join(map(str, within))
    if found.type not in TYPES:
        raise BadInput(
            f"no node type {found.type!r}{near_match(found.type, TYPES)}", field=f"{told}.type", where=str(path)
        )
    return NodeMessage(
        id=found.id,
        name=found.name,
        type=TYPES[found.type],
        control_parents=tuple(found.ctrl_deps),
        data_parents=tuple(found.data_deps),
        start_us=found.start_time_micros,
        duration_us=found.duration_micros,
        input_values=found.inputs_values,
        attributes=_attributes(found.attrs, f"{told}.attrs", path),
    )


def _attributes(given: Mapping[str, tuple[str, Any]], told: str, path: Path) -> dict[str, Attribute]:
    made = {}
    for name, (kind, value) in given.items():
        field = f"{told}.{name}"
        known = (*KINDS, OFFSET) if name in PEERS else KINDS
        if kind not in known:
            raise BadInput(f"no kind {kind!r}{near_match(kind, known)}", field=field, where=str(path))
        if name == "comm_type" and isinstance(value, str):
            if value not in CollectiveKind.__members__:
                near = near_match(value, CollectiveKind.__members__)
                raise BadInput(f"no collective {value!r}{near}", field=field, where=str(path))
            value = int(CollectiveKind[value])
        made[name] = Attribute(kind=kind, value=_value(kind, value, field, path))
    return made


def _value(kind: str, value: Any, field: str, path: Path) -> Any:
    match kind:
        case "string":
            is_right = isinstance(value, str)
        case "bool":
            is_right = isinstance(value, bool)
        case "bool_list":
            is_right = isinstance(value, list) and all(isinstance(one, bool) or one in (0, 1) for one in value)
            value = tuple(map(bool, value)) if is_right else value
        case "double" | "float":
            is_right = isinstance(value, int | float)
        case _:
            is_right = type(value) is int
    if not is_right:
        raise BadInput(f"{value!s:.60} is no {kind}", field=field, where=str(path))
    return value
