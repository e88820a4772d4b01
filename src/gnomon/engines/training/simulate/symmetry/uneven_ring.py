"""A ring whose members begin at different times, without congestion: all of it at once, when the last has begun.

Every member waits for every other, round the ring, so that none ends before the last has begun. [astra-sim 518bd51, Ring.cc]
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from gnomon.engines.training.simulate.phase import Phase
from gnomon.engines.training.simulate.symmetry.course import RingSteps
from gnomon.engines.training.simulate.symmetry.folded_seat import FoldedSeat
from gnomon.engines.training.simulate.symmetry.spans import FoldedTraffic

_Times = npt.NDArray[np.int64]


def uneven_ring_ns(begin_ns: _Times, ring: RingSteps, towards: int) -> tuple[_Times, _Times]:
    """When each member sends, `(steps, members)`, and ends, `(members,)`, in ns.

    A packet is made when the member has sent the one before and has what the member before it sent then:
        u(p, k + 1) = max(u(p, k), u(p - 1, k) + c) + e, and r where it is summed; u(p, 0) = begin(p) + e
    """
    sent, now = [], begin_ns + ring.delay_ns
    for step in range(ring.steps):
        sent.append(now)
        made = np.maximum(now, np.roll(now + ring.crossing.time_ns, towards))
        now = made + ring.delay_ns + (ring.sum_ns if step < ring.sums else 0)
    return np.stack(sent), now


class UnevenRings:
    """Those under way."""

    def __init__(self, traffic: Sequence[FoldedTraffic]) -> None:
        self._traffic = traffic
        self._waiting: dict[Hashable, dict[int, tuple[FoldedSeat, int]]] = {}  # by place: seat, and when it began

    def run(self, seat: FoldedSeat, phase: Phase, ring: RingSteps, count: int) -> Waiting:
        """A member's part; so many of the ring stand for all of it."""
        return Waiting(self, seat, phase, ring, count)

    def begin(self, waiting: Waiting) -> None:
        """A member begins; the last settles when each ends."""
        seat, phase, ring = waiting.seat, waiting.phase, waiting.ring
        begun = self._waiting.setdefault(waiting.key, {})
        begun[phase.place] = seat, seat.agenda.clock.now
        if len(begun) < waiting.count:
            return
        del self._waiting[waiting.key]
        order = sorted(begun)
        begin_ns = np.array([begun[place][1] for place in order], dtype=np.int64)
        sent_ns, end_ns = uneven_ring_ns(begin_ns, ring, 1 if phase.is_clockwise else -1)
        for links in ring.crossing.links:
            self._traffic[links.traffic].add_all(sent_ns, ring.message_bytes, links)
        for place, ends in zip(order, end_ns.tolist(), strict=True):
            begun[place][0].end_at(ends, ring.last_ns)


class Waiting:
    """A member that has begun, and waits for the others to."""

    __slots__ = ("_rings", "count", "key", "phase", "ring", "seat")

    def __init__(self, rings: UnevenRings, seat: FoldedSeat, phase: Phase, ring: RingSteps, count: int) -> None:
        self._rings, self.seat, self.phase, self.ring, self.count = rings, seat, phase, ring, count
        circle = tuple(phase.members) if phase.is_local else (phase.members[0], phase.members[1])
        self.key = seat.stream.id, len(seat.stream.phases), phase.kind, phase.chunk_bytes, circle

    def start(self) -> None:
        self._rings.begin(self)
