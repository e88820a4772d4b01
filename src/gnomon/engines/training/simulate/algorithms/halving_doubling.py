"""Halving and doubling: partners at distance 1, 2, 4 ... swap half of what they have, then double it back.

[astra-sim 518bd51, HalvingDoubling.cc; Thakur, Rabenseifner & Gropp, IJHPCA 2005] The size of a message is halved and doubled from
the one before and drops its fraction each time, so that an odd chunk comes back smaller.
"""

from __future__ import annotations

from collections import deque
from math import log2

from gnomon.core.errors import BadInput
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.turns import turns_of
from gnomon.engines.training.simulate.phase import Phase, Seat


class HalvingDoubling:
    """A rank's part."""

    __slots__ = (
        "_bytes",
        "_distance",
        "_factor",
        "_free",
        "_left",
        "_made",
        "_partner",
        "_phase",
        "_ready",
        "_seat",
        "_turns",
    )

    def __init__(self, seat: Seat, phase: Phase) -> None:
        ranks, gathers = len(phase.members), phase.kind is CollectiveKind.ALL_GATHER
        if phase.kind is CollectiveKind.ALL_TO_ALL:
            raise BadInput("halvingDoubling does no all-to-all")
        if ranks & (ranks - 1) and not gathers:  # partners of a gather meet all the same
            raise BadInput(f"halvingDoubling over {ranks} ranks: a power of two is needed, or partners miss each other")
        self._seat, self._phase = seat, phase
        self._left = int((2 if phase.kind is CollectiveKind.ALL_REDUCE else 1) * log2(ranks))  # messages still to send
        self._bytes = phase.chunk_bytes if gathers else phase.chunk_bytes // 2  # of the next packet
        self._distance = ranks // 2 if gathers else 1
        self._factor = 0.5 if gathers else 2.0  # from one distance to the next, and from one size to the one before
        self._turns = turns_of(phase, 1, int(log2(ranks) - 1))
        self._made = 0  # packets
        self._free = 0  # packets through to the network, and not sent
        self._ready: deque[tuple[int, int]] = deque()  # partner and bytes of the packets made and not sent
        self._partner = self._find_partner(phase.members[phase.place])

    def start(self) -> None:
        self._make(None)

    def _make(self, _: None) -> None:
        passed = self._turns.hand_over(self._made, self._bytes)
        self._made += 1
        self._ready.append((self._partner, self._bytes))
        self._seat.pass_on(passed, self._through)
        self._go_further()

    def _go_further(self) -> None:
        """To the partner and the size of the next packet."""
        self._scale()
        if self._distance == len(self._phase.members) and self._phase.kind is CollectiveKind.ALL_REDUCE:
            self._factor = 0.5
            self._scale()
        self._partner = self._find_partner(self._partner)

    def _scale(self) -> None:
        self._distance = int(self._distance * self._factor)
        self._bytes = int(self._bytes / self._factor)

    def _find_partner(self, last: int) -> int:
        if not self._distance:
            return last  # beyond the last step: made, never sent
        is_ahead = self._phase.place // self._distance % 2 == 0
        return self._phase.members[
            (self._phase.place + (self._distance if is_ahead else -self._distance)) % len(self._phase.members)
        ]

    def _through(self, _: None) -> None:
        self._free += 1
        if self._ready and self._left:
            partner, message_bytes = self._ready.popleft()
            self._seat.send(partner, message_bytes)
            self._seat.receive(partner, message_bytes, self._make)
            self._left -= 1
            self._free -= 1
        if not self._left and self._free == 1:
            self._seat.finish()
