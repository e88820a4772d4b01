"""Events in the order of their time, then of their creation: a line of those at the present time, a heap of those to come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints

ROUTE, FORM, ENTER, SERVE, END_STAGE, END_BATCH, END_STEPS = range(7)
_COUNT, _HEAD, _TAIL, _HEAPED = range(4)  # places in Events.marks


class Events(NamedTuple):
    """What is to happen."""

    marks: Ints  # (4): events created; head and tail of the line; events in the heap
    line: Ints  # (place, 3): order of creation, what, whom; a ring
    times_s: Floats  # (place): the heap
    heap: Ints  # (place, 3): likewise


def new_events(replicas: int, stages: int) -> Events:
    """Room for what one moment can hold."""
    room = 8 * replicas * stages + 64
    return Events(
        marks=np.zeros(4, np.int64),
        line=np.zeros((room, 3), np.int64),
        times_s=np.zeros(room),
        heap=np.zeros((room, 3), np.int64),
    )


@inner
def now(events: Events, what: int, whom: int) -> None:
    """Something happens at the present time, after all that is known to."""
    place = events.marks[_TAIL] % len(events.line)
    events.line[place, 0], events.line[place, 1], events.line[place, 2] = events.marks[_COUNT], what, whom
    events.marks[_TAIL] += 1
    events.marks[_COUNT] += 1


@inner
def later(events: Events, time_s: float, what: int, whom: int) -> None:
    """Something happens at a time to come."""
    place, number = events.marks[_HEAPED], events.marks[_COUNT]
    while place > 0:
        parent = (place - 1) // 2
        if events.times_s[parent] <= time_s:  # created before
            break
        _copy(events, parent, place)
        place = parent
    events.times_s[place] = time_s
    events.heap[place, 0], events.heap[place, 1], events.heap[place, 2] = number, what, whom
    events.marks[_HEAPED] += 1
    events.marks[_COUNT] += 1


@inner
def next_later_s(events: Events) -> float:
    """When the first of the heap happens; infinite: it is empty."""
    if events.marks[_HEAPED] == 0:
        return np.inf
    first: float = events.times_s[0]
    return first


@inner
def is_quiet(events: Events) -> bool:
    """Whether nothing more happens at the present time, as far as the line knows."""
    quiet: bool = events.marks[_HEAD] == events.marks[_TAIL]
    return quiet


@inner
def is_line_first(events: Events, now_s: float) -> bool:
    """Whether the next event is of the line; one of the heap at the same time may have been created before."""
    if is_quiet(events):
        return False
    if events.marks[_HEAPED] == 0 or events.times_s[0] > now_s:
        return True
    first: bool = events.line[events.marks[_HEAD] % len(events.line), 0] < events.heap[0, 0]
    return first


@inner
def pop_line(events: Events) -> tuple[int, int]:
    """What happens, and to whom."""
    place = events.marks[_HEAD] % len(events.line)
    events.marks[_HEAD] += 1
    return events.line[place, 1], events.line[place, 2]


@inner
def pop_heap(events: Events) -> tuple[int, int]:
    """What happens, and to whom."""
    what, whom = events.heap[0, 1], events.heap[0, 2]
    events.marks[_HEAPED] -= 1
    count = events.marks[_HEAPED]
    time_s, number, kind, subject = (
        events.times_s[count],
        events.heap[count, 0],
        events.heap[count, 1],
        events.heap[count, 2],
    )
    place = 0
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and _before(events, child + 1, events.times_s[child], events.heap[child, 0]):
            child += 1
        if not _before(events, child, time_s, number):
            break
        _copy(events, child, place)
        place = child
    events.times_s[place] = time_s
    events.heap[place, 0], events.heap[place, 1], events.heap[place, 2] = number, kind, subject
    return what, whom


@inner
def _before(events: Events, place: int, time_s: float, number: int) -> bool:
    if events.times_s[place] != time_s:
        earlier: bool = events.times_s[place] < time_s
        return earlier
    older: bool = events.heap[place, 0] < number
    return older


@inner
def _copy(events: Events, source: int, target: int) -> None:
    events.times_s[target] = events.times_s[source]
    for at in range(3):
        events.heap[target, at] = events.heap[source, at]
