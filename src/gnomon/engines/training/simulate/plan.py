"""A collective -> the phases of its chunks. [astra-sim 518bd51, Sys.cc: generate_collective, determine_chunk_size]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules, CustomAlgorithm, Optimization
from gnomon.core.errors import BadInput
from gnomon.core.fabric import Fabric
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.phase import Phase
from gnomon.engines.training.simulate.queues import Turnstile


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """The ranks of one dimension that a rank works with, in the order of their ring."""

    members: Sequence[int]
    place: int  # of the rank
    dimension: int  # whose queues it uses
    algorithm: Algorithm
    is_local: bool = False  # a group smaller than the cluster


def circles(rank: int, fabric: Fabric, algorithms: Sequence[Algorithm]) -> tuple[Circle, ...]:
    """A circle for each algorithm given; one that spans all takes every rank, and is the last. [GeneralComplexTopology.cc]"""
    made = []
    for at, (stride, dimension, algorithm) in enumerate(
        zip(fabric.strides, fabric.dimensions, algorithms, strict=False)
    ):
        if algorithm.spans_all:
            made.append(Circle(members=range(fabric.npus), place=rank, dimension=at, algorithm=algorithm))
            break
        place = rank // stride % dimension.npus
        first = rank - place * stride
        members = range(first, first + dimension.npus * stride, stride)
        made.append(Circle(members=members, place=place, dimension=at, algorithm=algorithm))
    return tuple(made)


def group_circle(rank: int, members: Sequence[int], algorithms: Sequence[Algorithm], place: str) -> Circle:
    """That of a group smaller than the cluster: one algorithm is kept, of several none, and a ring is run instead.

    [CommunicatorGroup.cc: get_collective_plan]
    """
    algorithm = algorithms[0] if len(algorithms) == 1 else Algorithm(name=AlgorithmName.RING)
    if algorithm.name is AlgorithmName.DOUBLE_BINARY_TREE:
        raise BadInput("doubleBinaryTree does not run in a group smaller than the cluster", where=place)
    return Circle(members=members, place=list(members).index(rank), dimension=0, algorithm=algorithm, is_local=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """How a collective is cut."""

    count: int
    bytes: int  # of each, the last one too


def chunks(kind: CollectiveKind, comm_bytes: int, rules: ClusterRules, npus: int) -> Chunks:
    """The chunks. BadInput without splits, or with fewer bytes than splits.

    A chunk holds a byte for each NPU of the cluster at least; that of an all-gather one byte.
    """
    if rules.splits is None:
        raise BadInput(
            "missing: into how many chunks is a collective cut?", field="preferred-dataset-splits", where=rules.place
        )
    chunk_bytes = comm_bytes // rules.splits
    if kind is not CollectiveKind.ALL_GATHER and chunk_bytes < npus:
        return Chunks(count=rules.splits, bytes=npus)
    if not chunk_bytes:
        raise BadInput(
            f"an all-gather of {comm_bytes:,} bytes cannot be cut into preferred-dataset-splits ({rules.splits}) chunks"
        )
    return Chunks(count=-(-comm_bytes // chunk_bytes), bytes=chunk_bytes)


class Planner:
    """Gives one rank the phases of chunk after chunk: which queues and which tree come next depends on those before."""

    __slots__ = ("_queues", "_rules", "_trees", "_turnstiles")

    def __init__(self, rules: ClusterRules, queues_per_dimension: int) -> None:
        self._rules, self._queues = rules, queues_per_dimension
        self._turnstiles: dict[int, Turnstile] = {}
        self._trees: dict[tuple[CollectiveKind, int], int] = {}  # chunks that each pair of trees has carried

    def phases(
        self, kind: CollectiveKind, chunk_bytes: int, around: Sequence[Circle], involved: Sequence[bool]
    ) -> list[Phase]:
        """The phases of one chunk; none where no dimension is involved. BadInput."""
        active = [circle for circle, is_involved in zip(around, involved, strict=True) if is_involved]
        if not active:
            return []
        if kind is CollectiveKind.ALL_GATHER:
            active.reverse()
        if kind is not CollectiveKind.ALL_REDUCE or self._optimization(len(active)) is Optimization.BASELINE:
            visits = [(kind, circle, Turnstile.any) for circle in active]
        else:
            *inner, last = active
            scatter, gather = CollectiveKind.REDUCE_SCATTER, CollectiveKind.ALL_GATHER
            visits = [(scatter, circle, Turnstile.first) for circle in inner]
            visits.append((kind, last, Turnstile.first))
            visits += [(gather, circle, Turnstile.last) for circle in reversed(inner)]
        made = []
        for part, circle, choose in visits:
            queue, is_clockwise = choose(self._turnstile(circle.dimension))
            made.append(
                Phase(
                    kind=part,
                    algorithm=circle.algorithm,
                    members=circle.members,
                    place=circle.place,
                    chunk_bytes=chunk_bytes,
                    queue=queue,
                    is_clockwise=is_clockwise,
                    is_local=circle.is_local,
                    tree=self._tree(kind, circle),
                )
            )
            chunk_bytes = bytes_after(made[-1])
        return made

    def _optimization(self, dimensions: int) -> Optimization:
        if self._rules.optimization is None:
            if dimensions > 1 or self._queues > 1:
                raise BadInput(
                    "missing; write baseline or localBWAware", field="collective-optimization", where=self._rules.place
                )
            return Optimization.BASELINE  # in one dimension with one queue both are the same
        return self._rules.optimization

    def _turnstile(self, dimension: int) -> Turnstile:
        if dimension not in self._turnstiles:
            self._turnstiles[dimension] = Turnstile(dimension, self._queues)
        return self._turnstiles[dimension]

    def _tree(self, kind: CollectiveKind, circle: Circle) -> int:
        if circle.algorithm.name is not AlgorithmName.DOUBLE_BINARY_TREE:
            return 0
        key = kind, circle.dimension
        taken = self._trees.get(key, 0)
        self._trees[key] = taken + 1
        return taken % 2


def bytes_after(phase: Phase) -> int:
    """What a rank has of a chunk after a phase."""
    if isinstance(phase.algorithm, CustomAlgorithm) or phase.algorithm.name is AlgorithmName.DOUBLE_BINARY_TREE:
        return phase.chunk_bytes
    match phase.kind:
        case CollectiveKind.ALL_GATHER:
            return phase.chunk_bytes * len(phase.members)
        case CollectiveKind.REDUCE_SCATTER:
            return phase.chunk_bytes // len(phase.members)
    return phase.chunk_bytes
