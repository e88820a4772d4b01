"""A phase: what one rank does of a collective in one dimension of the network, and with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gnomon.core.cluster_rules import Algorithm, CustomAlgorithm
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.clock import Call
from gnomon.engines.training.simulate.endpoint import HandOver


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of one chunk."""

    kind: CollectiveKind
    algorithm: Algorithm | CustomAlgorithm
    members: Sequence[int]  # ranks, in the order of their ring
    place: int  # of this rank among them
    chunk_bytes: int  # that this rank brings in
    queue: int
    is_clockwise: bool = True
    is_local: bool = False  # in a group smaller than the cluster
    tree: int = 0  # of the double binary tree, which of the two
    group: Sequence[int] | None = None  # of a custom algorithm: the ranks of its members; None: the members themselves


class Seat(Protocol):
    """The place from which a rank takes part: its ways to memory and network, within one phase."""

    rank: int

    def pass_on(self, passed: HandOver, call: Call) -> None:
        """Hand over between memory and network, then go on."""

    def send(self, peer: int, message_bytes: int) -> None:
        """Send to another member."""

    def receive(self, peer: int, message_bytes: int, call: Call) -> None:
        """Wait for another member, then go on."""

    def finish(self) -> None:
        """The phase is over for this rank."""


class Running(Protocol):
    """A phase under way."""

    def start(self) -> None:
        """Begin."""
