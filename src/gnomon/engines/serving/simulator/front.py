"""The front door of a service: what it knows of the replicas, and what it has decided."""

from __future__ import annotations

from math import floor
from typing import NamedTuple

import numpy as np

from gnomon.core.autoscale import Autoscale
from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints, RouterName, Service
from gnomon.engines.serving.simulator.state import Records

FIXED, ROUND_ROBIN, RANDOM, SHORTEST_QUEUE, LEAST_OUTSTANDING, POWER_OF_TWO, PREFIX_AWARE = range(7)
_ROUTERS: dict[RouterName, int] = {
    "round_robin": ROUND_ROBIN,
    "random": RANDOM,
    "weighted": FIXED,
    "lor": SHORTEST_QUEUE,
    "join_shortest_queue": SHORTEST_QUEUE,
    "least_outstanding": LEAST_OUTSTANDING,
    "power_of_two": POWER_OF_TWO,
    "prefix_aware": PREFIX_AWARE,
}
GONE, STARTING, READY, LEAVING = range(4)  # a replica; one that leaves gets no more requests and ends its own
_NEVER = np.inf
_MARKS = np.dtype(
    [
        ("due", "i8"),  # the first place in the line whose request may still wait for its first step
        ("turn", "i8"),  # requests that were sent by turns
        ("ready", "i8"),  # replicas
        ("ticks", "i8"),  # how often it was asked how many are wanted
        ("at_most", "i8"),  # how often the answer was the most there may be
        ("starts", "i8"),  # replicas that were started
        ("rows", "i8"),  # of the course
        ("next_s", "f8"),  # when replicas may change; infinite: never
        ("replica_s", "f8"),  # of those that are gone
    ],
    align=True,
)
_REPLICA = np.dtype(
    [
        ("outstanding", "i8"),
        ("state", "i8"),
        ("ready_s", "f8"),
        ("since_s", "f8"),
        ("looks", "i8"),  # number of the last event by which it looks again since somebody left its queue; -1: none
    ],
    align=True,
)
_ROW = np.dtype([("time_s", "f8"), ("ready", "i8"), ("starting", "i8"), ("leaving", "i8")])
ROOM = 4  # rows that one event may write


class Scale(NamedTuple):
    """gnomon.core.autoscale.Autoscale for compiled functions; of no use where the number of replicas stays."""

    is_on: bool
    least: int
    most: int
    target: float
    every_s: float
    start_s: float
    begin_s: float  # from when on it is asked how many are wanted
    wanted: Ints  # (tick): the last answers, as many as are looked back on


class Front(NamedTuple):
    """What the door knows and does."""

    router: int
    counts: bool  # requests that are outstanding
    most_waiting: int  # in a queue; 0: any number
    most_wait_s: float  # for a first step; infinite: any time
    draws: Floats  # (request, 2): of routers that choose by chance
    marks: Records  # one
    each: Records  # (replica)
    scale: Scale
    course: Records  # (row): replicas after each change


def new_front(service: Service, arrived_s: Floats, replicas: int, *, has_static_routes: bool) -> Front:
    """Nobody has come. `arrived_s`: when requests come, as their clients see it."""
    routing, autoscale = service.routing, service.autoscale
    router = FIXED if has_static_routes else _ROUTERS[routing.name]
    has_draws = router in (POWER_OF_TWO, RANDOM)
    marks, each = np.zeros(1, _MARKS).view(np.recarray), np.zeros(replicas, _REPLICA).view(np.recarray)
    at_start = service.replicas_at_start or replicas
    begin_s = float(arrived_s.min()) if len(arrived_s) else 0.0
    each.state[:at_start], each.since_s[:], each.looks[:] = READY, begin_s, -1
    marks.ready[0] = at_start
    marks.next_s[0] = _NEVER if autoscale is None else begin_s + autoscale.every_s
    course = np.zeros(64, _ROW).view(np.recarray)
    course.time_s[0], course.ready[0] = begin_s, at_start
    marks.rows[0] = 1
    return Front(
        router=router,
        counts=autoscale is not None or router in (LEAST_OUTSTANDING, POWER_OF_TWO, PREFIX_AWARE),
        most_waiting=service.most_waiting or 0,
        most_wait_s=_NEVER if service.most_wait_s is None else float(service.most_wait_s),
        draws=np.random.default_rng([routing.seed, 1]).random((len(arrived_s) if has_draws else 1, 2)),
        marks=marks,
        each=each,
        scale=_scale(autoscale, at_start, begin_s),
        course=course,
    )


def _scale(autoscale: Autoscale | None, at_start: int, begin_s: float) -> Scale:
    if autoscale is None:
        return Scale(False, 0, 0, 1.0, _NEVER, 0.0, 0.0, np.zeros(1, np.int64))
    looked_back_on = floor(autoscale.idle_s / autoscale.every_s * (1 + 1e-12)) + 1
    return Scale(
        is_on=True,
        least=autoscale.min,
        most=autoscale.max,
        target=float(autoscale.target_outstanding),
        every_s=float(autoscale.every_s),
        start_s=float(autoscale.start_s),
        begin_s=begin_s,
        wanted=np.full(looked_back_on, at_start, np.int64),
    )


def with_room(front: Front) -> Front:
    """The same with room for more rows of the course where it is full."""
    if not front.scale.is_on:
        return front
    more = np.zeros(len(front.course), _ROW).view(np.recarray)
    return front._replace(course=np.concatenate([front.course, more]).view(np.recarray))


@inner
def is_full(front: Front) -> bool:
    """Whether there may be no room in the course for what happens at one event."""
    full: bool = front.scale.is_on and front.marks[0].rows + ROOM > len(front.course)
    return full


@inner
def one_less(front: Front, replica: int, now_s: float) -> None:
    """A request is not outstanding any more; a replica that leaves is gone with its last."""
    one = front.each[replica]
    one.outstanding -= 1
    if one.state == LEAVING and one.outstanding == 0:
        end(front, replica, now_s)
        write(front, now_s)


@inner
def end(front: Front, replica: int, now_s: float) -> None:
    """A replica is gone."""
    one = front.each[replica]
    one.state = GONE
    front.marks[0].replica_s += now_s - one.since_s


@inner
def write(front: Front, now_s: float) -> None:
    """A row of the course."""
    row = front.course[front.marks[0].rows]
    row.time_s = now_s
    for replica in range(len(front.each)):
        state = front.each[replica].state
        row.ready += state == READY
        row.starting += state == STARTING
        row.leaving += state == LEAVING
    front.marks[0].rows += 1


@inner
def leave(requests: Records, front: Front, members: Records, size: int, now_s: float) -> None:
    """Those of a batch that are through are not outstanding any more."""
    for at in range(size):
        one = requests[members[at].request]
        if one.is_completed and not one.has_left:
            one.has_left = True
            one_less(front, one.replica, now_s)
