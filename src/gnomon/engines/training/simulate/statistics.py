"""What a simulation comes to: times by kind of work, utilisation under the roofline, and the use of the network.

Times are lengths of unions: while two computations of a kind overlap, the time counts once. [astra-sim 518bd51, Statistics.cc]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gnomon.core.cluster_rules import ClusterRules
from gnomon.core.trace import NodeKind, TraceNode
from gnomon.engines.training.simulate.outcome import RankResult, Simulation
from gnomon.engines.training.simulate.roofline import attained_flop_per_s

GPU, COMM, CPU, REMOTE_MEMORY, OTHER = "gpu", "comm", "cpu", "remote_memory", "other"
KINDS = (GPU, COMM, CPU, REMOTE_MEMORY, OTHER)
Spans = Sequence[tuple[int, int]]  # begin and end, in ns


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTimes:
    """Of one rank, in ns."""

    by_kind: dict[str, int]  # length of the union of what ran, for each of KINDS
    overlap: int  # with the accelerator and the network both at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """Of one rank under the roofline, weighted by the time of each computation."""

    compute_bound: float  # share of the time in which arithmetic is the limit
    compute: float  # rate over peak
    memory: float  # rate over that of local memory
    flop_per_byte: float


def kind_of(node: TraceNode) -> str:
    """Which of KINDS a node counts for."""
    match node.kind:
        case NodeKind.COMP:
            return CPU if node.is_cpu else GPU
        case NodeKind.MEM_LOAD | NodeKind.MEM_STORE:
            return REMOTE_MEMORY
        case NodeKind.INVALID | NodeKind.METADATA:
            return OTHER
    return COMM


def times_of(rank: RankResult) -> RankTimes:
    """Times of a rank."""
    spans: dict[str, list[tuple[int, int]]] = {kind: [] for kind in KINDS}
    for done in rank.log:
        spans[kind_of(rank.graph.nodes[done.at])].append((done.start_ns, done.end_ns))
    joined = {kind: union(one) for kind, one in spans.items()}
    return RankTimes(
        by_kind={kind: length(one) for kind, one in joined.items()},
        overlap=length(joined[GPU]) + length(joined[COMM]) - length(union([*joined[GPU], *joined[COMM]])),
    )


def union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans joined where they touch, in order."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], end)
        else:
            made.append((start, end))
    return made


def length(spans: Spans) -> int:
    """The sum of the lengths, in ns."""
    return sum(end - start for start, end in spans)


def utilization_of(rank: RankResult, rules: ClusterRules) -> Utilization:
    """Averages over the computations of a rank; a nanosecond is added to their time, as ASTRA-sim does against a division by 0."""
    total_ns, bound, compute, memory, intensity = 1, 0.0, 0.0, 0.0, 0.0
    for done in rank.log:
        node, time_ns = rank.graph.nodes[done.at], done.end_ns - done.start_ns
        if node.kind is not NodeKind.COMP:
            continue
        total_ns += time_ns
        if node.is_cpu or not node.tensor_bytes or not node.flop:
            continue
        flop_per_byte = node.flop / node.tensor_bytes
        rate = attained_flop_per_s(flop_per_byte, rules.local_bytes_per_s, rules.flop_per_s)
        bound += time_ns * (rate >= rules.flop_per_s)
        compute += time_ns * rate / rules.flop_per_s
        memory += time_ns * rate / flop_per_byte / rules.local_bytes_per_s
        intensity += time_ns * flop_per_byte
    return Utilization(
        compute_bound=bound / total_ns,
        compute=compute / total_ns,
        memory=memory / total_ns,
        flop_per_byte=intensity / total_ns,
    )


def total_ns(simulation: Simulation) -> int:
    """When the last rank ends."""
    return max(rank.end_ns for rank in simulation.ranks)
