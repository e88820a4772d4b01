"""The programs of all stages run against each other: when each node begins and ends.

A device does one thing at a time on each of its lanes; a message that is received takes none. Whenever something ends, what waits
for nothing more begins, the earliest in the program first. With one lane for all exchanges these are the rules by which ASTRA-sim's
ranks run theirs [astra-sim 518bd51, Workload.cc, HardwareResource.cc], so a program and the trace written from it take the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.core.jit import compiled
from gnomon.engines.training.step.lanes import RECEIVED, Lanes
from gnomon.parallel.program import NONE, Program

Ints = NDArray[np.int64]
COMPILED_FROM = 100_000  # nodes: from here on compiling, a few seconds once, pays


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Begin and end of the nodes of one stage `(nodes,)`, ps."""

    start_ps: Ints
    end_ps: Ints

    @property
    def last_ps(self) -> int:
        return int(self.end_ps.max())


def run(
    programs: Sequence[Program],
    durations_ps: Sequence[Sequence[int]],
    lanes: Lanes,
    *,
    compiled_from: int = COMPILED_FROM,
) -> tuple[Ran, ...]:
    """Run the programs, whose actions take `durations_ps` by stage and place; a message takes its sender's time.

    compiled_from: nodes from which on compiled code runs them.
    """
    offsets = np.cumsum([0, *(len(one) for one in programs)])
    columns = zip(
        *(_columns(one, durations_ps[at], lanes.of[at], len(lanes.names) * at) for at, one in enumerate(programs)),
        strict=True,
    )
    lane, takes, message = (np.concatenate(column) for column in columns)
    waits, first_child, children = _waits(programs, offsets)
    count = int(offsets[-1])
    receiver = np.full(int(message.max(initial=NONE)) + 1, NONE)
    got = np.flatnonzero(lane == RECEIVED)
    receiver[message[got]] = got
    start, end = np.full(count, NONE), np.full(count, NONE)
    arrays = (lane, takes, message, receiver, first_child, children, waits, start, end)
    every_lane = len(programs) * len(lanes.names)
    if count < compiled_from:
        lists = [array.tolist() for array in arrays]
        events(every_lane, *lists)  # type: ignore[no-untyped-call]
        start, end = np.array(lists[-2]), np.array(lists[-1])
    else:
        _compiled()(every_lane, *arrays)
    if (end == NONE).any():
        raise AssertionError(f"deadlock between stages: node {int((end == NONE).argmax())} of {count} never ran")
    bounds = [slice(int(a), int(b)) for a, b in pairwise(offsets)]
    return tuple(Ran(start_ps=start[one], end_ps=end[one]) for one in bounds)


@cache
def _compiled() -> Callable[..., Any]:
    return compiled(events)


def events(  # type: ignore[no-untyped-def]  # lists or arrays of whole numbers, the same to it; compiled for arrays
    lanes, lane, takes, message, receiver, first_child, children, left, start, end
):
    """Fill in `start` and `end` of every node, and use up `left`, how many nodes each still waits for.

    Shapes are `(nodes,)`, of `receiver` (messages,), of `first_child` (nodes + 1,), of `children` (edges,). `lanes`: those of all
    stages together, by which `lane` counts.
    """
    count = len(lane)
    arrived = [False] * len(receiver)
    posted = [False] * len(receiver)
    busy = [False] * lanes
    free = [[0] for _ in range(lanes)]  # heaps of nodes that may begin
    for heap in free:
        heap.pop()
    agenda = [(0, 0, -1)]  # time, order, node; the first is the beginning of all
    order = 0
    while agenda:
        now, _, node = heappop(agenda)
        if node < 0:
            fresh = [one for one in range(count) if left[one] == 0]
        else:
            end[node] = now
            if lane[node] >= 0:
                busy[lane[node]] = False
            fresh = [children[place] for place in range(first_child[node], first_child[node + 1])]
            for one in fresh:
                left[one] -= 1
        woken = [0]
        woken.pop()
        for one in fresh:
            if left[one] != 0 or start[one] >= 0:
                continue
            if lane[one] >= 0:
                heappush(free[lane[one]], one)
                woken.append(lane[one])
                continue
            start[one] = now
            if arrived[message[one]]:
                order += 1
                heappush(agenda, (now, order, one))
            else:
                posted[message[one]] = True
        if node >= 0 and lane[node] >= 0:
            woken.append(lane[node])
        woken.sort()
        for at in woken:
            if free[at] and not busy[at]:
                begun = heappop(free[at])
                busy[at] = True
                start[begun] = now
                order += 1
                heappush(agenda, (now + takes[begun], order, begun))
        if node >= 0 and lane[node] >= 0 and message[node] >= 0:
            arrived[message[node]] = True
            if posted[message[node]]:
                order += 1
                heappush(agenda, (now, order, receiver[message[node]]))


def _columns(program: Program, durations_ps: Sequence[int], lanes: Ints, first: int) -> tuple[Ints, Ints, Ints]:
    """The lane of each node, counted from the `first` of its stage, how long it takes, its message."""
    every = np.where(lanes == RECEIVED, RECEIVED, lanes + first)
    durations = np.array(durations_ps, dtype=np.int64)
    return every[program.action], durations[program.action], program.message


def _waits(programs: Sequence[Program], offsets: Ints) -> tuple[Ints, Ints, Ints]:
    """How many nodes each waits for `(nodes,)`, and which wait for each: where they begin `(nodes + 1,)` and they `(edges,)`."""
    waits = np.concatenate([(one.after != NONE).sum(axis=1) for one in programs])
    pairs = []
    for program, offset in zip(programs, offsets, strict=False):
        node, column = np.nonzero(program.after != NONE)
        pairs.append((program.after[node, column] + offset, node + offset))
    parents, nodes = (np.concatenate(column) for column in zip(*pairs, strict=True))
    by_parent = np.argsort(parents, kind="stable")
    first = np.searchsorted(parents[by_parent], np.arange(int(offsets[-1]) + 1))
    return waits, first, nodes[by_parent]
