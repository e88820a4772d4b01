"""What one rank does in a training step: computations, collectives, messages and memory accesses, with what each waits for.

The terms are those of Chakra execution traces. [Sridharan et al., Chakra, arXiv 2305.14516, 2023; et_def.proto]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class NodeKind(IntEnum):
    """By the numbers of Chakra's NodeType."""

    INVALID = 0  # passed over in no time
    METADATA = 1  # names process groups
    MEM_LOAD = 2  # from remote memory
    MEM_STORE = 3
    COMP = 4
    SEND = 5
    RECV = 6
    COLLECTIVE = 7


class CollectiveKind(IntEnum):
    """By the numbers of Chakra's CollectiveCommType."""

    ALL_REDUCE = 0
    REDUCE = 1
    ALL_GATHER = 2
    GATHER = 3
    SCATTER = 4
    BROADCAST = 5
    ALL_TO_ALL = 6
    REDUCE_SCATTER = 7
    REDUCE_SCATTER_BLOCK = 8
    BARRIER = 9

    @property
    def word(self) -> str:
        """Its name in words: all-reduce."""
        return self.name.lower().replace("_", "-")


# The kinds that have an algorithm, in ASTRA-sim and here.
SIMULATED = (
    CollectiveKind.ALL_REDUCE,
    CollectiveKind.ALL_GATHER,
    CollectiveKind.REDUCE_SCATTER,
    CollectiveKind.ALL_TO_ALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceNode:
    """One operation of a rank. What the trace does not say is None; whether it is needed is known when it runs."""

    id: int
    name: str
    kind: NodeKind
    parents: tuple[int, ...] = ()  # ids of what must end before, by data and by control
    duration_us: int = 0  # as recorded
    is_cpu: bool = False  # runs on the host, not on the accelerator
    flop: int | None = None  # num_ops of a computation
    tensor_bytes: int | None = None  # of a computation or a memory access
    collective: int | None = None  # a number of CollectiveKind, or one that it does not know
    comm_bytes: int | None = None  # of a message; of a collective, what each rank puts in
    priority: int = 0  # of a collective, larger first; counts under EXPLICIT scheduling
    source: int | None = None  # rank that sends
    destination: int | None = None  # rank that receives
    tag: int | None = None  # a message is matched by it
    group: str = ""  # process group; empty or "0": all ranks
    dimensions: tuple[bool, ...] | None = None  # of the network, whether the collective runs in it; None: all
    groups: tuple[
        tuple[str, tuple[int, ...]], ...
    ] = ()  # of a METADATA node: process group -> its ranks, empty for all


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTrace:
    """The nodes of one rank, as they are written; ranks that do the same may share them."""

    nodes: tuple[TraceNode, ...]  # no two with the same id
    place: str  # the file, for messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTrace:
    """What every rank does."""

    ranks: Sequence[RankTrace]  # by rank
