"""How a rank that stands for others runs a phase: in closed form where all members do the same, else message by message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.machine import machine
from gnomon.engines.training.simulate.clock import Call
from gnomon.engines.training.simulate.endpoint import HandOver
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.phase import Phase, Running
from gnomon.engines.training.simulate.seated import Seated
from gnomon.engines.training.simulate.symmetry.alike import NotAlike
from gnomon.engines.training.simulate.symmetry.course import Course, course
from gnomon.engines.training.simulate.symmetry.crossing import AwareCrossings, UnawareCrossings
from gnomon.engines.training.simulate.symmetry.fold import Fold
from gnomon.engines.training.simulate.symmetry.order import WatchedAgenda
from gnomon.engines.training.simulate.symmetry.spans import FoldedTraffic


class Phases:
    """Runs those of a folded cluster."""

    def __init__(
        self, given: Given, fold: Fold, agendas: Mapping[int, WatchedAgenda], traffic: Sequence[FoldedTraffic]
    ) -> None:
        self._given, self._fold, self._agendas, self._traffic = given, fold, agendas, traffic
        self._is_aware = given.backend == "aware"
        if self._is_aware and (given.rules.active_chunks > 1 or given.options.queues_per_dimension > 1):
            self._several = "with congestion, chunks under way together meet on links"
        else:
            self._several = ""
        self._crossings = (AwareCrossings if self._is_aware else UnawareCrossings)(given, fold)
        self._courses: dict[tuple[object, ...], Course | None] = {}
        self.closed = 0  # phases in closed form

    def run(self, seat: Seated, phase: Phase) -> Running:
        """A phase of a rank that stands for others. NotAlike."""
        if self._several:
            raise NotAlike(self._several)
        folded = FoldedSeat(seat, phase, self._agendas[seat.rank], self._fold)
        if self._is_one_class(seat.rank, phase):
            found = self._course(phase)
            if found is not None:
                self.closed += 1
                return Elapsing(folded, len(phase.members), found, self._traffic)
        self._check_messages(phase)
        return machine(folded, phase)

    def _is_one_class(self, rank: int, phase: Phase) -> bool:
        if phase.is_local:
            return all(self._fold.stand_in(member) == rank for member in phase.members)
        if len(phase.members) == self._fold.fabric.npus:
            return len(self._fold.ranks) == 1
        return self._fold.stand_in(phase.members[1]) == rank and self._fold.stand_in(phase.members[0]) == rank

    def _course(self, phase: Phase) -> Course | None:
        step = phase.members.step if isinstance(phase.members, range) else 0
        key = (
            phase.kind, phase.algorithm, len(phase.members), step, phase.chunk_bytes, phase.is_clockwise, phase.is_local
        )  # fmt: skip
        if key not in self._courses:
            self._courses[key] = course(phase, self._crossings, self._given.rules)
        return self._courses[key]

    def _check_messages(self, phase: Phase) -> None:
        """NotAlike unless the messages of a phase are those of its class, and do not meet."""
        assert isinstance(phase.algorithm, Algorithm)
        if self._is_aware:
            raise NotAlike("with congestion, messages may meet on links")
        if phase.is_local:
            raise NotAlike("the ranks of a process group do not do the same, or are not equally far apart")
        if phase.algorithm.spans_all and len(self._fold.fabric.dimensions) > 1:
            raise NotAlike("an algorithm spans dimensions, and its messages go different ways")
        if phase.algorithm.name is AlgorithmName.DIRECT and phase.kind is CollectiveKind.ALL_REDUCE:
            raise NotAlike("a direct all-reduce waits for all its messages, which take different times")


class FoldedSeat:
    """A seat of a rank that stands for others."""

    __slots__ = ("_agenda", "_fold", "_moved", "_seat", "_swaps", "rank")

    def __init__(self, seat: Seated, phase: Phase, agenda: WatchedAgenda, fold: Fold) -> None:
        assert isinstance(phase.algorithm, Algorithm)
        self._seat, self._agenda, self._fold, self.rank = seat, agenda, fold, seat.rank
        self._swaps = phase.algorithm.name is AlgorithmName.HALVING_DOUBLING
        self._moved: dict[int, tuple[int, int]] = {}  # from each peer

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


class Elapsing:
    """A phase that takes its time."""

    __slots__ = ("_course", "_members", "_seat", "_traffic")

    def __init__(self, seat: FoldedSeat, members: int, course: Course, traffic: Sequence[FoldedTraffic]) -> None:
        self._seat, self._members, self._course, self._traffic = seat, members, course, traffic

    def start(self) -> None:
        agenda = self._seat.agenda
        for train in self._course.trains:
            for links in train.crossing.links:
                self._traffic[links.traffic].add_train(self._seat.rank, self._members, agenda.clock.now, train, links)
        agenda.after(self._course.time_ns - self._course.last_ns, self._ask)

    def _ask(self, _: None) -> None:
        """When the machine would ask for its end: what ends at one time does so in the order of asking."""
        self._seat.agenda.after(self._course.last_ns, self._end)

    def _end(self, _: None) -> None:
        self._seat.finish()
