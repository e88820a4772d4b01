"""Which ranks have the same program, and whether a cluster can be simulated by classes at all.

Programs are the same where they differ in nothing but the numbers of groups, if in each of these the members meet in the same
node of their programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from gnomon.core.remote_memory import RemoteMemoryKind
from gnomon.core.trace import NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.given import Given

_EVERYONE = ("", "0")  # names of the group of all
_FIELDS = attrgetter(*(name for name in TraceNode.__slots__ if name != "group"))


class NotAlike(Exception):
    """Why a cluster is not simulated by classes."""


def check_kinds(given: Given) -> None:
    """NotAlike where ranks depend on one another in ways that their place does not tell."""
    if given.rules.shared_bus is not None:
        raise NotAlike("memory and network share a bus")
    if given.options.has_rendezvous:
        raise NotAlike("messages wait for their receivers")
    if given.rules.custom or given.rules.custom_of_node:
        raise NotAlike("algorithms of its own")
    kinds = {node.kind for nodes in _distinct(given.trace.ranks).values() for node in nodes}
    if kinds & {NodeKind.SEND, NodeKind.RECV}:
        raise NotAlike("ranks send to each other by number")
    if NodeKind.METADATA in kinds:
        raise NotAlike("traces name groups of their own")
    shared = (RemoteMemoryKind.PER_NODE, RemoteMemoryKind.POOL)
    if given.memory.kind in shared and kinds & {NodeKind.MEM_LOAD, NodeKind.MEM_STORE}:
        raise NotAlike("ranks share remote memory")


def programs(given: Given) -> npt.NDArray[np.int64]:
    """A number for each rank, `(ranks,)`; the same for the same program. NotAlike where a group does not meet."""
    ranks, distinct = given.trace.ranks, _distinct(given.trace.ranks)
    numbers: dict[Any, int] = {}
    by_nodes = {}
    for key, nodes in distinct.items():
        program = tuple((_FIELDS(node), _size(node, given)) for node in nodes)
        by_nodes[key] = numbers.setdefault(program, len(numbers))
    made = np.fromiter((by_nodes[id(trace.nodes)] for trace in ranks), dtype=np.int64, count=len(ranks))
    _check_groups(given, {key: tuple(_groups(nodes)) for key, nodes in distinct.items()}, made)
    return made


def _distinct(ranks: Sequence[RankTrace]) -> dict[int, tuple[TraceNode, ...]]:
    """Nodes by their id in memory: ranks share those that were read once."""
    return {id(trace.nodes): trace.nodes for trace in ranks}


def _groups(nodes: Sequence[TraceNode]) -> Iterator[str]:
    return (node.group for node in nodes if node.group not in _EVERYONE)


def _size(node: TraceNode, given: Given) -> int:
    """Ranks of the group of a node; 0: all."""
    if node.group in _EVERYONE:
        return 0
    if not node.group.isdecimal() or int(node.group) not in given.groups:
        raise NotAlike(f"no process group {node.group}")
    return len(given.groups[int(node.group)])


def _check_groups(given: Given, groups: dict[int, tuple[str, ...]], program: npt.NDArray[np.int64]) -> None:
    """NotAlike unless the members of each group name it in the same node of one program."""
    names = [groups[id(trace.nodes)] for trace in given.trace.ranks] if any(groups.values()) else []
    met: set[tuple[int, str]] = set()
    for rank, own in enumerate(names):
        for at, name in enumerate(own):
            if (at, name) in met:
                continue
            members = given.groups[int(name)]
            if rank not in members or any(
                program[member] != program[rank] or names[member][at] != name for member in members
            ):
                raise NotAlike(f"the ranks of process group {name} do not do the same")
            met.add((at, name))
    for rank, own in enumerate(names):
        if any(rank not in given.groups[int(name)] for name in set(own)):
            raise NotAlike("a rank is not in a group that it names")
