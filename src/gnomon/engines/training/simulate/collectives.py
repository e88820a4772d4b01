"""The collectives of one rank: cut into chunks, sent through the queues, over when all chunks are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.cluster_rules import Algorithm, CustomAlgorithm, Scheduling
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.trace import SIMULATED, CollectiveKind, TraceNode
from gnomon.engines.training.simulate.algorithms.custom import Custom
from gnomon.engines.training.simulate.clock import Agenda, Call
from gnomon.engines.training.simulate.cluster import Cluster
from gnomon.engines.training.simulate.endpoint import BusEndpoint, DelayedEndpoint, Endpoint
from gnomon.engines.training.simulate.native import needed, recorded_ns
from gnomon.engines.training.simulate.phase import Phase, Running
from gnomon.engines.training.simulate.plan import Circle, Planner, chunks, circles, group_circle
from gnomon.engines.training.simulate.queues import Queues, Stream
from gnomon.engines.training.simulate.seated import Seated

_STREAMS_OF_A_GROUP = 1_000_000  # between the first numbers of two groups [CommunicatorGroup.cc]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How a group runs a kind of collective."""

    custom: CustomAlgorithm | None
    around: tuple[Circle, ...]


@dataclass(slots=True, kw_only=True)
class _Group:
    """Some of the ranks, as one of them sees them."""

    members: tuple[int, ...] | None  # None: all
    streams: int  # number of the next stream
    ways: dict[CollectiveKind, _Way]  # as first needed, and kept [CommunicatorGroup.cc]


