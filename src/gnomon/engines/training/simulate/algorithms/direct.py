"""Direct: each rank sends to every other, some messages at a time. [astra-sim 518bd51, AllToAll.cc]

An all-reduce does so twice, with a barrier between: first to scatter and sum, then to gather.
"""

from __future__ import annotations

from gnomon.core.cluster_rules import Algorithm
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.ring import message_bytes, peer
from gnomon.engines.training.simulate.algorithms.turns import Turns, turns_of
from gnomon.engines.training.simulate.phase import Phase, Seat


def at_once(phase: Phase) -> int:
    """Messages of a rank in flight."""
    assert isinstance(phase.algorithm, Algorithm)
    others = len(phase.members) - 1
    return min(phase.algorithm.window or others, others)


def turns(phase: Phase) -> Turns:
    """The turns of its packets.

    In a group smaller than the cluster a turn is longer, and so more of an all-reduce is summed. [get_non_zero_latency_packets]
    """
    others = len(phase.members) - 1
    return turns_of(phase, at_once(phase), at_once(phase) * (others if phase.is_local else 1))


class Direct:
    """A rank's part."""

    __slots__ = (
        "_at_once",
        "_bytes",
        "_free",
        "_left",
        "_made",
        "_others",
        "_phase",
        "_received",
        "_seat",
        "_sent",
        "_turns",
    )

    def __init__(self, seat: Seat, phase: Phase) -> None:
        self._seat, self._phase = seat, phase
        self._others = len(phase.members) - 1
        self._at_once = at_once(phase)
        self._bytes = message_bytes(phase)
        self._left = (2 if phase.kind is CollectiveKind.ALL_REDUCE else 1) * self._others  # messages still to send
        self._turns = turns(phase)
        self._made = self._sent = self._received = 0  # packets
        self._free = 0  # packets through to the network, and not sent

    def start(self) -> None:
        for _ in range(self._at_once):
            self._make()

    def _make(self) -> None:
        passed = self._turns.hand_over(self._made, self._bytes)
        self._made += 1
        self._seat.pass_on(passed, self._through)

    def _arrived(self, _: None) -> None:
        self._received += 1
        self._make()

    def _through(self, _: None) -> None:
        self._free += 1
        if self._phase.kind is CollectiveKind.ALL_REDUCE and self._left <= self._others:
            if self._received < self._others:
                return
            for _packet in range(self._at_once):
                self._send_one()
        else:
            self._send_one()
        if not self._left and self._free == self._at_once:
            self._seat.finish()

    def _send_one(self) -> None:
        if not self._left or not self._free or self._made == self._sent:
            return
        distance = 1 + self._sent % self._others
        self._seat.send(peer(self._phase, distance), self._bytes)
        self._seat.receive(peer(self._phase, -distance), self._bytes, self._arrived)
        self._left -= 1
        self._sent += 1
        self._free -= 1
