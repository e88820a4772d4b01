"""Traces on a grid -> traces on the grid with more, or fewer, ranks along one dimension.

A new rank does what the rank of the old grid does that stands at its place, counted round along the dimension that grows. What each
rank computes stays, and so does its batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from gnomon.core.errors import Unsupported
from gnomon.core.trace import CollectiveKind, NodeKind, TraceNode
from gnomon.formats.chakra.attribute import Attribute
from gnomon.formats.chakra.file import encode
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.scaling.grid import Grid
from gnomon.formats.chakra.scaling.traced import (
    EVERYONE,
    SHARDED,
    WHOLE,
    Members,
    Traced,
    TracedRank,
    check_alike,
    growing_axis,
    step_along,
)

_Change = tuple[tuple[str, int | str], ...]  # attributes of a node and what they become


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """The files of all ranks, their groups by number, and what a user must know."""

    files: tuple[bytes, ...]
    nodes: tuple[int, ...]  # by rank
    groups: dict[int, Members]
    notes: tuple[str, ...]


def scale(trace: Traced, npus: int, *, along: int | None = None, shrinks_shards: bool = True) -> Scaled:
    """The same step on another number of ranks. Unsupported with what cannot be told, BadInput.

    along: stride of the dimension that grows; None: the outermost in which collectives run and no messages go.
    shrinks_shards: an all-gather gathers as much in all, of smaller parts; else each rank's part stays.
    """
    old = trace.grid()
    axis = growing_axis(trace, old, along)
    others = old.ranks // old.sizes[axis]
    if npus % others or npus // others < 2:
        raise Unsupported(
            f"{npus} ranks: the grid {old} grows along the {old.sizes[axis]} of stride {old.strides[axis]}, so to "
            f"{2 * others}, {3 * others}, {4 * others} and so on"
        )
    new = old.grown(axis, npus // others)
    is_timed_alike = check_alike(trace, old, axis)
    making = _Making(trace=trace, old=old, new=new, axis=axis, shrinks_shards=shrinks_shards, groups={})
    files, nodes, known = [], [], dict[tuple[int, tuple[_Change, ...]], bytes]()
    for rank in range(npus):
        place = list(new.place(rank))
        place[axis] %= old.sizes[axis]
        template = trace.ranks[old.rank(place)]
        changes = tuple(making.changes(template, rank))
        key = (id(template), changes)
        if key not in known:
            known[key] = encode(map(_changed, template.messages, changes))
        files.append(known[key])
        nodes.append(len(template.nodes))
    numbers = {number: members for (members, _), number in making.groups.items()}
    return Scaled(
        files=tuple(files),
        nodes=tuple(nodes),
        groups=numbers,
        notes=tuple(_notes(trace, making, along, is_timed_alike)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """What becomes of the nodes; `groups`: members, and which of those with the same -> number."""

    trace: Traced
    old: Grid
    new: Grid
    axis: int
    shrinks_shards: bool
    groups: dict[tuple[Members, int], int]

    def changes(self, template: TracedRank, rank: int) -> Iterator[_Change]:
        """Of each node of the template, what it becomes as one of the new rank."""
        twins: dict[Members, list[str]] = {}  # names of groups with the same members
        for node in template.nodes:
            match node.kind:
                case NodeKind.COLLECTIVE:
                    yield (*self._size(template, node), *self._group(template, node, rank, twins))
                case NodeKind.SEND | NodeKind.RECV:
                    yield self._ends(template, node, rank)
                case _:
                    yield ()

    def _group(self, template: TracedRank, node: TraceNode, rank: int, twins: dict[Members, list[str]]) -> _Change:
        if node.group in EVERYONE:
            return ()
        members = self.trace.members(template, node)
        names = twins.setdefault(members, [])
        if node.group not in names:
            names.append(node.group)
        made = self.new.line(rank, self.old.axes_of(members)) if len(members) > 1 else (rank,)
        number = self.groups.setdefault((made, names.index(node.group)), len(self.groups) + 1)
        return (("pg_name", str(number)),)

    def _size(self, template: TracedRank, node: TraceNode) -> _Change:
        members = self.trace.members(template, node)
        axes = self.old.axes_of(members)
        if node.dimensions is not None and not all(node.dimensions):
            raise Unsupported(
                f"{_called(template, node)} runs in some dimensions of a network that is another one then"
            )
        is_grown = self.axis in axes or len(members) == self.old.ranks
        if not is_grown or node.comm_bytes is None or self.old == self.new:
            return ()
        if node.collective in WHOLE or (node.collective in SHARDED and not self.shrinks_shards):
            return ()
        if node.collective not in SHARDED:
            kinds = list(CollectiveKind)
            word = CollectiveKind(node.collective).name if node.collective in kinds else f"kind {node.collective}"
            raise Unsupported(f"{_called(template, node)} is a {word}: how its size goes with the ranks cannot be told")
        if len(members) == 1:
            raise Unsupported(
                f"{_called(template, node)} gathers from one rank: how large the parts of more would be cannot be told"
            )
        after = prod(self.new.sizes[axis] for axis in axes)
        return (("comm_size", -(-node.comm_bytes * len(members) // after)),)

    def _ends(self, template: TracedRank, node: TraceNode, rank: int) -> _Change:
        peer = self.trace.peer(template, node)
        along, distance = step_along(self.old, self.axis, template.number, peer)
        place = list(self.new.place(rank))
        place[along] = (place[along] + distance) % self.new.sizes[along]
        other = self.new.rank(place)
        mine, theirs = ("comm_src", "comm_dst") if node.kind is NodeKind.SEND else ("comm_dst", "comm_src")
        return ((mine, rank), (theirs, other), *((("pg_name", ""),) if node.group else ()))


def _called(rank: TracedRank, node: TraceNode) -> str:
    return f"rank {rank.number}, node {node.id} {node.name!r:.60}"


def _changed(message: NodeMessage, change: _Change) -> NodeMessage:
    """The node anew. What names process groups does no longer: they are in a file."""
    attributes = {name: one for name, one in message.attributes.items() if one.value is not None}
    for name, value in change:
        kind = "string" if isinstance(value, str) else attributes[name].kind if name in attributes else "int64"
        attributes[name] = Attribute(kind=kind, value=value)
    return replace(message, attributes=attributes, input_values="")


def _notes(trace: Traced, making: _Making, along: int | None, is_timed_alike: bool) -> Iterator[str]:
    axis, old, new = making.axis, making.old, making.new
    which = "as asked for" if along is not None else "the outermost with collectives and without messages"
    yield (
        f"the ranks are a grid of {old}; its dimension of stride {old.strides[axis]} ({which}) has {new.sizes[axis]} ranks in place of "
        f"{old.sizes[axis]}, taken as data parallel: what each rank computes stays, and so does its batch"
    )
    gathers = sum(
        node.collective in SHARDED and axis in old.axes_of(trace.members(trace.ranks[0], node))
        for node in trace.ranks[0].nodes
        if node.kind is NodeKind.COLLECTIVE
    )
    if gathers and making.shrinks_shards and old != new:
        yield (
            f"{gathers} all-gathers of each rank along it gather as much as before, of parts {old.sizes[axis]}/{new.sizes[axis]} as large, "
            "rounded up to bytes (--all-gather stays keeps the parts)"
        )
    if not is_timed_alike:
        yield "ranks along it differ in what their computations took: they are repeated in turn"
