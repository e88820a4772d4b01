"""A training step in the terms of ASTRA-sim: its network, its rules, and the trace of every rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import ceil

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules, Optimization, Scheduling
from gnomon.core.errors import Unsupported
from gnomon.core.exchange import ExchangeKind
from gnomon.core.fabric import BYTES_PER_GB, Fabric, FabricDimension, Wiring
from gnomon.core.system import Dimension, System
from gnomon.core.trace import SIMULATED, ClusterTrace, NodeKind, RankTrace, TraceNode
from gnomon.parallel.layout import Strip, strips
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import NONE, Program

_NS_PER_S = 1e9
PLACE = "of the scenario"  # in place of a file, for messages
TICK_PS = 1_000_000  # computations are recorded in whole microseconds

_WIRING = {"switch": Wiring.SWITCH, "ring": Wiring.RING, "fully-connected": Wiring.FULLY_CONNECTED}
COLLECTIVES = {kind.word: kind for kind in SIMULATED}  # by the kind of an exchange
_SPLITS = 4  # chunks of a collective, as ASTRA-sim's own examples have


def rules(dimensions: int, memory_bytes_per_s: float) -> ClusterRules:
    """What system.json says of such a cluster: rings in every dimension, the inner ones made use of first."""
    ring = Algorithm(name=AlgorithmName.RING)
    return ClusterRules(
        place=PLACE,
        splits=_SPLITS,
        scheduling=Scheduling.FIFO,
        optimization=Optimization.LOCAL_BW_AWARE,
        algorithms=dict.fromkeys(SIMULATED, (ring,) * dimensions),
        local_bytes_per_s=memory_bytes_per_s,
    )


def fabric_of(sizes: Sequence[tuple[int, Dimension]]) -> Fabric:
    """The network with so many ranks in each of these dimensions. Unsupported for a network of one rank."""
    if not sizes:
        raise Unsupported("one device has nothing to communicate: ASTRA-sim needs two or more")
    return Fabric(
        dimensions=tuple(
            FabricDimension(
                wiring=_WIRING[one.kind],
                npus=size,
                bandwidth_gib_per_s=one.bandwidth_bytes_per_s.value / BYTES_PER_GB,
                latency_ns=one.latency_s.value * _NS_PER_S,
            )
            for size, one in sizes
        )
    )


def step_fabric(model: ModelShare, system: System) -> Fabric:
    """The network of a step: each axis of its plan cut where a dimension of the machine's ends. Unsupported."""
    grid = strips(model.sizes, system, ep=model.plan.ep)
    return fabric_of([(strip.size, system.dimensions[strip.dimension]) for strip in grid])


def comm_bytes(kind: ExchangeKind, size_bytes: float, members: int) -> int:
    """What ASTRA-sim calls the size of a collective: what each rank puts in."""
    return max(1, ceil(size_bytes / members if kind == "all-gather" else size_bytes))


def cluster_of(
    model: ModelShare,
    programs: Sequence[Program],
    durations_ps: Sequence[Sequence[int]],
    system: System,
) -> tuple[ClusterTrace, Fabric, ClusterRules]:
    """The step as ASTRA-sim takes it: what every rank does, on which network, by which rules. Unsupported.

    durations_ps: of each action of each stage; those of computations become whole microseconds.
    """
    grid, fabric = strips(model.sizes, system, ep=model.plan.ep), step_fabric(model, system)
    per_stage = model.sizes["tp"] * model.sizes["cp"] * model.sizes["dp"]
    ranks: list[RankTrace] = []
    for program, durations in zip(programs, durations_ps, strict=True):
        made = _nodes(program, durations, grid, model)
        for place in range(per_stage):
            rank = program.stage * per_stage + place
            peers = {stage: stage * per_stage + place for stage in range(len(programs))}
            ranks.append(RankTrace(nodes=made(rank, peers), place=f"rank {rank}"))
    return ClusterTrace(ranks=ranks), fabric, rules(len(grid), system.device.memory_bytes_per_s.value)


def _nodes(
    program: Program, durations: Sequence[int], grid: Sequence[Strip], model: ModelShare
) -> Callable[[int, Mapping[int, int]], tuple[TraceNode, ...]]:
    """What makes the nodes of a rank of that stage, given its number and those of its peers in other stages."""
    involved = {axis: tuple(axis in strip.axes for strip in grid) for axis in ("tp", "cp", "ep", "edp", "data", "pp")}
    members = {axis: _product(grid, axis) for axis in involved}
    columns = (program.action, program.message, program.peer, program.microbatch)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    parents = [tuple(one for one in after if one != NONE) for after in program.after.tolist()]

    @cache
    def work(place: int) -> tuple[int, int]:
        """Flop and bytes of a computation, by its place among the actions."""
        works = [[float(one) for one in op.work()] for op in program.actions[place].ops]  # type: ignore[union-attr]
        return round(sum(one[0] for one in works)), round(sum(one[1] + one[2] for one in works))

    def node(at: int, rank: int, peers: Mapping[int, int]) -> TraceNode:
        place, message, peer, microbatch = rows[at]
        action = program.actions[place]
        name = action.name if microbatch == NONE else f"{action.name} of micro-batch {microbatch}"
        match action:
            case Compute():
                flop, moved = work(place)
                return TraceNode(
                    id=at,
                    name=f"{action.role} {name}",
                    kind=NodeKind.COMP,
                    parents=parents[at],
                    duration_us=durations[place] // TICK_PS,
                    flop=flop,
                    tensor_bytes=moved,
                )
            case Talk():
                exchange = action.exchange
                return TraceNode(
                    id=at,
                    name=name,
                    kind=NodeKind.COLLECTIVE,
                    parents=parents[at],
                    collective=COLLECTIVES[exchange.kind],
                    comm_bytes=comm_bytes(exchange.kind, exchange.size_bytes, members[exchange.axis]),
                    dimensions=involved[exchange.axis],
                )
            case _:
                return TraceNode(
                    id=at,
                    name=name,
                    kind=NodeKind.SEND if action.is_sent else NodeKind.RECV,
                    parents=parents[at],
                    source=rank if action.is_sent else peers[peer],
                    destination=peers[peer] if action.is_sent else rank,
                    tag=message,
                    comm_bytes=ceil(action.size_bytes),
                )

    messages = (program.peer != NONE).nonzero()[0].tolist()  # all that differs between the ranks of a stage
    alike = tuple(node(at, 0, dict.fromkeys(range(model.plan.pp), 0)) for at in range(len(rows)))

    def nodes(rank: int, peers: Mapping[int, int]) -> tuple[TraceNode, ...]:
        if not messages:
            return alike
        own = list(alike)
        for at in messages:
            own[at] = node(at, rank, peers)
        return tuple(own)

    return nodes


def _product(grid: Sequence[Strip], axis: str) -> int:
    size = 1
    for strip in grid:
        size *= strip.size if axis in strip.axes else 1
    return size
