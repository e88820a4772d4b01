"""Halving and doubling: partners at distance 1, 2, 4 ... swap half of what they have, then double it back.

[astra-sim 518bd51, HalvingDoubling.cc; Thakur, Rabenseifner & Gropp, IJHPCA 2005] The size of a message is halved and doubled from
the one before and drops its fraction each time, so that an odd chunk comes back smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import log2

from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.turns import Turns, turns_of
from gnomon.engines.training.simulate.phase import Phase, Seat


def steps(phase: Phase) -> int:
    """Messages that each rank sends."""
    return int((2 if phase.kind is CollectiveKind.ALL_REDUCE else 1) * log2(len(phase.members)))


def packets(phase: Phase) -> Iterator[tuple[int, int]]:
    """How far the partner of each packet is, and its bytes; those beyond the last message are made and not sent."""
    ranks, gathers = len(phase.members), phase.kind is CollectiveKind.ALL_GATHER
    distance, message_bytes = (ranks // 2, phase.chunk_bytes) if gathers else (1, phase.chunk_bytes // 2)
    factor = 0.5 if gathers else 2.0  # from one distance to the next, and from one size to the one before
    while True:
        yield distance, message_bytes
        distance, message_bytes = int(distance * factor), int(message_bytes / factor)
        if distance == ranks and phase.kind is CollectiveKind.ALL_REDUCE:
            factor = 0.5
            distance, message_bytes = int(distance * factor), int(message_bytes / factor)


def turns(phase: Phase) -> Turns:
    """The turns of its packets."""
    return turns_of(phase, 1, int(log2(len(phase.members)) - 1))


class HalvingDoubling:
    """A rank's part."""

    __slots__ = ("_free", "_left", "_made", "_packets", "_phase", "_ready", "_seat", "_turns")

    def __init__(self, seat: Seat, phase: Phase) -> None:
        ranks = len(phase.members)
        if phase.kind is CollectiveKind.ALL_TO_ALL:
            raise BadInput("halvingDoubling does no all-to-all")
        if (
            ranks & (ranks - 1) and phase.kind is not CollectiveKind.ALL_GATHER
        ):  # partners of a gather meet all the same
            raise BadInput(f"halvingDoubling over {ranks} ranks: a power of two is needed, or partners miss each other")
        self._seat, self._phase = seat, phase
        self._left = steps(phase)  # messages still to send
        self._packets = packets(phase)
        self._turns = turns(phase)
        self._made = 0  # packets
        self._free = 0  # packets through to the network, and not sent
        self._ready: deque[tuple[int, int]] = deque()  # partner's distance and bytes of the packets made and not sent

    def start(self) -> None:
        self._make(None)

    def _make(self, _: None) -> None:
        distance, message_bytes = next(self._packets)
        passed = self._turns.hand_over(self._made, message_bytes)
        self._made += 1
        self._ready.append((distance, message_bytes))
        self._seat.pass_on(passed, self._through)

    def _partner(self, distance: int) -> int:
        is_ahead = self._phase.place // distance % 2 == 0
        return self._phase.members[
            (self._phase.place + (distance if is_ahead else -distance)) % len(self._phase.members)
        ]

    def _through(self, _: None) -> None:
        self._free += 1
        if self._ready and self._left:
            distance, message_bytes = self._ready.popleft()
            partner = self._partner(distance)
            self._seat.send(partner, message_bytes)
            self._seat.receive(partner, message_bytes, self._make)
            self._left -= 1
            self._free -= 1
        if not self._left and self._free == 1:
            self._seat.finish()
