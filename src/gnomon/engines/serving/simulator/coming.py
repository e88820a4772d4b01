"""Requests that come when others are through: the next turn of a conversation, the next of a client that waits for its answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints
from gnomon.engines.serving.simulator.state import NONE, Records, Rules

_NEVER = np.inf
_MARKS = np.dtype([("heaped", "i8"), ("head", "i8"), ("tail", "i8"), ("open", "i8")])
_COMER = np.dtype([("time_s", "f8"), ("request", "i8")])


class Coming(NamedTuple):
    """Who is to come. Of no use where all arrive at times that are known: there the requests themselves are the line."""

    marks: Records  # one: comers, ends of those held back, requests under way
    heap: Records  # comers by time, then by their place
    line: Ints  # requests in the order in which they came
    held: Ints  # requests that came while too many were under way
    first: Ints  # (request): the first that its end lets come
    other: Ints  # (request): another of the same


def new_coming(arrivals: Arrivals, requests: Records, rules: Rules) -> Coming:
    """Nobody has come."""
    count = len(arrivals) if rules.waits_for_ends else 0
    marks = np.zeros(1, _MARKS).view(np.recarray)
    heap = np.zeros(count + 1, _COMER).view(np.recarray)
    first, other = np.full(count + 1, NONE), np.full(count + 1, NONE)
    if count:
        after = np.full(count, NONE) if arrivals.after is None else np.asarray(arrivals.after, np.int64)
        for request in np.flatnonzero(after >= 0)[::-1].tolist():
            other[request], first[after[request]] = first[after[request]], request
        alone = np.flatnonzero(after < 0)
        alone = alone[np.argsort(requests.arrived_s[alone], kind="stable")]  # sorted is a heap
        heap.request[: len(alone)], heap.time_s[: len(alone)] = alone, requests.arrived_s[alone]
        marks.heaped[0] = len(alone)
    return Coming(marks, heap, np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64), first, other)


@inner
def next_s(coming: Coming) -> float:
    """When the next comes; infinite: nobody is known to."""
    time_s: float = coming.heap[0].time_s
    return time_s if coming.marks[0].heaped > 0 else _NEVER


@inner
def push(coming: Coming, request: int, time_s: float) -> None:
    """A request will come."""
    marks, heap = coming.marks[0], coming.heap
    place = marks.heaped
    marks.heaped += 1
    while place > 0:
        parent = (place - 1) // 2
        if not _is_before(time_s, request, heap[parent]):
            break
        heap[place].time_s, heap[place].request = heap[parent].time_s, heap[parent].request
        place = parent
    heap[place].time_s, heap[place].request = time_s, request


@inner
def pop(coming: Coming) -> int:
    """The request that comes."""
    marks, heap = coming.marks[0], coming.heap
    found: int = heap[0].request
    marks.heaped -= 1
    last_s, last, place = heap[marks.heaped].time_s, heap[marks.heaped].request, 0
    while True:
        child = 2 * place + 1
        if child >= marks.heaped:
            break
        if child + 1 < marks.heaped and _is_before(heap[child + 1].time_s, heap[child + 1].request, heap[child]):
            child += 1
        if _is_before(last_s, last, heap[child]):
            break
        heap[place].time_s, heap[place].request = heap[child].time_s, heap[child].request
        place = child
    heap[place].time_s, heap[place].request = last_s, last
    return found


@inner
def _is_before(time_s: float, request: int, other: Records) -> bool:
    if time_s != other.time_s:
        earlier: bool = time_s < other.time_s
        return earlier
    first: bool = request < other.request
    return first


@inner
def come(rules: Rules, coming: Coming, requests: Records, arrived: int) -> bool:
    """Whether the next that comes may join the line, at a place; else it is held back."""
    marks, request = coming.marks[0], pop(coming)
    if rules.most_open > 0 and not requests[request].is_let_in:
        if marks.open >= rules.most_open:
            coming.held[marks.tail] = request
            marks.tail += 1
            return False
        marks.open += 1
    if requests[request].is_refused:  # nobody waits for its end, but for its place
        let_next_in(rules, coming, requests, requests[request].arrived_s)
    coming.line[arrived] = request
    return True


@inner
def let_come(rules: Rules, coming: Coming, requests: Records, members: Records, size: int, now_s: float) -> None:
    """Those of a batch that are through let others come."""
    for at in range(size):
        request = members[at].request
        if not requests[request].is_completed or requests[request].has_let_come:
            continue
        let_next_come(rules, coming, requests, request, now_s)


@inner
def let_next_come(rules: Rules, coming: Coming, requests: Records, request: int, known_s: float) -> None:
    """Whoever waited for the end of a request comes, once its client knows of it."""
    requests[request].has_let_come = True
    follower = coming.first[request]
    while follower != NONE:
        requests[follower].arrived_s += known_s
        push(coming, follower, requests[follower].arrived_s)
        follower = coming.other[follower]
    let_next_in(rules, coming, requests, known_s)


@inner
def let_next_in(rules: Rules, coming: Coming, requests: Records, known_s: float) -> None:
    """One less is under way: the first that was held back comes, once its client knows."""
    marks = coming.marks[0]
    marks.open -= 1
    if marks.head < marks.tail:
        held = coming.held[marks.head]
        marks.head += 1
        marks.open += 1
        requests[held].is_let_in = True
        requests[held].arrived_s = known_s + rules.door_s
        push(coming, held, requests[held].arrived_s)
