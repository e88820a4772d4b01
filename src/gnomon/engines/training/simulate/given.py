"""A cluster and what it does: what a simulation starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.fabric import Fabric
from gnomon.core.remote_memory import NO_REMOTE_MEMORY, RemoteMemory
from gnomon.core.trace import ClusterTrace
from gnomon.engines.training.simulate.aware import Aware
from gnomon.engines.training.simulate.clock import Clock
from gnomon.engines.training.simulate.cluster import Groups
from gnomon.engines.training.simulate.messages import Network
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
