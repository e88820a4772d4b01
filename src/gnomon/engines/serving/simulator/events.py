"""Events in the order of their time, then of their creation: a line of those at the present time, a heap of those to come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator.state import Records

ROUTE, FORM, ENTER, SERVE, END_STAGE, END_BATCH, END_STEPS, SENT, LOADED, ASK = range(10)
_NEVER = np.inf
_EVENT = np.dtype([("time_s", "f8"), ("number", "i8"), ("what", "i8"), ("whom", "i8")])
_MARKS = np.dtype([("created", "i8"), ("head", "i8"), ("tail", "i8"), ("heaped", "i8")])


class Events(NamedTuple):
    """What is to happen."""

    marks: Records  # one: events created, ends of the line, events in the heap
    line: Records  # a ring
    heap: Records


def new_events(replicas: int, slots: int, sent: int = 0) -> Events:
    """Room for what one moment can hold; `sent`: KV caches that may be on their way at once.

    A batch in its slot is in one place: about to enter a stage, waiting for it, on it (which is in the heap), or about to end. So the
    heap holds one event of each slot, beside another model a second (ASK), and `sent`. The line is drained in the order in which it was
    filled: while an event x is in it, only what was there before x happens, be it of the line or of the heap. What x has behind it came
    of that: of each slot one SERVE or one FORM, of all that come one ROUTE, of an earlier ROUTE a FORM of each replica, a FORM of each
    KV cache that was sent or loaded, and of all that leave the queue of a replica one FORM (`is_in_line`). With the one ENTER or
    END_BATCH of each slot these are at most 2 slots + 2 replicas + 1 + `sent`: whoever adds a kind of event adds it here.
    """
    room = 8 * replicas * slots + 64 + sent
    return Events(
        marks=np.zeros(1, _MARKS).view(np.recarray),
        line=np.zeros(room, _EVENT).view(np.recarray),
        heap=np.zeros(room, _EVENT).view(np.recarray),
    )


@inner
def now(events: Events, what: int, whom: int) -> None:
    """Something happens at the present time, after all that is known to."""
    marks = events.marks[0]
    one = events.line[marks.tail % len(events.line)]
    one.number, one.what, one.whom = marks.created, what, whom
    marks.tail += 1
    marks.created += 1


@inner
def later(events: Events, time_s: float, what: int, whom: int) -> None:
    """Something happens at a time to come."""
    marks, heap = events.marks[0], events.heap
    place = marks.heaped
    while place > 0:
        parent = (place - 1) // 2
        if heap[parent].time_s <= time_s:  # created before
            break
        _copy(heap[parent], heap[place])
        place = parent
    one = heap[place]
    one.time_s, one.number, one.what, one.whom = time_s, marks.created, what, whom
    marks.heaped += 1
    marks.created += 1


@inner
def next_later_s(marks: Records, first: Records) -> float:
    """When the first of the heap happens; infinite: it is empty."""
    time_s: float = first.time_s
    return _NEVER if marks.heaped == 0 else time_s


@inner
def is_quiet(marks: Records) -> bool:
    """Whether nothing more happens at the present time, as far as the line knows."""
    quiet: bool = marks.head == marks.tail
    return quiet


@inner
def is_in_line(events: Events, number: int) -> bool:
    """Whether the event of the line that was created with this number has not happened yet."""
    marks = events.marks[0]
    still: bool = marks.head != marks.tail and events.line[marks.head % len(events.line)].number <= number
    return still


@inner
def pop_line(events: Events) -> tuple[int, int]:
    """What happens, and to whom."""
    marks = events.marks[0]
    one = events.line[marks.head % len(events.line)]
    marks.head += 1
    return one.what, one.whom


@inner
def pop_heap(events: Events) -> tuple[int, int]:
    """What happens, and to whom."""
    marks, heap = events.marks[0], events.heap
    what, whom = heap[0].what, heap[0].whom
    marks.heaped -= 1
    last, place = heap[marks.heaped], 0
    while True:
        child = 2 * place + 1
        if child >= marks.heaped:
            break
        if child + 1 < marks.heaped and _is_before(heap[child + 1], heap[child]):
            child += 1
        if not _is_before(heap[child], last):
            break
        _copy(heap[child], heap[place])
        place = child
    _copy(last, heap[place])
    return what, whom


@inner
def _is_before(one: Records, other: Records) -> bool:
    if one.time_s != other.time_s:
        earlier: bool = one.time_s < other.time_s
        return earlier
    older: bool = one.number < other.number
    return older


@inner
def _copy(source: Records, target: Records) -> None:
    target.time_s, target.number, target.what, target.whom = source.time_s, source.number, source.what, source.whom
