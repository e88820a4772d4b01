"""What a simulated cluster did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnomon.engines.training.simulate.graph import Graph
from gnomon.engines.training.simulate.messages import Key
from gnomon.engines.training.simulate.rank import Done, Rank
from gnomon.engines.training.simulate.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class RankResult:
    """What one rank did; ranks that did the same share it."""

    end_ns: int  # when its last node ended
    compute_ns: int  # on its accelerator, summed
    log: tuple[Done, ...]  # in the order of ending
    graph: Graph

    @property
    def exposed_ns(self) -> int:
        """Time without computation on the accelerator: of communication, memory or waiting."""
        return self.end_ns - self.compute_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a cluster was simulated."""

    ranks: int  # simulated, each for all that do the same
    closed_phases: int  # of their chunks that took what an equation says
    why_all: str | None  # every rank was simulated; None: those of a class once


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What the cluster did."""

    ranks: Sequence[RankResult]
    traffic: tuple[Traffic, ...]
    unreceived: tuple[Key, ...]  # messages of traces that nobody waited for
    how: How


def result_of(rank: Rank) -> RankResult:
    """What a rank that has ended did."""
    assert rank.end_ns is not None
    return RankResult(end_ns=rank.end_ns, compute_ns=rank.compute_ns, log=tuple(rank.log), graph=rank.graph)
