"""What ASTRA-sim is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gnomon.core.cluster_rules import ClusterRules, RunOptions
from gnomon.core.fabric import Backend, Fabric
from gnomon.core.remote_memory import NO_REMOTE_MEMORY, RemoteMemory
from gnomon.core.trace import ClusterTrace


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuestion:
    """A cluster and what it does."""

    trace: ClusterTrace
    fabric: Fabric
    rules: ClusterRules
    memory: RemoteMemory = NO_REMOTE_MEMORY
    groups: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # number of a group -> its ranks
    options: RunOptions = field(default_factory=RunOptions)
    backend: Backend = "unaware"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAnswer:
    """When each rank ends."""

    version: str  # that the adapter is made for: the programs do not tell theirs
    backend: Backend
    cycles: tuple[int, ...]  # by rank, in ns
    exposed: tuple[int, ...]  # by rank, what it calls exposed communication, in ns
    notes: tuple[str, ...] = ()  # what went wrong after all ranks had ended
