"""The ring: each rank sends to the next and waits for the one before. [astra-sim 518bd51, Ring.cc]

An all-reduce has 2 (n - 1) steps, a reduce-scatter or all-gather n - 1, each of 1/n of the chunk (all-gather: of the whole); an
all-to-all n (n - 1) / 2 steps of 1/n, as if each message went all the way round. [Patarasuk & Yuan, JPDC 2009]
"""

from __future__ import annotations

from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.turns import turns_of
from gnomon.engines.training.simulate.phase import Phase, Seat


def message_bytes(phase: Phase) -> int:
    """Bytes of each message, in a ring or direct."""
    return phase.chunk_bytes if phase.kind is CollectiveKind.ALL_GATHER else phase.chunk_bytes // len(phase.members)


def peer(phase: Phase, distance: int) -> int:
    """The rank so many places on in the direction of the phase."""
    step = distance if phase.is_clockwise else -distance
    return phase.members[(phase.place + step) % len(phase.members)]


def steps(kind: CollectiveKind, ranks: int) -> int:
    """Messages that each rank sends."""
    match kind:
        case CollectiveKind.ALL_REDUCE:
            return 2 * (ranks - 1)
        case CollectiveKind.ALL_TO_ALL:
            return ranks * (ranks - 1) // 2
    return ranks - 1


class Ring:
    """A rank's part."""

    __slots__ = ("_after", "_before", "_bytes", "_free", "_left", "_made", "_seat", "_sent", "_turns")

    def __init__(self, seat: Seat, phase: Phase) -> None:
        ranks = len(phase.members)
        self._seat = seat
        self._after, self._before = peer(phase, 1), peer(phase, -1)
        self._bytes = message_bytes(phase)
        self._left = steps(phase.kind, ranks)  # messages still to send
        self._turns = turns_of(phase, 1, ranks - 1)
        self._made = self._sent = 0  # packets
        self._free = 0  # packets through to the network, and not sent

    def start(self) -> None:
        self._make(None)

    def _make(self, _: None) -> None:
        passed = self._turns.hand_over(self._made, self._bytes)
        self._made += 1
        self._seat.pass_on(passed, self._through)

    def _through(self, _: None) -> None:
        self._free += 1
        if self._left and self._made > self._sent:
            self._seat.send(self._after, self._bytes)
            self._seat.receive(self._before, self._bytes, self._make)
            self._left -= 1
            self._sent += 1
            self._free -= 1
        if not self._left and self._free == 1:
            self._seat.finish()
