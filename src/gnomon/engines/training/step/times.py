"""How long each action of a program takes, from a source of operator times and one of exchange times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.engine import OpIntervals, OpTimer
from gnomon.core.errors import Unsupported
from gnomon.core.exchange import Exchange, ExchangeTimer
from gnomon.core.system import System
from gnomon.core.workload import Node, op_table
from gnomon.parallel.layout import spread
from gnomon.parallel.model_share import Message, ModelShare
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import Action, Program

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTimes:
    """Seconds of the actions of every stage, by stage and place."""

    mid: tuple[Numbers, ...]
    low: tuple[Numbers, ...] | None  # ends of the 90 % intervals; None without a calibration
    high: tuple[Numbers, ...] | None


def exchange_of(action: Talk | Message, model: ModelShare, system: System) -> Exchange:
    """An action's exchange on the machine."""
    if isinstance(action, Talk):
        one = action.exchange
        where = spread(one.axis, model.sizes, system, ep=model.plan.ep)
        return Exchange(kind=one.kind, size_bytes=one.size_bytes, spread=where, dtype=one.dtype)
    where = spread("pp", model.sizes, system)
    return Exchange(kind="send", size_bytes=action.size_bytes, spread=_pair(where), dtype=action.dtype)


def _pair(where: tuple[int, ...]) -> tuple[int, ...]:
    """Two of a group's members, as far apart as its neighbours get: a stage's slowest neighbour sets the pace."""
    outermost = max((at for at, count in enumerate(where) if count > 1), default=0)
    return tuple(2 if at == outermost else 1 for at in range(len(where)))


def action_times(
    programs: Sequence[Program], model: ModelShare, system: System, timer: OpTimer, exchanges: ExchangeTimer | None
) -> ActionTimes:
    """The times. Unsupported where an operator or an exchange has none."""
    actions: dict[int, Action] = {id(action): action for program in programs for action in program.actions}
    computes = [action for action in actions.values() if isinstance(action, Compute)]
    talks = [action for action in actions.values() if isinstance(action, Talk) or _is_sent(action)]
    by_id: dict[int, tuple[float, float, float]] = {}
    ends_of_ops = _timed_computes(computes, system.device, timer, by_id)
    ends_of_exchanges = _timed_exchanges(talks, model, system, exchanges, by_id)
    columns: list[list[Numbers]] = [[], [], []]
    for program in programs:
        rows = np.array([by_id.get(id(action), (0.0, 0.0, 0.0)) for action in program.actions])
        for column, values in zip(columns, rows.T, strict=True):
            column.append(values)
    has_ends = ends_of_ops and ends_of_exchanges
    return ActionTimes(
        mid=tuple(columns[0]),
        low=tuple(columns[1]) if has_ends else None,
        high=tuple(columns[2]) if has_ends else None,
    )


def _is_sent(action: Action) -> bool:
    return isinstance(action, Message) and action.is_sent


def _timed_computes(
    computes: Sequence[Compute], device: Device, timer: OpTimer, by_id: dict[int, tuple[float, float, float]]
) -> bool:
    """Times of computations, each the sum of its operators'; whether they have intervals."""
    places: dict[object, int] = {}
    for compute in computes:
        for op in compute.ops:
            places.setdefault(op, len(places))
    nodes = tuple(Node(name=str(at), op=op) for op, at in places.items())  # type: ignore[arg-type]
    table = op_table(nodes)
    times = timer.times_s(table, device)
    if (lacking := np.flatnonzero(~np.isfinite(times))).size:
        op = nodes[int(lacking[0])].op
        raise Unsupported(f"{device.name} has no time for {type(op).__name__} in {op.dtype}")
    ends = timer.intervals_s(table, device, times) if isinstance(timer, OpIntervals) else None
    low, high = ends or (times, times)
    for compute in computes:
        chosen = [places[op] for op in compute.ops]
        by_id[id(compute)] = (float(times[chosen].sum()), float(low[chosen].sum()), float(high[chosen].sum()))
    return ends is not None


def _timed_exchanges(
    talks: Sequence[Action],
    model: ModelShare,
    system: System,
    exchanges: ExchangeTimer | None,
    by_id: dict[int, tuple[float, float, float]],
) -> bool:
    """Times of exchanges; whether they have intervals."""
    if not talks:
        return True
    if exchanges is None:
        raise Unsupported("no source of times for exchanges")
    asked = [exchange_of(action, model, system) for action in talks if not isinstance(action, Compute)]
    times = exchanges.exchange_times_s(asked, system)
    ends = exchanges.exchange_intervals_s(asked, system, times)
    low, high = ends or (times, times)
    for at, action in enumerate(talks):
        by_id[id(action)] = (float(times[at]), float(low[at]), float(high[at]))
    return ends is not None
