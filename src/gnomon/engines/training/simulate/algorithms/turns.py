"""Which of the packets of an algorithm are summed on arrival: they come in turns of some that leave memory and some that pass on.

Packets are numbered as they are made. A turn begins with the packets that start from memory, as many as may be in flight; those
that follow in the turn were made because a message came in. [astra-sim 518bd51, Ring.cc, HalvingDoubling.cc: insert_packet]
"""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.endpoint import HandOver
from gnomon.engines.training.simulate.phase import Phase


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of a phase."""

    kind: CollectiveKind
    is_local: bool
    starting: int  # packets of a turn that start from memory
    following: int  # packets of a turn after them

    def hand_over(self, packet: int, message_bytes: int) -> HandOver:
        """How a packet passes between memory and network."""
        turn, at = divmod(packet, self.starting + self.following)
        follows = at >= self.starting
        sums = self.kind is CollectiveKind.REDUCE_SCATTER or (self.kind is CollectiveKind.ALL_REDUCE and turn % 2 == 0)
        return HandOver(
            message_bytes=message_bytes,
            reduces=follows and sums,
            to_memory=not follows,
            is_local=self.is_local,
            is_sent_back=follows and self.starting + self.following - at > self.starting,
        )


def turns_of(phase: Phase, starting: int, following: int) -> Turns:
    """The turns of a phase."""
    return Turns(phase.kind, phase.is_local, starting, following)
