"""A collective as a trace: sends, receives and computations of each member. [astra-sim 518bd51, CustomAlgorithm.cc]

The sizes are those of the trace, whatever the collective that it stands for asks; a computation takes what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gnomon.core.cluster_rules import CustomAlgorithm
from gnomon.core.errors import BadInput
from gnomon.core.trace import NodeKind, TraceNode
from gnomon.engines.training.simulate.clock import Agenda
from gnomon.engines.training.simulate.graph import Graphs, called
from gnomon.engines.training.simulate.hash_order import HashOrder
from gnomon.engines.training.simulate.messages import Key, Messages
from gnomon.engines.training.simulate.native import native_tag, needed, recorded_ns
from gnomon.engines.training.simulate.phase import Phase


class Custom:
    """A rank's part."""

    def __init__(
        self, phase: Phase, rank: int, graphs: Graphs, agenda: Agenda, messages: Messages, finish: Callable[[], None]
    ) -> None:
        assert isinstance(phase.algorithm, CustomAlgorithm)
        members = phase.algorithm.members
        if phase.place >= len(members):
            raise BadInput(
                f"no trace for place {phase.place} of the group: there are {len(members)}", where=phase.algorithm.place
            )
        trace = members[phase.place]
        self._graph, self._order, self._place = graphs.of(trace), graphs.table_of(trace), trace.place
        self._rank, self._agenda, self._messages, self._finish = rank, agenda, messages, finish
        self._group = phase.group
        self._left = list(self._graph.waits_for)
        self._unfinished = len(self._graph.nodes)
        self._free = HashOrder()

    def start(self) -> None:
        if not self._unfinished:
            raise BadInput("a custom algorithm without nodes never ends", where=self._place)
        for number in self._order.roots:
            self._free.add(number)
        self._issue_free()

    def _issue_free(self) -> None:
        free = tuple(self._free)
        self._free.clear()
        for number in free:
            self._issue(self._order.places[number])

    def _issue(self, at: int) -> None:
        node = self._graph.nodes[at]
        match node.kind:
            case NodeKind.SEND:
                key = self._key(node, self._rank, self._real(node, "destination"))
                self._messages.send(key, self._done, at)
            case NodeKind.RECV:
                key = self._key(node, self._real(node, "source"), self._rank)
                self._messages.receive(key, self._done, at)
            case NodeKind.COMP:
                self._agenda.after(recorded_ns(node), self._done, at)
            case _:
                raise BadInput(
                    f"{called(node)}: a custom algorithm sends, receives and computes, nothing else",
                    where=self._place,
                )

    def _key(self, node: TraceNode, source: int, destination: int) -> Key:
        tag = native_tag(needed(node, "tag", self._place))
        return Key(tag, source, destination, needed(node, "comm_bytes", self._place))

    def _real(self, node: TraceNode, field: str) -> int:
        """The rank that a member of the algorithm is."""
        member = needed(node, field, self._place)
        if self._group is None:
            return member
        if member >= len(self._group):
            raise BadInput(f"{called(node)}: no member {member} in a group of {len(self._group)}", where=self._place)
        return self._group[member]

    def _done(self, at: Any) -> None:
        self._unfinished -= 1
        for number in self._order.children[at]:
            child = self._order.places[number]
            self._left[child] -= 1
            if not self._left[child]:
                self._free.add(number)
        self._issue_free()
        if not self._unfinished:
            self._finish()
