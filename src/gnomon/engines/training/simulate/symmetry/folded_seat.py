"""The place of a rank that stands for others in one phase of one chunk."""

from __future__ import annotations

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.engines.training.simulate.clock import Call
from gnomon.engines.training.simulate.endpoint import HandOver
from gnomon.engines.training.simulate.phase import Phase
from gnomon.engines.training.simulate.queues import Stream
from gnomon.engines.training.simulate.seated import Seated
from gnomon.engines.training.simulate.symmetry.fold import Fold
from gnomon.engines.training.simulate.symmetry.order import WatchedAgenda


class FoldedSeat:
    """A seat of a rank that stands for others."""

    __slots__ = ("_agenda", "_fold", "_moved", "_seat", "_swaps", "rank")

    def __init__(self, seat: Seated, phase: Phase, agenda: WatchedAgenda, fold: Fold) -> None:
        assert isinstance(phase.algorithm, Algorithm)
        self._seat, self._agenda, self._fold, self.rank = seat, agenda, fold, seat.rank
        self._swaps = phase.algorithm.name is AlgorithmName.HALVING_DOUBLING
        self._moved: dict[int, tuple[int, int]] = {}  # from each peer

    @property
    def stream(self) -> Stream:
        """That is in the phase."""
        return self._seat.stream

    @property
    def agenda(self) -> WatchedAgenda:
        """Of the rank."""
        return self._agenda

    def pass_on(self, passed: HandOver, call: Call) -> None:
        self._seat.pass_on(passed, call)

    def send(self, peer: int, message_bytes: int) -> None:
        self._seat.send(peer, message_bytes)

    def receive(self, peer: int, message_bytes: int, call: Call) -> None:
        """Wait for what the rank that stands for another member sends in its stead."""
        if peer not in self._moved:
            self._moved[peer] = self._fold.moved(peer, self.rank, swaps=self._swaps)
        self._seat.receive_as(*self._moved[peer], message_bytes, call)

    def finish(self) -> None:
        """The phase is over. Which of two different chunks comes first into a queue counts."""
        coming = self._seat.stream.phases
        if coming:
            rest = tuple((one.kind, one.algorithm, one.chunk_bytes, one.queue, one.tree) for one in coming)
            self._agenda.note(coming[0].queue, rest)
        self._seat.finish()

    def end_at(self, time_ns: int, last_ns: int) -> None:
        """Finish at a time, asked for when the machine of an algorithm would: before its last delay.

        What ends at one time does so in the order of asking.
        """
        self._agenda.after(time_ns - last_ns - self._agenda.clock.now, self._ask, last_ns)

    def _ask(self, last_ns: int) -> None:
        self._agenda.after(last_ns, self._end)

    def _end(self, _: None) -> None:
        self.finish()
