"""One rank: which nodes it may begin, and what each of them sets going.

A rank does one thing at a time on its host, one on its accelerator and one on its network; a receive needs none of the three.
Whenever a node ends, all nodes that wait for none are tried by ascending id. [astra-sim 518bd51, Workload.cc, HardwareResource.cc]
"""

from __future__ import annotations

from enum import IntEnum
from heapq import heappop, heappush
from typing import NamedTuple

from gnomon.core.errors import BadInput, GnomonError, Unsupported
from gnomon.core.trace import NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.clock import Agenda
from gnomon.engines.training.simulate.cluster import Cluster
from gnomon.engines.training.simulate.collectives import Collectives
from gnomon.engines.training.simulate.graph import called
from gnomon.engines.training.simulate.messages import Key
from gnomon.engines.training.simulate.native import native_tag, needed, recorded_ns
from gnomon.engines.training.simulate.roofline import computation_ns


class Resource(IntEnum):
    """What a node occupies."""

    HOST = 0
    ACCELERATOR = 1
    NETWORK = 2  # also of memory accesses and of nodes that do nothing
    NONE = 3


class Done(NamedTuple):
    """A node that has run."""

    at: int  # place in the graph
    start_ns: int
    end_ns: int


class Rank:
    """One rank under way."""

    __slots__ = (
        "_busy",
        "_cluster",
        "_free",
        "_fresh",
        "_left",
        "_starts",
        "_undone",
        "agenda",
        "collectives",
        "compute_ns",
        "end_ns",
        "graph",
        "log",
        "number",
        "place",
    )

    def __init__(self, number: int, trace: RankTrace, cluster: Cluster, agenda: Agenda) -> None:
        self.number, self.place, self._cluster = number, trace.place, cluster
        self.graph = cluster.graphs.of(trace)
        self.agenda = agenda
        self.collectives = Collectives(number, cluster, self.agenda)
        self._left = list(self.graph.waits_for)
        self._undone = len(self.graph.nodes)
        self._busy = [False] * len(Resource)
        self._free: tuple[list[int], ...] = tuple([] for _ in Resource)  # heaps of nodes that may begin
        self._fresh = self.graph.roots  # that may begin from the next time on
        self._starts: dict[int, int] = {}  # of the nodes under way
        self.log: list[Done] = []
        self.compute_ns = 0  # on the accelerator
        self.end_ns: int | None = None  # None: not yet

    def begin(self) -> None:
        """Issue what waits for nothing. BadInput, Unsupported."""
        self._issue_free()
        self._check_end()

    @property
    def under_way(self) -> list[TraceNode]:
        """Nodes that have begun and not ended."""
        return [self.graph.nodes[at] for at in sorted(self._starts)]

    @property
    def untried(self) -> list[TraceNode]:
        """Nodes that may begin, if anything on this rank ended once more."""
        return [self.graph.nodes[at] for at in sorted(self._fresh)]

    def _issue_free(self) -> None:
        self._admit(self._fresh)
        while True:
            ready = [
                (heap[0], heap) for heap, is_busy in zip(self._free, self._busy, strict=True) if heap and not is_busy
            ]
            if not ready:
                return
            at, heap = min(ready)
            heappop(heap)
            self._issue(at)
            if self.graph.nodes[at].kind is NodeKind.METADATA:  # where ASTRA-sim fails; nothing is to wait for a name
                self._admit(self._fresh)

    def _admit(self, fresh: list[int]) -> None:
        self._fresh = []
        for at in fresh:
            heappush(self._free[_resource(self.graph.nodes[at])], at)

    def _issue(self, at: int) -> None:
        node = self.graph.nodes[at]
        resource = _resource(node)
        self._busy[resource] = resource is not Resource.NONE
        self._starts[at] = self._cluster.clock.now
        try:
            self._start(node, at)
        except GnomonError as fault:
            raise self._told(fault, node) from None

    def _told(self, fault: GnomonError, node: TraceNode) -> GnomonError:
        """The fault with the rank and the node, unless it names a file of its own."""
        told = f"rank {self.number}, {called(node)}"
        if isinstance(fault, BadInput):
            return fault if fault.where else BadInput(f"{told}: {fault.text}", field=fault.field, where=self.place)
        return Unsupported(f"{self.place}: {told}: {fault}")

    def _start(self, node: TraceNode, at: int) -> None:
        rules = self._cluster.rules
        if rules.replays_only:
            self._replay(node, at)
            return
        match node.kind:
            case NodeKind.MEM_LOAD | NodeKind.MEM_STORE:
                tensor_bytes = needed(node, "tensor_bytes", self.place)
                self._cluster.memories.access(self.number, tensor_bytes, self.agenda, self._ended, at)
            case NodeKind.COMP if node.is_cpu or not rules.has_roofline:
                self._replay(node, at)
            case NodeKind.COMP:
                self._compute(node, at)
            case NodeKind.INVALID:
                self._leave(at)
            case NodeKind.METADATA:
                for name, members in node.groups:
                    if not name.isdecimal():
                        raise BadInput(f"pg_name {name!r} is no number of a group")
                    self.collectives.name_group(int(name), members)
                self._leave(at)
            case _:
                self._communicate(node, at)

    def _replay(self, node: TraceNode, at: int) -> None:
        time_ns = recorded_ns(node)
        if not node.is_cpu:
            self.compute_ns += time_ns
        self.agenda.after(time_ns, self._ended, at)

    def _compute(self, node: TraceNode, at: int) -> None:
        flop = needed(node, "flop", self.place)
        tensor_bytes = needed(node, "tensor_bytes", self.place)
        if not tensor_bytes:
            self._leave(at)
            return
        time_ns = computation_ns(flop, tensor_bytes, self._cluster.rules)
        self.compute_ns += time_ns
        self.agenda.after(time_ns, self._ended, at)

    def _communicate(self, node: TraceNode, at: int) -> None:
        place = self.place
        if node.is_cpu:
            raise BadInput("is_cpu_op is true of a node that communicates")
        if node.kind is NodeKind.COLLECTIVE:
            self.collectives.issue(node, place, self._ended, at)
            return
        source = self.number if node.kind is NodeKind.SEND and node.source is None else needed(node, "source", place)
        destination = (
            self.number
            if node.kind is NodeKind.RECV and node.destination is None
            else needed(node, "destination", place)
        )
        own, peer = (source, destination) if node.kind is NodeKind.SEND else (destination, source)
        if own != self.number:
            raise BadInput(
                f"{'comm_src' if node.kind is NodeKind.SEND else 'comm_dst'} is {own}: a rank sends and receives for itself"
            )
        if peer >= self._cluster.fabric.npus:
            raise BadInput(f"no rank {peer}: the network has {self._cluster.fabric.npus} NPUs")
        tag = native_tag(needed(node, "tag", place))
        key = Key(tag, source, destination, needed(node, "comm_bytes", place))
        if node.kind is NodeKind.SEND:
            self._cluster.messages.send(key, self._ended, at)
        else:
            self._cluster.messages.receive(key, self._ended, at)

    def _leave(self, at: int) -> None:
        """End a node. What waited for it is tried the next time that nodes are; of one that takes no time, that is later.

        [Workload.cc: skip_invalid]
        """
        node = self.graph.nodes[at]
        self._busy[_resource(node)] = False
        self._undone -= 1
        self.log.append(Done(at, self._starts.pop(at), self._cluster.clock.now))
        for child in self.graph.children[at]:
            self._left[child] -= 1
            if not self._left[child]:
                self._fresh.append(child)

    def _ended(self, at: int) -> None:
        self._leave(at)
        self._issue_free()
        self._check_end()

    def _check_end(self) -> None:
        if not self._undone:
            self.end_ns = self._cluster.clock.now


def _resource(node: TraceNode) -> Resource:
    if node.is_cpu:
        return Resource.HOST
    if node.kind is NodeKind.COMP:
        return Resource.ACCELERATOR
    return Resource.NONE if node.kind is NodeKind.RECV else Resource.NETWORK
