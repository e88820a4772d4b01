"""What ranks exchange, in terms of a grid and not of their numbers: which dimensions a collective spans, how far a message goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.trace import CollectiveKind, NodeKind, TraceNode
from gnomon.formats.chakra.message import NodeMessage
from gnomon.formats.chakra.node import node as read_node
from gnomon.formats.chakra.scaling.grid import Grid, grid_of

EVERYONE = ("", "0")  # names of the group of all ranks
Members = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRank:
    """The nodes of a rank by ascending id, as written and as read."""

    number: int
    messages: tuple[NodeMessage, ...]
    nodes: tuple[TraceNode, ...]
    groups: Mapping[str, Members]  # that it names itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """All ranks, and the groups that a file names for all of them."""

    ranks: tuple[TracedRank, ...]
    named: Mapping[str, Members]

    def members(self, rank: TracedRank, node: TraceNode) -> Members:
        """The ranks of the group that a node runs in. BadInput where nothing says which."""
        everyone = tuple(range(len(self.ranks)))
        if node.group in EVERYONE:
            return everyone
        found = rank.groups.get(node.group, self.named.get(node.group))
        if found is None:
            raise BadInput(
                f"rank {rank.number}, node {node.id} {node.name!r:.60}: nothing says which ranks group {node.group!r} has; "
                "--comm-groups names a file that does"
            )
        if rank.number not in (found or everyone) or max(found, default=0) >= len(self.ranks):
            raise BadInput(
                f"rank {rank.number}, node {node.id}: group {node.group!r} has ranks {list(found)!s:.60}, of ranks 0 to "
                f"{len(self.ranks) - 1}"
            )
        return found or everyone

    def grid(self) -> Grid:
        """The grid that the traces tell of. Unsupported with the reason."""
        groups = {self.members(rank, node) for rank, node in self._exchanging() if node.kind is NodeKind.COLLECTIVE}
        offsets = {
            self.peer(rank, node) - rank.number
            for rank, node in self._exchanging()
            if node.kind is not NodeKind.COLLECTIVE
        }
        return grid_of(len(self.ranks), sorted(groups), offsets)

    def peer(self, rank: TracedRank, node: TraceNode) -> int:
        """The other end of a message. BadInput."""
        found = node.destination if node.kind is NodeKind.SEND else node.source
        if found is None or found >= len(self.ranks):
            raise BadInput(
                f"rank {rank.number}, node {node.id} {node.name!r:.60}: a message to or from "
                f"{'a rank that is not said' if found is None else f'rank {found}, which has no trace'}"
            )
        return found

    def _exchanging(self) -> Iterator[tuple[TracedRank, TraceNode]]:
        for rank in self.ranks:
            for node in rank.nodes:
                if node.kind in (NodeKind.COLLECTIVE, NodeKind.SEND, NodeKind.RECV):
                    yield rank, node


def traced(messages: Sequence[Sequence[NodeMessage]], named: Mapping[str, Members]) -> Traced:
    """Ranks in order. BadInput."""
    made = []
    for number, one in enumerate(messages):
        ordered = tuple(sorted(one, key=lambda message: message.id))
        try:
            nodes = tuple(map(read_node, ordered))
        except BadInput as fault:
            raise BadInput(f"rank {number}: {fault}") from None
        own = {name: members for node in nodes for name, members in node.groups}
        made.append(TracedRank(number=number, messages=ordered, nodes=nodes, groups=own))
    return Traced(ranks=tuple(made), named=named)


def growing_axis(trace: Traced, grid: Grid, stride: int | None) -> int:
    """The dimension to grow: that of the stride, else the outermost in which collectives run and no messages go. Unsupported."""
    if stride is not None:
        if stride not in grid.strides:
            raise Unsupported(
                f"no dimension of stride {stride}: the ranks make a grid of {grid}, of strides {', '.join(map(str, grid.strides))}"
            )
        return grid.strides.index(stride)
    if len(grid.sizes) == 1:
        return 0
    collective, messages = set(), set()
    for rank in trace.ranks:
        for node in rank.nodes:
            if node.kind is NodeKind.COLLECTIVE:
                collective |= set(grid.axes_of(trace.members(rank, node)))
            elif node.kind in (NodeKind.SEND, NodeKind.RECV):
                messages |= _apart(grid, rank.number, trace.peer(rank, node))
    free = collective - messages
    if not free:
        raise Unsupported(
            f"no dimension of the grid {grid} has collectives and no messages: --along STRIDE says which is to grow, of strides "
            f"{', '.join(map(str, grid.strides))}"
        )
    return max(free)


def _apart(grid: Grid, one: int, other: int) -> set[int]:
    places = zip(grid.place(one), grid.place(other), strict=True)
    return {axis for axis, (here, there) in enumerate(places) if here != there}


def step_along(grid: Grid, axis: int, rank: int, peer: int) -> tuple[int, int]:
    """Dimension and distance of a message; along the growing `axis` the shorter way round its end. Unsupported."""
    apart = _apart(grid, rank, peer)
    if len(apart) != 1:
        raise Unsupported(
            f"a message from rank {rank} to rank {peer} goes along {len(apart)} dimensions of the grid {grid}"
        )
    (along,) = apart
    size = grid.sizes[along]
    distance = grid.place(peer)[along] - grid.place(rank)[along]
    if along != axis:
        return along, distance
    if 2 * abs(distance) == size:
        raise Unsupported(
            f"a message from rank {rank} to rank {peer} goes half way round the {size} ranks that are to grow: whether onwards or "
            "back cannot be told"
        )
    if 2 * abs(distance) > size:
        distance -= size if distance > 0 else -size
    return along, distance


def check_alike(trace: Traced, grid: Grid, axis: int) -> bool:
    """Whether the ranks along a dimension also take the same times. Unsupported where they do not do the same."""
    is_timed_alike = True
    for rank in trace.ranks:
        first = trace.ranks[grid.line(rank.number, (axis,))[0]]
        if first is rank:
            continue
        theirs, ours = (list(_doings(trace, grid, axis, one)) for one in (first, rank))
        if theirs != ours:
            at = next((at for at, (one, other) in enumerate(zip(theirs, ours, strict=False)) if one != other), None)
            where = (
                "one has more nodes"
                if at is None
                else f"node {rank.nodes[at].id} {rank.nodes[at].name!r:.60} of the latter"
            )
            raise Unsupported(
                f"ranks {first.number} and {rank.number} lie along the dimension that is to grow and do not do the same: {where}"
            )
        is_timed_alike &= [node.duration_us for node in first.nodes] == [node.duration_us for node in rank.nodes]
    return is_timed_alike


def _doings(trace: Traced, grid: Grid, axis: int, rank: TracedRank) -> Iterator[tuple[object, ...]]:
    for node in rank.nodes:
        match node.kind:
            case NodeKind.COLLECTIVE:
                spans = grid.axes_of(trace.members(rank, node))
                yield node.kind, node.collective, node.comm_bytes, spans
            case NodeKind.SEND | NodeKind.RECV:
                yield node.kind, node.comm_bytes, node.tag, step_along(grid, axis, rank.number, trace.peer(rank, node))
            case _:
                yield node.kind, node.flop, node.tensor_bytes


SHARDED = (CollectiveKind.ALL_GATHER,)  # of which each rank puts in a part of what stays as large
WHOLE = (  # of which each rank puts in what does not depend on how many there are
    CollectiveKind.ALL_REDUCE,
    CollectiveKind.REDUCE_SCATTER,
    CollectiveKind.ALL_TO_ALL,
    CollectiveKind.BROADCAST,
    CollectiveKind.REDUCE,
    CollectiveKind.BARRIER,
)
