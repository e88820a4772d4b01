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
from gnomon.parallel.layout import Strip, spread, strips
from gnomon.parallel.model_share import Message, ModelShare
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import Action, Program

Numbers = NDArray[np.float64]

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTimes:
    """Seconds of the actions of every stage, by stage and place."""

    mid: tuple[Numbers, ...]
    low: tuple[Numbers, ...] | None  # ends of the 90 % intervals; None without a calibration
    high: tuple[Numbers, ...] | None


def exchange_of(action: Talk | Message, model: ModelShare, system: System) -> Exchange:
    """An action's exchange on the machine."""
    grid = strips(model.sizes, system, ep=model.plan.ep)
    if isinstance(action, Talk):
        one = action.exchange
        return Exchange(
            kind=one.kind,
            size_bytes=one.size_bytes,
            spread=spread(one.axis, model.sizes, system, ep=model.plan.ep),
            grid=tuple((strip.size, strip.dimension) for strip in grid if one.axis in strip.axes),
            dtype=one.dtype,
        )
    crossed = _crossed([strip for strip in grid if "pp" in strip.axes], action)
    outermost = crossed[-1].dimension
    return Exchange(
        kind="send",
        size_bytes=action.size_bytes,
        spread=tuple(2 if at == outermost else 1 for at in range(max(1, len(system.dimensions)))),
        grid=tuple((2, strip.dimension) for strip in crossed),
        dtype=action.dtype,
    )


def _crossed(grid: Sequence[Strip], message: Message) -> list[Strip]:
    """The strips of a pipeline in which two stages differ."""
    found, one, other = [], message.stage, message.peer
    for strip in grid:
        if one % strip.size != other % strip.size:
            found.append(strip)
        one, other = one // strip.size, other // strip.size
    return found


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


def computation_times_s(programs: Sequence[Program], device: Device, timer: OpTimer) -> tuple[Numbers, ...]:
    """Seconds of the computations of every stage, by stage and place; exchanges, which others time, take none. Unsupported."""
    actions = {id(action): action for program in programs for action in program.actions}
    by_id: dict[int, tuple[float, float, float]] = {}
    _timed_computes([action for action in actions.values() if isinstance(action, Compute)], device, timer, by_id)
    return tuple(
        np.array([by_id.get(id(action), (0.0, 0.0, 0.0))[0] for action in program.actions]) for program in programs
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


def durations_ns(programs: Sequence[Program], times_s: Sequence[Numbers], tick_ns: int) -> list[list[int]]:
    """Whole nanoseconds of the actions of each stage; computations take whole multiples of `tick_ns`, at least one."""
    found = []
    for program, times in zip(programs, times_s, strict=True):
        whole = [round(time_s * _NS_PER_S) for time_s in times.tolist()]
        found.append(
            [
                max(tick_ns, round(time_ns / tick_ns) * tick_ns)
                if isinstance(action, Compute) and tick_ns > 1
                else time_ns
                for action, time_ns in zip(program.actions, whole, strict=True)
            ]
        )
    return found
