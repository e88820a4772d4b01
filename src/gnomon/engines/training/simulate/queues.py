"""The queues of a rank: in each dimension some, each of which has some chunks under way and lets the others wait.

[astra-sim 518bd51, Sys.cc: proceed_to_next_vnet_baseline, SchedulerUnit, insert_stream; QueueLevelHandler.cc]
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gnomon.engines.training.simulate.phase import Phase, Running


class Stream:
    """One chunk of a collective, on its way through the phases."""

    __slots__ = ("ended", "id", "phase", "phases", "priority")

    def __init__(self, id: int, priority: int, phases: Iterable[Phase], ended: Callable[[], None]) -> None:
        self.id, self.priority = id, priority
        self.phases = deque(phases)  # to come
        self.phase: Phase | None = None  # that it waits for or is in
        self.ended = ended


class Starter(Protocol):
    """What makes a phase run."""

    def __call__(self, stream: Stream) -> Running: ...


class Queue:
    """One queue."""

    __slots__ = ("_limit", "_running", "_start", "waiting")

    def __init__(self, limit: int, start: Starter) -> None:
        self._limit, self._start = limit, start
        self._running = 0
        self.waiting: list[Stream] = []  # the next first

    def enter(self, stream: Stream) -> None:
        """Wait behind those of the same priority."""
        insort(self.waiting, stream, key=_order)

    def start_next(self) -> None:
        """Begin with as many as there is room for."""
        while self._running < self._limit and self.waiting:
            stream = self.waiting.pop(0)
            self._start(stream).start()
            self._running += 1

    def leave(self) -> None:
        """One is through."""
        self._running -= 1
        self.start_next()


def _order(stream: Stream) -> Any:
    return -stream.priority


class Queues:
    """All queues of a rank, made as they are first used."""

    __slots__ = ("_limit", "_queues", "_start")

    def __init__(self, limit: int, start: Starter) -> None:
        self._limit, self._start = limit, start
        self._queues: dict[int, Queue] = {}

    def advance(self, stream: Stream) -> None:
        """Send a stream into its next phase, or end it. Its old queue goes on first, then the new one."""
        last = stream.phase
        if not stream.phases:
            stream.ended()
        else:
            stream.phase = stream.phases.popleft()
            self._queue(stream.phase.queue).enter(stream)
        if last is not None:
            self._queue(last.queue).leave()
        if stream.phase is not last:
            assert stream.phase is not None
            self._queue(stream.phase.queue).start_next()

    @property
    def waiting(self) -> list[Stream]:
        """Streams that have not begun their phase."""
        return [stream for queue in self._queues.values() for stream in queue.waiting]

    def _queue(self, number: int) -> Queue:
        queue = self._queues.get(number)
        if queue is None:
            queue = self._queues[number] = Queue(self._limit, self._start)
        return queue


class Turnstile:
    """Which queue of a dimension the next phase is sent to, and which way round its ring runs.

    With several queues, the upper half runs anticlockwise; where a dimension is visited twice, the first visits have the lower
    half and the second the upper. [QueueLevelHandler.cc]
    """

    __slots__ = ("_any", "_count", "_first", "_last", "_start")

    def __init__(self, dimension: int, count: int) -> None:
        self._start, self._count = dimension * count, count
        self._any = self._first = 0
        self._last = count // 2

    def any(self) -> tuple[int, bool]:
        """Of all queues in turn; whether clockwise."""
        taken = self._any
        self._any = (taken + 1) % self._count
        return self._start + taken, self._count == 1 or taken < self._count // 2

    def first(self) -> tuple[int, bool]:
        """Of the lower half."""
        taken = self._first
        self._first = 0 if taken + 1 >= self._count // 2 else taken + 1
        return self._start + taken, True

    def last(self) -> tuple[int, bool]:
        """Of the upper half."""
        taken = self._last
        self._last = self._count // 2 if taken + 1 >= self._count else taken + 1
        return self._start + taken, False
