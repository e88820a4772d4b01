"""How a rank that stands for others runs a phase: in closed form where all members do the same, else message by message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.core.trace import CollectiveKind
from gnomon.engines.training.simulate.algorithms.machine import machine
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.phase import Phase, Running
from gnomon.engines.training.simulate.seated import Seated
from gnomon.engines.training.simulate.symmetry.alike import NotAlike
from gnomon.engines.training.simulate.symmetry.course import Course, course, ring_steps
from gnomon.engines.training.simulate.symmetry.crossing import AwareCrossings, UnawareCrossings
from gnomon.engines.training.simulate.symmetry.fold import Fold
from gnomon.engines.training.simulate.symmetry.folded_seat import FoldedSeat
from gnomon.engines.training.simulate.symmetry.order import WatchedAgenda
from gnomon.engines.training.simulate.symmetry.spans import FoldedTraffic
from gnomon.engines.training.simulate.symmetry.uneven_ring import UnevenRings


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
        self._rings = UnevenRings(traffic)
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
        else:
            count = self._in_ring(phase)
            steps = ring_steps(phase, self._crossings, self._given.rules) if count else None
            if steps is not None:
                self.closed += 1
                return self._rings.run(folded, phase, steps, count)
        self._check_messages(phase)
        return machine(folded, phase)

    def _in_ring(self, phase: Phase) -> int:
        """How many members of a ring stand for all of it; 0: it is no ring whose messages go one way, without congestion."""
        assert isinstance(phase.algorithm, Algorithm)
        if self._is_aware or phase.algorithm.name is not AlgorithmName.RING:
            return 0
        if isinstance(phase.members, range) and not phase.is_local:
            dimensions = self._fold.fabric.dimensions
            is_whole = len(phase.members) == self._fold.fabric.npus and len(dimensions) > 1
            return 0 if is_whole else self._fold.periods[self._fold.fabric.strides.index(phase.members.step)]
        return len(phase.members) if self._fold.weight == 1 else 0

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
        if self._fold.weight == 1:
            raise NotAlike("no two ranks have the same program and the same place")
        if self._is_aware:
            raise NotAlike("with congestion, messages may meet on links")
        if phase.is_local:
            raise NotAlike("the ranks of a process group do not do the same, or are not equally far apart")
        if phase.algorithm.spans_all and len(self._fold.fabric.dimensions) > 1:
            raise NotAlike("an algorithm spans dimensions, and its messages go different ways")
        if phase.algorithm.name is AlgorithmName.DIRECT and phase.kind is CollectiveKind.ALL_REDUCE:
            raise NotAlike("a direct all-reduce waits for all its messages, which take different times")


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
        self._seat.end_at(agenda.clock.now + self._course.time_ns, self._course.last_ns)
