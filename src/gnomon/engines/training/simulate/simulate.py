"""A step of training on a cluster -> when each rank ends, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.fabric import Fabric
from gnomon.core.remote_memory import NO_REMOTE_MEMORY, RemoteMemory
from gnomon.core.trace import ClusterTrace
from gnomon.engines.training.simulate.aware import Aware
from gnomon.engines.training.simulate.clock import Clock
from gnomon.engines.training.simulate.cluster import Cluster, Groups
from gnomon.engines.training.simulate.graph import Graph, Graphs
from gnomon.engines.training.simulate.messages import Key, Messages, Network
from gnomon.engines.training.simulate.rank import Done, Rank
from gnomon.engines.training.simulate.remote_memory import RemoteMemories
from gnomon.engines.training.simulate.stall import check_ended
from gnomon.engines.training.simulate.traffic import Traffic
from gnomon.engines.training.simulate.unaware import Unaware

BACKENDS: dict[str, Callable[[Fabric, Clock], Network]] = {"unaware": Unaware, "aware": Aware}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A cluster and what it does."""

    trace: ClusterTrace
    fabric: Fabric
    rules: ClusterRules
    memory: RemoteMemory = NO_REMOTE_MEMORY
    groups: Groups = field(default_factory=dict)
    options: RunOptions = field(default_factory=RunOptions)
    backend: str = "unaware"  # one of BACKENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class RankResult:
    """What one rank did."""

    end_ns: int  # when its last node ended
    compute_ns: int  # on its accelerator, summed
    log: tuple[Done, ...]  # in the order of ending
    graph: Graph

    @property
    def exposed_ns(self) -> int:
        """Time without computation on the accelerator: of communication, memory or waiting."""
        return self.end_ns - self.compute_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What the cluster did."""

    ranks: tuple[RankResult, ...]
    traffic: tuple[Traffic, ...]
    unreceived: tuple[Key, ...]  # messages of traces that nobody waited for


def simulate(given: Given) -> Simulation:
    """Run a cluster until nothing is left to do. BadInput, Unsupported."""
    clock = Clock()
    network = BACKENDS[given.backend](given.fabric, clock)
    cluster = Cluster(
        fabric=given.fabric,
        rules=given.rules,
        options=given.options,
        groups=given.groups,
        clock=clock,
        network=network,
        messages=Messages(clock, network, given.options.has_rendezvous),
        memories=RemoteMemories(given.memory),
        graphs=Graphs(),
    )
    ranks = [Rank(number, trace, cluster) for number, trace in enumerate(given.trace.ranks)]
    for rank in ranks:
        rank.begin()
    clock.run()
    check_ended(ranks, cluster.messages)
    return Simulation(
        ranks=tuple(map(_result, ranks)), traffic=tuple(network.traffic), unreceived=tuple(cluster.messages.arrived)
    )


def _result(rank: Rank) -> RankResult:
    assert rank.end_ns is not None
    return RankResult(end_ns=rank.end_ns, compute_ns=rank.compute_ns, log=tuple(rank.log), graph=rank.graph)
