"""Replicas start and go: as many as the requests that are outstanding want.

[Knative Serving, autoscaler by concurrency: wanted = requests / target, rounded up, within bounds; scale-down-delay: the most that was
wanted in that time is kept. There requests are averaged over a window, here they are counted at the moment.]
"""

from __future__ import annotations

import numpy as np

from gnomon.core.jit import inner
from gnomon.engines.serving.simulator.front import GONE, LEAVING, READY, STARTING, Front, end, write
from gnomon.engines.serving.simulator.prefix_cache import UNKNOWN, Cache
from gnomon.engines.serving.simulator.state import NONE, Rules


@inner
def change(rules: Rules, cache: Cache, front: Front, now_s: float) -> None:
    """Replicas that have started are ready; where it is time, others start or are to go."""
    marks, has_changed = front.marks[0], False
    for replica in range(len(front.each)):
        if front.each[replica].state == STARTING and front.each[replica].ready_s <= now_s:
            front.each[replica].state = READY
            marks.ready += 1
            has_changed = True
    if tick_s(front) <= now_s:
        marks.ticks += 1
        has_changed = adjust(rules, cache, front, kept(front), now_s) or has_changed
    if has_changed:
        write(front, now_s)
    marks.next_s = tick_s(front)
    for replica in range(len(front.each)):
        if front.each[replica].state == STARTING:
            marks.next_s = min(marks.next_s, front.each[replica].ready_s)


@inner
def tick_s(front: Front) -> float:
    """When it is asked next how many are wanted."""
    at_s: float = front.scale.begin_s + (front.marks[0].ticks + 1) * front.scale.every_s
    return at_s


@inner
def kept(front: Front) -> int:
    """How many replicas there are to be: the most that were wanted lately, now included."""
    marks, scale = front.marks[0], front.scale
    outstanding = 0
    for replica in range(len(front.each)):
        outstanding += front.each[replica].outstanding
    wanted = min(max(int(np.ceil(outstanding / scale.target)), scale.least), scale.most)
    marks.at_most += wanted == scale.most
    scale.wanted[marks.ticks % len(scale.wanted)] = wanted
    most = 0
    for one in scale.wanted:
        most = max(most, one)
    return most


@inner
def adjust(rules: Rules, cache: Cache, front: Front, count: int, now_s: float) -> bool:
    """Whether any replica starts or is to go, so that there are so many beside those that leave."""
    there = 0
    for replica in range(len(front.each)):
        there += front.each[replica].state == READY or front.each[replica].state == STARTING
    has_changed = False
    for replica in range(len(front.each)):
        if there < count and front.each[replica].state == GONE:
            start(rules, cache, front, replica, now_s)
            there += 1
            has_changed = True
    while there > count:
        send_away(front, now_s)
        there -= 1
        has_changed = True
    return has_changed


@inner
def start(rules: Rules, cache: Cache, front: Front, replica: int, now_s: float) -> None:
    """A replica starts, with nothing in its cache."""
    one = front.each[replica]
    one.state, one.since_s, one.ready_s = STARTING, now_s, now_s + front.scale.start_s
    front.marks[0].starts += 1
    if rules.has_cache:
        for block in range(rules.blocks):
            known = cache.blocks[replica, block]
            known.hash, known.older, known.newer, known.newest = UNKNOWN, NONE, NONE, NONE
        for place in range(cache.entries.shape[1]):
            cache.entries[replica, place].block = NONE


@inner
def send_away(front: Front, now_s: float) -> None:
    """One replica is to go: of those that start, or else of those that are ready, the one that was started last.

    [Kubernetes' ReplicaSet: pods that are not ready go first, then those that were created last]
    """
    best = NONE
    for replica in range(len(front.each)):
        one = front.each[replica]
        if one.state != STARTING and one.state != READY:
            continue
        if (
            best == NONE
            or one.state < front.each[best].state
            or (one.state == front.each[best].state and one.since_s >= front.each[best].since_s)
        ):
            best = replica
    one = front.each[best]
    front.marks[0].ready -= one.state == READY
    if one.outstanding > 0:
        one.state = LEAVING
    else:
        end(front, best, now_s)
