"""Small clusters for tests, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.core.cluster_rules import Algorithm, AlgorithmName, ClusterRules, Optimization, RunOptions
from gnomon.core.fabric import Fabric, FabricDimension, Wiring
from gnomon.core.trace import SIMULATED, ClusterTrace, CollectiveKind, NodeKind, RankTrace, TraceNode
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.outcome import Simulation
from gnomon.engines.training.simulate.simulate import simulate


def fabric(*shape: tuple[Wiring, int], bandwidth: float = 50.0, latency_ns: float = 500.0) -> Fabric:
    return Fabric(
        dimensions=tuple(
            FabricDimension(wiring=wiring, npus=npus, bandwidth_gib_per_s=bandwidth, latency_ns=latency_ns)
            for wiring, npus in shape
        )
    )


def rules(*names: AlgorithmName, **changes: Any) -> ClusterRules:
    """One algorithm for each dimension, for every kind of collective."""
    algorithms = tuple(Algorithm(name=name) for name in names or (AlgorithmName.RING,))
    given: dict[str, Any] = {
        "place": "system.json",
        "splits": 4,
        "optimization": Optimization.LOCAL_BW_AWARE,
        "algorithms": dict.fromkeys(SIMULATED, algorithms),
        "local_bytes_per_s": 1.6e12,
    }
    return ClusterRules(**(given | changes))


def collective(kind: CollectiveKind, comm_bytes: int | None, **more: Any) -> TraceNode:
    return TraceNode(
        **(
            {
                "id": 0,
                "name": kind.name.lower(),
                "kind": NodeKind.COLLECTIVE,
                "collective": kind,
                "comm_bytes": comm_bytes,
            }
            | more
        )
    )


def compute(id: int, duration_us: int, *parents: int, **more: Any) -> TraceNode:
    return TraceNode(id=id, name=f"compute {id}", kind=NodeKind.COMP, duration_us=duration_us, parents=parents, **more)


def message(id: int, kind: NodeKind, peer: int, tag: int, comm_bytes: int, *parents: int) -> TraceNode:
    side = {"destination" if kind is NodeKind.SEND else "source": peer}
    return TraceNode(
        id=id, name=f"{kind.name.lower()} {id}", kind=kind, tag=tag, comm_bytes=comm_bytes, parents=parents, **side
    )


def run(
    network: Fabric,
    ranks: Sequence[Sequence[TraceNode]],
    made: ClusterRules | None = None,
    *,
    backend: str = "unaware",
    groups: Mapping[int, tuple[int, ...]] | None = None,
    **options: Any,
) -> Simulation:
    """Simulate; the nodes of one rank alone are those of all."""
    everyone = tuple(ranks) * (network.npus if len(ranks) == 1 else 1)
    traces = {id(nodes): RankTrace(nodes=tuple(nodes), place="workload.json") for nodes in everyone}
    return simulate(
        Given(
            trace=ClusterTrace(ranks=tuple(traces[id(nodes)] for nodes in everyone)),
            fabric=network,
            rules=made or rules(),
            groups=groups or {},
            options=RunOptions(**options),
            backend=backend,
        )
    )


def ends(simulation: Simulation) -> list[int]:
    return [rank.end_ns for rank in simulation.ranks]
