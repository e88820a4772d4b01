"""Where the time of a stage goes: computation by role, exchanges that nothing hides, waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.engines.training.step.lanes import COMPUTES
from gnomon.engines.training.step.run import Ran
from gnomon.parallel.model_share import Message
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import Action, Program

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An exchange as it is listed: its axis, its kind."""

    axis: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The time of one stage, ps."""

    compute_ps: Mapping[str, int]  # of the device, by role
    host_ps: int  # by which launching made that longer
    talk_ps: Mapping[Line, int]  # under way
    exposed_ps: Mapping[Line, int]  # while nothing is computed, nor exchanged on a lane before
    talk_bytes: Mapping[Line, float]
    idle_ps: int  # neither, until the end of the step

    @property
    def device_ps(self) -> int:
        return sum(self.compute_ps.values())


def account(program: Program, ran: Ran, lanes: Ints, device_ps: Sequence[int], end_ps: int) -> Account:
    """The account of one stage in a step that ends at `end_ps`.

    lanes: of its actions; device_ps: what those that compute take where no host holds them up.
    """
    lane = lanes[program.action]
    is_compute, talks = lane == COMPUTES, np.flatnonzero(lane > COMPUTES)
    taken = ran.end_ps - ran.start_ps
    roles: dict[str, int] = defaultdict(int)
    for action, times, each_ps in zip(
        program.actions, np.bincount(program.action, minlength=len(program.actions)).tolist(), device_ps, strict=True
    ):
        if isinstance(action, Compute):
            roles[action.role] += times * each_ps
    hidden = _hidden(ran, lane)[talks]
    under_way: dict[Line, int] = defaultdict(int)
    exposed: dict[Line, int] = defaultdict(int)
    sizes: dict[Line, float] = defaultdict(float)
    place = program.action[talks]
    count = len(program.actions)
    sums = (
        np.bincount(place, weights, count) for weights in (taken[talks], taken[talks] - hidden, np.ones(len(place)))
    )
    for action, total, bare, times in zip(program.actions, *sums, strict=True):
        if not times:
            continue
        line = line_of(action)
        under_way[line] += round(total)
        exposed[line] += round(bare)
        sizes[line] += times * size_of(action)
    computed = int(taken[is_compute].sum())
    return Account(
        compute_ps=roles,
        host_ps=computed - sum(roles.values()),
        talk_ps=under_way,
        exposed_ps=exposed,
        talk_bytes=sizes,
        idle_ps=end_ps - computed - sum(exposed.values()),
    )


def line_of(action: Action) -> Line:
    """How an exchange is listed: all exchanges between replicas are those of data parallelism."""
    if isinstance(action, Talk):
        axis = {"data": "dp", "edp": "dp"}.get(action.exchange.axis, action.exchange.axis)
        return Line(axis=axis, kind=action.exchange.kind)
    return Line(axis="pp", kind="send")


def size_of(action: Action) -> float:
    """Bytes that one device gives to an exchange."""
    if isinstance(action, Talk):
        return action.exchange.size_bytes
    return action.size_bytes if isinstance(action, Message) else 0.0


def _hidden(ran: Ran, lane: Ints) -> Ints:
    """How much of each node lies beside something on a lane before its own `(nodes,)`."""
    found = np.zeros(len(lane), dtype=np.int64)
    before = np.zeros(len(lane), dtype=bool)
    for one in range(int(lane.max()) + 1):
        own = lane == one
        begins, ends = _merged(ran.start_ps[before], ran.end_ps[before])
        found[own] = _covered(begins, ends, ran.start_ps[own], ran.end_ps[own])
        before |= own
    return found


def _merged(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The time that the intervals cover together, as disjoint intervals in order."""
    by_start = np.argsort(starts, kind="stable")
    starts, reach = starts[by_start], np.maximum.accumulate(ends[by_start])
    is_first = np.concatenate([[True], starts[1:] > reach[:-1]])[: len(starts)]
    firsts = np.flatnonzero(is_first)
    return starts[firsts], reach[np.concatenate([firsts[1:] - 1, [len(starts) - 1]])[: len(firsts)]]


def _covered(begins: Ints, ends: Ints, starts: Ints, stops: Ints) -> Ints:
    """How much of each interval from `starts` to `stops` lies in the ordered, disjoint intervals from `begins` to `ends`."""
    total = np.concatenate([[0], np.cumsum(ends - begins)])

    def before(times: Ints) -> Ints:
        """What of the ordered intervals lies before each time."""
        at = np.searchsorted(begins, times, side="right")
        last = np.maximum(at - 1, 0)
        inside = np.where(at > 0, np.minimum(times, ends[last]) - begins[last], 0) if len(begins) else 0
        return (total[last] + inside).astype(np.int64)

    return before(stops) - before(starts)
