"""The traces of all ranks -> one JSON document, as `workload.py` reads it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gnomon.core.trace import ClusterTrace, CollectiveKind, RankTrace, TraceNode
from gnomon.formats.astrasim.workload import OFFSET, PEERS, TYPES
from gnomon.formats.chakra.node import message_of

_WORDS = {kind: word for word, kind in TYPES.items()}


def workload_text(trace: ClusterTrace, source: str = "") -> str:
    """The document: a class for each run of ranks that do the same, their peers told by how far from the rank they are.

    source: where it comes from, for the reader.
    """
    classes = [_class(trace.ranks, ranks) for ranks in _runs(trace.ranks)]
    head = json.dumps({"npus": len(trace.ranks), "source": source})[:-1]
    listed = ",\n".join(classes)
    return f'{head}, "classes": [\n{listed}\n]}}\n'


def _runs(ranks: Sequence[RankTrace]) -> Iterator[range]:
    first = 0
    for rank in range(1, len(ranks) + 1):
        if rank == len(ranks) or not _is_alike(ranks[first], ranks[rank], rank - first):
            yield range(first, rank)
            first = rank


def _is_alike(one: RankTrace, other: RankTrace, apart: int) -> bool:
    """Whether a rank so far from another does the same, with peers as far from its own."""
    if len(one.nodes) != len(other.nodes):
        return False
    return all(
        (a is b and _names_no_rank(a)) or _moved(a, apart) == b for a, b in zip(one.nodes, other.nodes, strict=True)
    )


def _names_no_rank(node: TraceNode) -> bool:
    return node.source is None and node.destination is None


def _moved(node: TraceNode, apart: int) -> TraceNode:
    return replace(
        node,
        source=None if node.source is None else node.source + apart,
        destination=None if node.destination is None else node.destination + apart,
    )


def _class(ranks: Sequence[RankTrace], run: range) -> str:
    told = str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
    nodes = ",\n ".join(
        json.dumps(_node(node, run[0] if len(run) > 1 else None), separators=(",", ":")) for node in ranks[run[0]].nodes
    )
    return f'{{"ranks": "{told}", "nodes": [\n {nodes}\n]}}'


def _node(node: TraceNode, rank: int | None) -> dict[str, Any]:
    """A node; `rank`: whose it is, where other ranks have it too."""
    message = message_of(node)
    attributes: dict[str, list[Any]] = {name: [one.kind, one.value] for name, one in message.attributes.items()}
    if "comm_type" in attributes and node.collective in list(CollectiveKind):
        attributes["comm_type"] = ["int64", CollectiveKind(node.collective).name]
    for name in PEERS if rank is not None else ():
        if name in attributes:
            attributes[name] = [OFFSET, attributes[name][1] - rank]
    written = {
        "id": message.id,
        "name": message.name,
        "type": _WORDS[node.kind],
        "duration_micros": message.duration_us,
        "data_deps": message.data_parents,
        "attrs": attributes,
    }
    return {name: value for name, value in written.items() if value or name == "id"}
