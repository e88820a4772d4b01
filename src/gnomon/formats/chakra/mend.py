"""A trace as others wrote it -> one that can be simulated: what is broken in it is told, or left out where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind
from gnomon.formats.chakra.cycle import check_acyclic, cycle_of
from gnomon.formats.chakra.message import NodeMessage


def mended(nodes: Sequence[NodeMessage], *, mends: bool) -> tuple[tuple[NodeMessage, ...], tuple[str, ...]]:
    """The nodes, none waiting twice for another, and what was left out. BadInput for what is broken and stays so.

    mends: dependencies on nodes that are not there go; collectives of the host, whose kernels are nodes of their own, become its
    operators, which they are.
    """
    ids = {node.id for node in nodes}
    made, dropped, hosts = [], 0, 0
    for node in nodes:
        absent = [one for one in (*node.data_parents, *node.control_parents) if one not in ids]
        if absent and not mends:
            raise BadInput(
                f"node {node.id} {node.name!r:.80} waits for node {absent[0]}, which does not exist; --mend leaves that out"
            )
        dropped += len(absent)
        is_host = mends and _is_host_collective(node)
        hosts += is_host
        made.append(
            replace(
                node,
                type=int(NodeKind.COMP) if is_host else node.type,
                data_parents=_once(node.data_parents, ids),
                control_parents=_once(node.control_parents, ids),
                attributes={name: one for name, one in node.attributes.items() if one.value is not None},
            )
        )
    called = 0
    if (
        mends and cycle_of(_waits(made)) is not None
    ):  # who called whom is no order where callers were cut in parts around what they called
        called = sum(len(node.control_parents) for node in made)
        made = [replace(node, control_parents=()) for node in made]
    check_acyclic(_waits(made), {node.id: node.name for node in made})
    notes = [
        (called, f"{called:,} control dependencies left out, which close a cycle: data dependencies give the order"),
        (dropped, f"{dropped:,} dependencies left out on nodes that do not exist"),
        (hosts, f"{hosts:,} collectives of the host are operators of the host: their kernels are nodes of their own"),
    ]
    return tuple(made), tuple(text for is_so, text in notes if is_so)


def _is_host_collective(node: NodeMessage) -> bool:
    on_host = node.attributes.get("is_cpu_op")
    return node.type == NodeKind.COLLECTIVE and on_host is not None and bool(on_host.value)


def _once(parents: Iterable[int], ids: set[int]) -> tuple[int, ...]:
    return tuple(one for one in dict.fromkeys(parents) if one in ids)


def _waits(nodes: Sequence[NodeMessage]) -> dict[int, tuple[int, ...]]:
    return {node.id: (*node.data_parents, *node.control_parents) for node in nodes}
