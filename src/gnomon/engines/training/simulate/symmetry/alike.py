"""Which ranks have the same program, and whether a cluster can be simulated by classes at all.

Programs are the same where they differ in nothing but the numbers of groups, if in each of these the members meet in the same
node of their programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from gnomon.core.remote_memory import RemoteMemoryKind
from gnomon.core.trace import NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.cluster import Groups
from gnomon.engines.training.simulate.given import Given

_EVERYONE = ("", "0")  # names of the group of all
_FIELDS = attrgetter(*(name for name in TraceNode.__slots__ if name != "group"))


class NotAlike(Exception):
    """Why a cluster is not simulated by classes."""


Traces = Mapping[int, RankTrace]  # those that differ, by their id in memory: ranks share what was read once


def distinct(ranks: Sequence[RankTrace]) -> Traces:
    """The traces of a cluster."""
    return dict(zip(map(id, ranks), ranks, strict=True))


def check_kinds(given: Given, traces: Traces) -> None:
    """NotAlike where ranks depend on one another in ways that their place does not tell."""
    if given.rules.shared_bus is not None:
        raise NotAlike("memory and network share a bus")
    if given.options.has_rendezvous:
        raise NotAlike("messages wait for their receivers")
    if given.rules.custom or given.rules.custom_of_node:
        raise NotAlike("collectives have algorithms of their own")
    kinds = {node.kind for trace in traces.values() for node in trace.nodes}
    if kinds & {NodeKind.SEND, NodeKind.RECV}:
        raise NotAlike("ranks send to each other by number")
    if NodeKind.METADATA in kinds:
        raise NotAlike("traces name groups of their own")
    shared = (RemoteMemoryKind.PER_NODE, RemoteMemoryKind.POOL)
    if given.memory.kind in shared and kinds & {NodeKind.MEM_LOAD, NodeKind.MEM_STORE}:
        raise NotAlike("ranks share remote memory")


def programs(given: Given, traces: Traces) -> npt.NDArray[np.int64]:
    """A number for each rank, `(ranks,)`; the same for the same program. NotAlike where a group does not meet."""
    ranks = given.trace.ranks
    by_nodes: dict[int, int] = {}
    numbers: dict[Any, int] = {}
    for trace in traces.values():
        if id(trace.nodes) not in by_nodes:
            program = tuple((_FIELDS(node), _size(node, given)) for node in trace.nodes)
            by_nodes[id(trace.nodes)] = numbers.setdefault(program, len(numbers))
    of_trace = {key: by_nodes[id(trace.nodes)] for key, trace in traces.items()}
    made = np.fromiter(map(of_trace.__getitem__, map(id, ranks)), dtype=np.int64, count=len(ranks))
    groups = {key: tuple(_groups(trace.nodes)) for key, trace in traces.items()}
    if any(groups.values()):
        _check_groups(given.groups, [groups[id(trace)] for trace in ranks], made)
    return made


def _size(node: TraceNode, given: Given) -> int:
    """Ranks of the group of a node; 0: all."""
    if node.group in _EVERYONE:
        return 0
    if not node.group.isdecimal() or int(node.group) not in given.groups:
        raise NotAlike(f"no process group {node.group}")
    return len(given.groups[int(node.group)])


def _groups(nodes: Sequence[TraceNode]) -> Iterator[str]:
    return (node.group for node in nodes if node.group not in _EVERYONE)


def _check_groups(groups: Groups, names: Sequence[tuple[str, ...]], program: npt.NDArray[np.int64]) -> None:
    """NotAlike unless the members of each group name it in the same node of one program; names: of each rank, in order."""
    met: dict[tuple[int, str], frozenset[int]] = {}
    for rank, own in enumerate(names):
        for at, name in enumerate(own):
            if (at, name) not in met:
                members = frozenset(groups[int(name)])
                if any(program[one] != program[rank] or names[one][at] != name for one in members):
                    raise NotAlike(f"the ranks of process group {name} do not do the same")
                met[at, name] = members
            if rank not in met[at, name]:
                raise NotAlike(f"rank {rank} is not in process group {name}")
