"""Admission control: a request that finds a queue full is turned away at once, one that has waited too long leaves the queue.

The client of either knows at once [HTTP 503]. At one moment those that have waited too long leave before others come. Who has been in a
step stays, also where it lost its blocks and waits again.
"""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator import events, queues
from gnomon.engines.serving.simulator.coming import Coming, let_next_come
from gnomon.engines.serving.simulator.front import Front, one_less
from gnomon.engines.serving.simulator.state import Records, Replicas, Rules

QUEUE_FULL, WAITED_TOO_LONG = 1, 2  # in a request's `turned_away`; 0: it was not
_NEVER = np.inf


@inner
def is_full(front: Front, mine: Records) -> bool:
    """Whether a replica's queue takes nobody more; who waits again counts."""
    full: bool = front.most_waiting > 0 and mine.queued >= front.most_waiting
    return full


@inner
def due_s(rules: Rules, requests: Records, coming: Coming, front: Front, routed: int) -> float:
    """When the first of those that wait for their first step will have waited too long; infinite: none will.

    All have the same patience, so that they lose it in the order in which they came.
    """
    if front.most_wait_s == _NEVER:
        return _NEVER
    marks = front.marks[0]
    while marks.due < routed:
        one = requests[coming.line[marks.due] if rules.waits_for_ends else marks.due]
        if not (one.is_begun or one.is_refused or one.turned_away > 0):
            at_s: float = one.arrived_s + front.most_wait_s
            return at_s
        marks.due += 1
    return _NEVER


@inner
def drop(rules: Rules, requests: Records, replicas: Replicas, coming: Coming, front: Front, now_s: float) -> int:
    """The replica of the request that `due_s` told of; the request has left it."""
    place = front.marks[0].due
    request = coming.line[place] if rules.waits_for_ends else place
    replica: int = requests[request].replica
    queues.remove(requests, replicas.each[replica], request)
    one_less(front, replica, now_s)
    requests[request].has_left = True
    turn_away(rules, requests, coming, request, WAITED_TOO_LONG, now_s)
    return replica


@inner
def look_again(front: Front, queue: events.Events, replica: int) -> None:
    """A replica looks whether it can begin a batch since somebody left its queue: once, however many leave at a moment."""
    if events.is_in_line(queue, front.each[replica].looks):
        return
    front.each[replica].looks = queue.marks[0].created
    events.now(queue, events.FORM, replica)


@inner
def turn_away(rules: Rules, requests: Records, coming: Coming, request: int, why: int, now_s: float) -> None:
    """A request will not be served, and its client knows: whoever waits for its end comes."""
    requests[request].turned_away = why
    requests[request].turned_away_s = now_s
    if rules.waits_for_ends:
        let_next_come(rules, coming, requests, request, now_s)
