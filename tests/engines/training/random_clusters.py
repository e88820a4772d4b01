"""Random small clusters, most of whose ranks do the same: for the simulation by classes against that of every rank."""

from __future__ import annotations

from random import Random
from typing import Any

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules, Optimization, RunOptions, Scheduling
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.core.trace import SIMULATED, ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.outcome import Simulation
from gnomon.engines.training.simulate.statistics import times_of

_SHAPES = ((2,), (3,), (4,), (5,), (6,), (8,), (12,), (16,), (2, 2), (4, 2), (4, 4), (3, 4), (2, 6), (8, 2), (2, 3, 4), (4, 4, 2), (2, 2, 2))  # fmt: skip
_NAMES = (AlgorithmName.RING, AlgorithmName.DIRECT, AlgorithmName.HALVING_DOUBLING)


def random_cluster(seed: int) -> Given:
    """A cluster of up to 32 ranks."""
    draw = Random(seed)
    fabric = _fabric(draw)
    rules = _rules(draw, fabric)
    groups = _groups(draw, fabric.npus)
    return Given(
        trace=ClusterTrace(ranks=_ranks(draw, fabric, rules, groups)),
        fabric=fabric,
        rules=rules,
        groups=groups,
        options=RunOptions(queues_per_dimension=draw.choice((1, 1, 1, 2, 3))),
        backend=draw.choice(("unaware", "unaware", "aware")),
    )


def _fabric(draw: Random) -> Fabric:
    shape, is_even = draw.choice(_SHAPES), draw.random() < 0.4
    links = [(draw.choice((0.0, 0.5, 10.0, 500.0)), draw.choice((50.0, 7.3, 400.0, 31.25))) for _ in shape]
    return Fabric(
        dimensions=tuple(
            FabricDimension(
                wiring=draw.choice(list(Wiring)),
                npus=npus,
                latency_ns=links[0 if is_even else at][0],
                bandwidth_gib_per_s=links[0 if is_even else at][1],
            )
            for at, npus in enumerate(shape)
        )
    )


def _algorithm(draw: Random, npus: int) -> Algorithm:
    names = [one for one in _NAMES if one is not AlgorithmName.HALVING_DOUBLING or not npus & (npus - 1)]
    if not npus & (npus - 1) and npus > 2 and draw.random() < 0.1:
        names = [AlgorithmName.DOUBLE_BINARY_TREE]
    name = draw.choice(names)
    window = draw.choice((None, None, 1, 2, npus)) if name is AlgorithmName.DIRECT else None
    return Algorithm(name=name, window=window)


def _rules(draw: Random, fabric: Fabric) -> ClusterRules:
    if draw.random() < 0.1:
        one = _algorithm(draw, fabric.npus)
        if one.name is AlgorithmName.DOUBLE_BINARY_TREE:
            one = Algorithm(name=AlgorithmName.RING)
        algorithms = (Algorithm(name=one.name, window=one.window, spans_all=True),)
    else:
        algorithms = tuple(_algorithm(draw, one.npus) for one in fabric.dimensions)
    return ClusterRules(
        place="system.json",
        splits=draw.choice((1, 1, 2, 3, 4, 7)),
        scheduling=draw.choice(list(Scheduling)),
        optimization=draw.choice(list(Optimization)),
        endpoint_delay_ns=draw.choice((0, 1, 10, 10, 10, 77)),
        active_chunks=draw.choice((1, 1, 1, 2, 4)),
        algorithms=dict.fromkeys(SIMULATED, algorithms),
        local_bytes_per_s=draw.choice((1.6e12, 5e10, 1e15)),
    )


def _groups(draw: Random, npus: int) -> dict[int, tuple[int, ...]]:
    """Those of some ranks next to each other, and those across them."""
    sizes = [size for size in range(2, npus) if npus % size == 0]
    if not sizes or draw.random() < 0.6:
        return {}
    size = draw.choice(sizes)
    near = [tuple(range(first, first + size)) for first in range(0, npus, size)]
    far = [tuple(range(first, npus, size)) for first in range(size)]
    return dict(enumerate([*near, *far], start=1))


def _ranks(
    draw: Random, fabric: Fabric, rules: ClusterRules, groups: dict[int, tuple[int, ...]]
) -> tuple[RankTrace, ...]:
    count = draw.randint(1, 5)
    classes = draw.choice((1, 1, 1, 2, 2, 3))
    plan = [_node(draw, at, fabric, rules, bool(groups)) for at in range(count)]
    late = [draw.choice((0, 0, 1, 3)) for _ in range(classes)]
    stride = draw.choice(fabric.strides)
    made: dict[Any, RankTrace] = {}
    ranks = []
    for rank in range(fabric.npus):
        which = rank // stride % classes
        own = {
            len(members) * 100 + (members[1] - members[0]): number
            for number, members in groups.items()
            if rank in members
        }
        names = tuple(sorted(own.items()))
        key = which, names
        if key not in made:
            nodes = [_of_rank(node, names, late[which]) for node in plan]
            made[key] = RankTrace(nodes=tuple(nodes), place="workload.json")
        ranks.append(made[key])
    return tuple(ranks)


def _node(draw: Random, at: int, fabric: Fabric, rules: ClusterRules, has_groups: bool) -> TraceNode:
    parents = tuple(one for one in range(at) if draw.random() < 0.5)
    if draw.random() < 0.4:
        us = draw.choice((0, 1, 2, 5))
        return TraceNode(
            id=at, name="compute", kind=NodeKind.COMP, duration_us=us, parents=parents, is_cpu=draw.random() < 0.2
        )
    kinds = list(SIMULATED)
    if any(one.name is AlgorithmName.HALVING_DOUBLING for one in rules.algorithms[SIMULATED[0]]):
        kinds.remove(CollectiveKind.ALL_TO_ALL)
    flags = tuple(draw.random() < 0.7 for _ in fabric.dimensions)
    return TraceNode(
        id=at,
        name="collective",
        kind=NodeKind.COLLECTIVE,
        collective=draw.choice(kinds),
        comm_bytes=draw.choice((7, 64, 1000, 4096, 65537, 1 << 20)),
        priority=draw.randint(0, 3),
        parents=parents,
        dimensions=flags if any(flags) and draw.random() < 0.3 else None,
        group=str(draw.randint(1, 2)) if has_groups and draw.random() < 0.5 else "",
    )


def _of_rank(node: TraceNode, names: tuple[tuple[int, int], ...], late_us: int) -> TraceNode:
    fields = {name: getattr(node, name) for name in TraceNode.__slots__}
    if node.group:
        fields["group"] = str(names[int(node.group) % len(names)][1])
    if node.kind is NodeKind.COMP:
        fields["duration_us"] += late_us
    return TraceNode(**fields)


def told(simulation: Simulation) -> dict[str, Any]:
    """All that is told of a simulation."""
    return {
        "ranks": [(one.end_ns, one.exposed_ns, sorted(one.log), times_of(one)) for one in simulation.ranks],
        "traffic": [
            (one.dimension, one.name, one.links, one.messages, one.bytes, one.busy_ns, one.active_ns)
            for one in simulation.traffic
        ],
    }
