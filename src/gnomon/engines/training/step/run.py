"""The programs of all stages run against each other: when each node begins and ends.

A device computes one thing and exchanges one thing at a time; a message that is received takes neither. Whenever something
ends, what waits for nothing more begins, the earliest in the program first. These are the rules by which ASTRA-sim's ranks run
theirs [astra-sim 518bd51, Workload.cc, HardwareResource.cc], so a program and the trace written from it take the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gnomon.parallel.model_share import Message
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import NONE, Action, Program

Ints = NDArray[np.int64]
COMPUTE, EXCHANGE, SEND, RECEIVE = range(4)  # what a node is


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Begin and end of the nodes of one stage `(nodes,)`, ns."""

    start_ns: Ints
    end_ns: Ints

    @property
    def last_ns(self) -> int:
        return int(self.end_ns.max())


def kind_of(action: Action) -> int:
    """What a node is that carries out the action."""
    if isinstance(action, Compute):
        return COMPUTE
    if isinstance(action, Message):
        return SEND if action.is_sent else RECEIVE
    return EXCHANGE


def run(programs: Sequence[Program], durations_ns: Sequence[Sequence[int]]) -> tuple[Ran, ...]:
    """Run the programs, whose actions take `durations_ns` by stage and place; a message takes its sender's time."""
    offsets = np.cumsum([0, *(len(one) for one in programs)])
    kind, takes, stage, message = (
        np.concatenate(columns).tolist()
        for columns in zip(*(_columns(one, durations_ns[at], at) for at, one in enumerate(programs)), strict=True)
    )
    waits, children = _waits(programs, offsets)
    receiver = {number: node for node, number in enumerate(message) if kind[node] == RECEIVE}
    count = int(offsets[-1])
    start, end = [NONE] * count, [NONE] * count
    is_busy = [[False, False] for _ in programs]
    free: list[tuple[list[int], list[int]]] = [([], []) for _ in programs]  # nodes that may begin, by what they occupy
    arrived: set[int] = set()
    posted: set[int] = set()
    events: list[tuple[int, int, int]] = []  # time, order, node
    order = 0
    now = 0

    def admit(node: int) -> None:
        """The node waits for nothing more."""
        nonlocal order
        if kind[node] != RECEIVE:
            heappush(free[stage[node]][0 if kind[node] == COMPUTE else 1], node)
            return
        start[node] = now
        if message[node] in arrived:
            order += 1
            heappush(events, (now, order, node))
        else:
            posted.add(node)

    def begin(at: int) -> None:
        """Whatever the stage's device is free for."""
        nonlocal order
        for resource in (0, 1):
            heap = free[at][resource]
            if heap and not is_busy[at][resource]:
                node = heappop(heap)
                is_busy[at][resource] = True
                start[node] = now
                order += 1
                heappush(events, (now + takes[node], order, node))

    for node in range(count):
        if not waits[node]:
            admit(node)
    for at in range(len(programs)):
        begin(at)
    while events:
        now, _, node = heappop(events)
        end[node] = now
        what, at = kind[node], stage[node]
        if what != RECEIVE:
            is_busy[at][0 if what == COMPUTE else 1] = False
        for child in children[node]:
            waits[child] -= 1
            if not waits[child]:
                admit(child)
        begin(at)
        if what == SEND:
            got = receiver[message[node]]
            arrived.add(message[node])
            if got in posted:
                order += 1
                heappush(events, (now, order, got))
    if NONE in end:
        raise AssertionError(f"stages wait for one another: node {end.index(NONE)} of {count} never ran")
    bounds = [slice(int(a), int(b)) for a, b in pairwise(offsets)]
    starts, ends = np.array(start), np.array(end)
    return tuple(Ran(start_ns=starts[one], end_ns=ends[one]) for one in bounds)


def _columns(program: Program, durations_ns: Sequence[int], at: int) -> tuple[Ints, Ints, Ints, Ints]:
    """What each node is, how long it takes, its stage, its message."""
    kinds = np.array([kind_of(action) for action in program.actions])
    durations = np.array(durations_ns, dtype=np.int64)
    return kinds[program.action], durations[program.action], np.full(len(program), at), program.message


def _waits(programs: Sequence[Program], offsets: Ints) -> tuple[list[int], list[list[int]]]:
    """How many nodes each waits for, and which wait for each."""
    children: list[list[int]] = [[] for _ in range(int(offsets[-1]))]
    waits: list[int] = []
    for program, offset in zip(programs, offsets, strict=False):
        waits.extend((program.after != NONE).sum(axis=1).tolist())
        node, column = np.nonzero(program.after != NONE)
        for child, parent in zip(
            (node + offset).tolist(), (program.after[node, column] + offset).tolist(), strict=True
        ):
            children[parent].append(child)
    return waits, children
