"""The programs of all stages run against each other: when each node begins and ends.

A device computes one thing and exchanges one thing at a time; a message that is received takes neither. Whenever something
ends, what waits for nothing more begins, the earliest in the program first. These are the rules by which ASTRA-sim's ranks run
theirs [astra-sim 518bd51, Workload.cc, HardwareResource.cc], so a program and the trace written from it take the same time.
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
from gnomon.parallel.model_share import Message
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import NONE, Action, Program

Ints = NDArray[np.int64]
COMPUTE, EXCHANGE, SEND, RECEIVE = range(4)  # what a node is
COMPILED_FROM = 100_000  # nodes: from here on compiling, a few seconds once, pays


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Begin and end of the nodes of one stage `(nodes,)`, ps."""

    start_ps: Ints
    end_ps: Ints

    @property
    def last_ps(self) -> int:
        return int(self.end_ps.max())


def kind_of(action: Action) -> int:
    """What a node is that carries out the action."""
    if isinstance(action, Compute):
        return COMPUTE
    if isinstance(action, Message):
        return SEND if action.is_sent else RECEIVE
    return EXCHANGE


def run(
    programs: Sequence[Program], durations_ps: Sequence[Sequence[int]], *, compiled_from: int = COMPILED_FROM
) -> tuple[Ran, ...]:
    """Run the programs, whose actions take `durations_ps` by stage and place; a message takes its sender's time.

    compiled_from: nodes from which on compiled code runs them.
    """
    offsets = np.cumsum([0, *(len(one) for one in programs)])
    columns = zip(*(_columns(one, durations_ps[at], at) for at, one in enumerate(programs)), strict=True)
    kind, takes, stage, message = (np.concatenate(column) for column in columns)
    waits, first_child, children = _waits(programs, offsets)
    count = int(offsets[-1])
    receiver = np.full(int(message.max(initial=NONE)) + 1, NONE)
    got = np.flatnonzero(kind == RECEIVE)
    receiver[message[got]] = got
    start, end = np.full(count, NONE), np.full(count, NONE)
    arrays = (kind, takes, stage, message, receiver, first_child, children, waits, start, end)
    if count < compiled_from:
        lists = [array.tolist() for array in arrays]
        events(len(programs), *lists)  # type: ignore[no-untyped-call]
        start, end = np.array(lists[-2]), np.array(lists[-1])
    else:
        _compiled()(len(programs), *arrays)
    if (end == NONE).any():
        raise AssertionError(f"stages wait for one another: node {int((end == NONE).argmax())} of {count} never ran")
    bounds = [slice(int(a), int(b)) for a, b in pairwise(offsets)]
    return tuple(Ran(start_ps=start[one], end_ps=end[one]) for one in bounds)


@cache
def _compiled() -> Callable[..., Any]:
    return compiled(events)


def events(  # type: ignore[no-untyped-def]  # lists or arrays of whole numbers, the same to it; compiled for arrays
    stages, kind, takes, stage, message, receiver, first_child, children, left, start, end
):
    """Fill in `start` and `end` of every node, and use up `left`, how many nodes each still waits for.

    Shapes are `(nodes,)`, of `receiver` (messages,), of `first_child` (nodes + 1,), of `children` (edges,).
    """
    count = len(kind)
    arrived = [False] * len(receiver)
    posted = [False] * len(receiver)
    busy = [[False, False] for _ in range(stages)]
    free = [[[0], [0]] for _ in range(stages)]  # heaps of nodes that may begin, by what they occupy
    for at in range(stages):
        free[at][0].pop()
        free[at][1].pop()
    agenda = [(0, 0, -1)]  # time, order, node; the first is the beginning of all
    order = 0
    while agenda:
        now, _, node = heappop(agenda)
        if node < 0:
            fresh = [one for one in range(count) if left[one] == 0]
        else:
            end[node] = now
            if kind[node] != RECEIVE:
                busy[stage[node]][0 if kind[node] == COMPUTE else 1] = False
            fresh = [children[place] for place in range(first_child[node], first_child[node + 1])]
            for one in fresh:
                left[one] -= 1
        for one in fresh:
            if left[one] != 0 or start[one] >= 0:
                continue
            if kind[one] != RECEIVE:
                heappush(free[stage[one]][0 if kind[one] == COMPUTE else 1], one)
                continue
            start[one] = now
            if arrived[message[one]]:
                order += 1
                heappush(agenda, (now, order, one))
            else:
                posted[message[one]] = True
        for at in range(stages) if node < 0 else range(stage[node], stage[node] + 1):
            for resource in range(2):
                if free[at][resource] and not busy[at][resource]:
                    begun = heappop(free[at][resource])
                    busy[at][resource] = True
                    start[begun] = now
                    order += 1
                    heappush(agenda, (now + takes[begun], order, begun))
        if node >= 0 and kind[node] == SEND:
            arrived[message[node]] = True
            if posted[message[node]]:
                order += 1
                heappush(agenda, (now, order, receiver[message[node]]))


def _columns(program: Program, durations_ps: Sequence[int], at: int) -> tuple[Ints, Ints, Ints, Ints]:
    """What each node is, how long it takes, its stage, its message."""
    kinds = np.array([kind_of(action) for action in program.actions])
    durations = np.array(durations_ps, dtype=np.int64)
    return kinds[program.action], durations[program.action], np.full(len(program), at), program.message


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
