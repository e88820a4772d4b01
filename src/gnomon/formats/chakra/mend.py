"""A trace as others wrote it -> one that can be simulated: what is broken in it is told, or left out where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind
from gnomon.formats.chakra.message import NodeMessage

_SHOWN = 8  # nodes of a cycle in a message


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
        mends and _cycle(made) is not None
    ):  # who called whom is no order where callers were cut in parts around what they called
        called = sum(len(node.control_parents) for node in made)
        made = [replace(node, control_parents=()) for node in made]
    _check_acyclic(made)
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


def _cycle(nodes: Sequence[NodeMessage]) -> list[int] | None:
    """Nodes each of which waits for the next, the first again at the end; None: there are none."""
    try:
        TopologicalSorter({node.id: (*node.data_parents, *node.control_parents) for node in nodes}).prepare()
    except CycleError as fault:
        cycle: list[int] = fault.args[1][::-1]
        return cycle
    return None


def _check_acyclic(nodes: Sequence[NodeMessage]) -> None:
    cycle = _cycle(nodes)
    if cycle is None:
        return
    names = {node.id: node.name for node in nodes}
    shown = [f"node {one} {names[one]!r:.40}" for one in cycle[:_SHOWN]] + ["..."] * (len(cycle) > _SHOWN)
    raise BadInput(f"nodes wait for one another: {' waits for '.join(shown)}")
