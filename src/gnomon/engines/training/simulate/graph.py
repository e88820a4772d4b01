"""The nodes of a rank and what waits for what, made once for all ranks that do the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from gnomon.core.errors import BadInput
from gnomon.core.trace import RankTrace, TraceNode
from gnomon.engines.training.simulate.hash_order import HashOrder

_SHOWN = 8  # nodes of a cycle in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes by ascending id; edges by place in that order."""

    nodes: tuple[TraceNode, ...]
    children: tuple[tuple[int, ...], ...]
    waits_for: tuple[int, ...]  # how many parents each has

    @property
    def roots(self) -> list[int]:
        """Places of the nodes that wait for none."""
        return [at for at, count in enumerate(self.waits_for) if not count]


class Graphs:
    """The graph of each trace, made once for those with the same nodes."""

    def __init__(self) -> None:
        self._made: dict[
            int, tuple[RankTrace, Graph]
        ] = {}  # the trace is kept, so that the id of its nodes stays theirs
        self._tables: dict[int, TableOrder] = {}

    def of(self, trace: RankTrace) -> Graph:
        """The graph of a trace. BadInput."""
        key = id(trace.nodes)
        if key not in self._made:
            self._made[key] = trace, graph_of(trace)
        return self._made[key][1]

    def table_of(self, trace: RankTrace) -> TableOrder:
        """The order in which the nodes of a trace begin as a custom algorithm. BadInput."""
        key = id(self.of(trace))
        if key not in self._tables:
            self._tables[key] = table_order(trace, self.of(trace))
        return self._tables[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOrder:
    """Ids in the order in which ASTRA-sim's hash tables give them back."""

    places: Mapping[int, int]  # of each id, its place in the graph
    roots: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]  # by place of the parent


def table_order(trace: RankTrace, graph: Graph) -> TableOrder:
    """The order of a trace, as its nodes are written. [Chakra, feeder_v3, dependancy_solver.cpp]"""
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    known, children = HashOrder(), [HashOrder() for _ in graph.nodes]
    for node in trace.nodes:
        known.add(node.id)
        for parent in HashOrder(node.parents):
            known.add(parent)
            children[places[parent]].add(node.id)
    return TableOrder(
        places=places,
        roots=tuple(number for number in known if not graph.waits_for[places[number]]),
        children=tuple(map(tuple, children)),
    )


def graph_of(trace: RankTrace) -> Graph:
    """The graph of a trace. BadInput where a parent is missing, or nodes wait for one another."""
    nodes = tuple(sorted(trace.nodes, key=attrgetter("id")))
    at = {node.id: place for place, node in enumerate(nodes)}
    children: list[list[int]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        for parent in node.parents:
            if parent not in at:
                raise BadInput(f"{called(node)} waits for node {parent}, which does not exist", where=trace.place)
            children[at[parent]].append(place)
    made = Graph(
        nodes=nodes,
        children=tuple(map(tuple, children)),
        waits_for=tuple(len(node.parents) for node in nodes),
    )
    _check_order(made, trace.place)
    return made


def called(node: TraceNode) -> str:
    """A node in a message."""
    return f"node {node.id} {node.name!r}"


def _check_order(graph: Graph, place: str) -> None:
    """BadInput that shows a cycle, where there is one."""
    left, ready = list(graph.waits_for), graph.roots
    while ready:
        for child in graph.children[ready.pop()]:
            left[child] -= 1
            if not left[child]:
                ready.append(child)
    stuck = {at for at, count in enumerate(left) if count}
    if not stuck:
        return
    parents: dict[int, int] = {}  # of each stuck node, one that is stuck too
    for at in stuck:
        parents.update(dict.fromkeys((child for child in graph.children[at] if child in stuck), at))
    path: dict[int, int] = {}
    at = min(stuck)
    while at not in path:
        path[at] = len(path)
        at = parents[at]
    cycle = [graph.nodes[one].id for one in list(path)[path[at] :]]
    shown = " waits for ".join(f"node {one}" for one in [*cycle[:_SHOWN], *(["..."] * (len(cycle) > _SHOWN)), cycle[0]])
    raise BadInput(f"nodes wait for one another: {shown.replace('node ...', '...')}", where=place)