class Collectives:
    """Those of one rank."""

    __slots__ = ("_cluster", "_endpoint", "_groups", "_planner", "_turn", "agenda", "queues", "rank")

    def __init__(self, rank: int, cluster: Cluster, agenda: Agenda) -> None:
        rules, per_dimension = cluster.rules, cluster.options.queues_per_dimension
        self.rank, self.agenda, self._cluster = rank, agenda, cluster
        self._endpoint: Endpoint = (DelayedEndpoint if rules.shared_bus is None else BusEndpoint)(agenda, rules)
        self.queues = Queues(-(-rules.active_chunks // per_dimension), self._running)
        self._planner = Planner(rules, per_dimension)
        self._turn = 0  # of the collectives, for their priority
        self._groups = {0: _Group(members=None, streams=0, ways={})}

    def name_group(self, number: int, members: tuple[int, ...]) -> None:
        """A group that the trace itself names; no members: all ranks. BadInput. [Workload.cc: issue_pytorch_pg_metadata]"""
        npus = self._cluster.fabric.npus
        if members and not 0 <= min(members) <= max(members) < npus:
            raise BadInput(f"process group {number} has a rank that the network has not: it has {npus} NPUs")
        first = (number + 1) * _STREAMS_OF_A_GROUP
        if number:  # 0 stays all ranks
            self._groups[number] = _Group(members=members or tuple(range(npus)), streams=first, ways={})

    def issue(self, node: TraceNode, place: str, done: Call, argument: int) -> None:
        """Run a collective, then go on. BadInput, Unsupported."""
        number = needed(node, "collective", place)
        kind = next((known for known in CollectiveKind if known == number), None)
        if kind is CollectiveKind.BROADCAST:  # takes what was recorded [Workload.cc: issue_coll_comm]
            self.agenda.after(recorded_ns(node), done, argument)
            return
        if kind not in SIMULATED:
            what = f"no collective {number}" if kind is None else f"{kind.word} is not simulated"
            raise Unsupported(f"{what}; {', '.join(one.word for one in SIMULATED)} are, and broadcast as recorded")
        group = self._group(node)
        way = self._way(kind, group, node)
        cut = chunks(kind, needed(node, "comm_bytes", place), self._cluster.rules, self._cluster.fabric.npus)
        priority = self._priority(node)
        if way.custom is not None:
            if cut.count > 1:  # ASTRA-sim runs one, and waits for the others for ever
                raise BadInput(
                    f"a custom algorithm runs as one chunk, and this collective is cut into {cut.count}: make it 1",
                    field="preferred-dataset-splits",
                    where=self._cluster.rules.place,
                )
            phases = [[self._custom_phase(kind, way.custom, group)]]
        else:
            involved = self._involved(node, group, len(way.around))
            phases = [self._planner.phases(kind, cut.bytes, way.around, involved) for _ in range(cut.count)]
        if not phases[0]:
            raise BadInput("the collective has no dimension and no other rank to run with: it would never end")
        ending = _Ending(len(phases), done, argument)
        for one in phases:
            self.queues.advance(Stream(group.streams, priority, one, ending.stream_ended))
            group.streams += 1

    def _group(self, node: TraceNode) -> _Group:
        if node.group in ("", "0"):
            return self._groups[0]
        if not node.group.isdecimal():
            raise BadInput(f"pg_name {node.group!r} is no number of a group")
        number = int(node.group)
        if number not in self._groups:
            if number not in self._cluster.groups:
                known = (
                    f"known are {', '.join(map(str, self._cluster.groups))}"
                    if self._cluster.groups
                    else "no groups are given"
                )
                raise BadInput(f"no process group {number}; {known}")
            members = self._cluster.groups[number]
            self._groups[number] = _Group(members=members, streams=number * _STREAMS_OF_A_GROUP, ways={})
        return self._groups[number]

    def _way(self, kind: CollectiveKind, group: _Group, node: TraceNode) -> _Way:
        if group.members is None:
            custom = self._custom(kind, node)
            return _Way(
                custom=custom, around=() if custom else circles(self.rank, self._cluster.fabric, self._native(kind))
            )
        if self.rank not in group.members:
            raise BadInput(f"rank {self.rank} is not in process group {node.group}")
        if kind not in group.ways:
            group.ways[kind] = self._way_of(kind, group.members, node)
        return group.ways[kind]

    def _way_of(self, kind: CollectiveKind, members: tuple[int, ...], node: TraceNode) -> _Way:
        custom = self._custom(kind, node)
        if custom is not None:
            return _Way(custom=custom, around=())
        if len(members) == self._cluster.fabric.npus:
            return _Way(custom=None, around=circles(self.rank, self._cluster.fabric, self._native(kind)))
        if len(members) == 1:
            return _Way(custom=None, around=())
        circle = group_circle(self.rank, members, self._native(kind), self._cluster.rules.place)
        return _Way(custom=None, around=(circle,))

    def _custom(self, kind: CollectiveKind, node: TraceNode) -> CustomAlgorithm | None:
        rules = self._cluster.rules
        return rules.custom_of_node.get(node.id) or rules.custom.get(kind)

    def _native(self, kind: CollectiveKind) -> Sequence[Algorithm]:
        rules = self._cluster.rules
        if kind not in rules.algorithms:
            raise BadInput("missing, and the trace has one", field=f"{kind.word}-implementation", where=rules.place)
        return rules.algorithms[kind]

    def _custom_phase(self, kind: CollectiveKind, custom: CustomAlgorithm, group: _Group) -> Phase:
        # A rank takes the trace of its place by number, whatever the order of the ring [CommunicatorGroup.cc]
        place = self.rank if group.members is None else sorted(group.members).index(self.rank)
        return Phase(kind=kind, algorithm=custom, members=(), place=place, chunk_bytes=0, queue=0, group=group.members)

    def _involved(self, node: TraceNode, group: _Group, dimensions: int) -> Sequence[bool]:
        """Of each dimension, whether the collective runs in it; a group runs in all that it has."""
        if group.members is not None or node.dimensions is None:
            return (True,) * dimensions
        if len(node.dimensions) < dimensions:
            raise BadInput(
                f"involved_dim tells of {len(node.dimensions)} dimensions, the algorithms are for {dimensions}"
            )
        return node.dimensions[:dimensions]

    def _priority(self, node: TraceNode) -> int:
        match self._cluster.rules.scheduling:
            case Scheduling.EXPLICIT:
                return node.priority
            case Scheduling.LIFO:
                self._turn += 1
            case Scheduling.FIFO:
                self._turn -= 1
        return self._turn

    def _running(self, stream: Stream) -> Running:
        """The phase that a stream has come to."""
        phase = stream.phase
        assert phase is not None
        seat = Seated(self.rank, self._endpoint, self._cluster.messages, self.queues, stream)
        if isinstance(phase.algorithm, CustomAlgorithm):
            cluster = self._cluster
            return Custom(phase, self.rank, cluster.graphs, self.agenda, cluster.messages, seat.finish)
        return self._cluster.runs(seat, phase)


class _Ending:
    """Counts the chunks that are still under way."""

    __slots__ = ("_argument", "_done", "_left")

    def __init__(self, left: int, done: Call, argument: int) -> None:
        self._left, self._done, self._argument = left, done, argument

    def stream_ended(self) -> None:
        """One more is through; after the last, go on."""
        self._left -= 1
        if not self._left:
            self._done(self._argument)
