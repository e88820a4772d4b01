"""How the software of a cluster runs collectives and what it charges beside the wires: the rules of ASTRA-sim's system layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gnomon.core.trace import CollectiveKind, RankTrace

LAST_NS = 2**63 - 1  # of a simulation: ASTRA-sim counts in 64-bit ns, of which two may be added [518bd51, Common.hh]


class AlgorithmName(StrEnum):
    """How the ranks of a dimension carry out a collective."""

    RING = "ring"
    DIRECT = "direct"  # every rank to every other, some at a time
    HALVING_DOUBLING = "halvingDoubling"
    DOUBLE_BINARY_TREE = "doubleBinaryTree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One, as asked for."""

    name: AlgorithmName
    window: int | None = None  # of direct: messages in flight; None: to all at once
    spans_all: bool = False  # the ranks of this and the outer dimensions count as one dimension of the whole cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomAlgorithm:
    """A collective given as the trace of each member."""

    members: tuple[RankTrace, ...]  # by place in the group
    place: str  # prefix of the files


class Scheduling(StrEnum):
    """Which of the waiting chunks goes first."""

    LIFO = "LIFO"  # of the collective issued last
    FIFO = "FIFO"
    EXPLICIT = "EXPLICIT"  # of the highest priority


class Optimization(StrEnum):
    """How an all-reduce goes through several dimensions."""

    BASELINE = "baseline"  # an all-reduce in each
    LOCAL_BW_AWARE = "localBWAware"  # scatter inwards, reduce in the last, gather back


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBus:
    """LogGP figures of the bus between an NPU and its memory. [Alexandrov et al., SPAA 1995]"""

    latency_ns: int  # L
    overhead_ns: int  # o
    gap_ns: int  # g
    gap_per_byte_ns: float  # G
    reduction_ns_per_100_bytes: int  # local-reduction-delay


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRules:
    """What system.json says."""

    place: str  # the file, for messages
    splits: int | None  # chunks of a collective; None: not said
    scheduling: Scheduling = Scheduling.LIFO
    optimization: Optimization | None = None  # None: not said
    endpoint_delay_ns: int = 10  # before each message of a collective, and after it
    active_chunks: int = 1  # at once in a dimension
    algorithms: Mapping[CollectiveKind, tuple[Algorithm, ...]] = field(default_factory=dict)  # by dimension
    custom: Mapping[CollectiveKind, CustomAlgorithm] = field(default_factory=dict)  # goes before `algorithms`
    custom_of_node: Mapping[int, CustomAlgorithm] = field(default_factory=dict)  # node id; goes before `custom`
    local_bytes_per_s: float = 0.0  # of the memory of an NPU, that sums are read from and written to; 0: not said
    flop_per_s: float = 0.0  # peak of an NPU; 0: not said
    has_roofline: bool = False  # computations take what flop and bytes take, not what was recorded
    replays_only: bool = False  # every node takes what was recorded
    shared_bus: SharedBus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What ASTRA-sim takes on its command line."""

    queues_per_dimension: int = 1
    injection_scale: float = 1.0  # of the endpoint delay
    has_rendezvous: bool = False  # a message waits for 8 KiB from its receiver
