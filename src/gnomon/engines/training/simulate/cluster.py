"""What all ranks of a simulated cluster share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.fabric import Fabric
from gnomon.engines.training.simulate.clock import Clock
from gnomon.engines.training.simulate.graph import Graphs
from gnomon.engines.training.simulate.messages import Messages, Network
from gnomon.engines.training.simulate.phase import Phase, Running
from gnomon.engines.training.simulate.remote_memory import RemoteMemories
from gnomon.engines.training.simulate.seated import Seated

Groups = Mapping[int, tuple[int, ...]]  # number of a process group -> its ranks, in the order of its ring


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The parts of a cluster, and the rules by which they work."""

    fabric: Fabric
    rules: ClusterRules
    options: RunOptions
    groups: Groups
    clock: Clock
    network: Network
    messages: Messages
    memories: RemoteMemories
    graphs: Graphs
    runs: Callable[[Seated, Phase], Running]  # what carries out a phase
