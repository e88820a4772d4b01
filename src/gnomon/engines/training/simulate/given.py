"""A cluster and what it does: what a simulation starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.fabric import Backend, Fabric
from gnomon.core.remote_memory import NO_REMOTE_MEMORY, RemoteMemory
from gnomon.core.trace import ClusterTrace
from gnomon.engines.training.simulate.algorithms.machine import machine
from gnomon.engines.training.simulate.aware import Aware
from gnomon.engines.training.simulate.clock import Clock
from gnomon.engines.training.simulate.cluster import Cluster, Groups
from gnomon.engines.training.simulate.graph import Graphs
from gnomon.engines.training.simulate.messages import Messages, Network
from gnomon.engines.training.simulate.phase import Phase, Running
from gnomon.engines.training.simulate.remote_memory import RemoteMemories
from gnomon.engines.training.simulate.seated import Seated
from gnomon.engines.training.simulate.unaware import Unaware

NETWORKS: dict[Backend, Callable[[Fabric, Clock], Network]] = {"unaware": Unaware, "aware": Aware}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A cluster and what it does."""

    trace: ClusterTrace
    fabric: Fabric
    rules: ClusterRules
    memory: RemoteMemory = NO_REMOTE_MEMORY
    groups: Groups = field(default_factory=dict)
    options: RunOptions = field(default_factory=RunOptions)
    backend: Backend = "unaware"

    def cluster(self, clock: Clock, network: Network, runs: Callable[[Seated, Phase], Running] = machine) -> Cluster:
        """Its parts, before anything happens; `runs`: what carries out a phase."""
        return Cluster(
            fabric=self.fabric,
            rules=self.rules,
            options=self.options,
            groups=self.groups,
            clock=clock,
            network=network,
            messages=Messages(clock, network, self.options.has_rendezvous),
            memories=RemoteMemories(self.memory),
            graphs=Graphs(),
            runs=runs,
        )
