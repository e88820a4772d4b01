"""Where the time of a stage goes: computation by role, exchanges that nothing hides, waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.engines.training.step.run import COMPUTE, RECEIVE, Ran, kind_of
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

    compute_ps: Mapping[str, int]  # by role
    talk_ps: Mapping[Line, int]  # under way
    exposed_ps: Mapping[Line, int]  # under way while nothing is computed
    talk_bytes: Mapping[Line, float]
    idle_ps: int  # neither, until the end of the step

    @property
    def busy_ps(self) -> int:
        return sum(self.compute_ps.values())


def account(program: Program, ran: Ran, end_ps: int) -> Account:
    """The account of one stage in a step that ends at `end_ps`."""
    kinds = np.array([kind_of(action) for action in program.actions])[program.action]
    is_compute, talks = kinds == COMPUTE, (kinds != COMPUTE) & (kinds != RECEIVE)
    taken = ran.end_ps - ran.start_ps
    roles: dict[str, int] = defaultdict(int)
    per_action = np.bincount(program.action[is_compute], taken[is_compute], len(program.actions))
    for place, total in enumerate(per_action.astype(np.int64).tolist()):
        action = program.actions[place]
        if isinstance(action, Compute):
            roles[action.role] += total
    begins, ends = _merged(ran.start_ps[is_compute], ran.end_ps[is_compute])
    hidden = _covered(begins, ends, ran.start_ps[talks], ran.end_ps[talks])
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
    busy = sum(roles.values())
    return Account(
        compute_ps=roles,
        talk_ps=under_way,
        exposed_ps=exposed,
        talk_bytes=sizes,
        idle_ps=end_ps - busy - sum(exposed.values()),
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


def _merged(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The intervals in order; a device computes one thing at a time, so none overlap."""
    by_start = np.argsort(starts, kind="stable")
    return starts[by_start], ends[by_start]


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
