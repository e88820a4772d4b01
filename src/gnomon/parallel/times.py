"""How long each action of a program takes, from a source of operator times and one of exchange times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.engine import OpTimer
from gnomon.core.errors import Unsupported
from gnomon.core.exchange import Exchange, ExchangeTimer
from gnomon.core.op import Op
from gnomon.core.system import System
from gnomon.core.workload import Node, op_table
from gnomon.parallel.host import Host, held_up_s
from gnomon.parallel.layout import Strip, spread, strips
from gnomon.parallel.model_share import Message, ModelShare
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import Action, Program

Numbers = NDArray[np.float64]

_PS_PER_S = 1e12


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


def device_times_s(
    programs: Sequence[Program], model: ModelShare, system: System, timer: OpTimer, exchanges: ExchangeTimer | None
) -> tuple[Numbers, ...]:
    """Seconds of the actions of every stage `(actions,)`, launched by nobody. Unsupported where one of them has no time."""
    computing = computation_times_s(programs, system.device, timer)
    talks = [action for action in _distinct(programs) if isinstance(action, Talk) or _is_sent(action)]
    talks_s = dict(zip(map(id, talks), _talks_s(talks, model, system, exchanges), strict=True))
    return tuple(
        computing_s + np.array([talks_s.get(id(action), 0.0) for action in program.actions])
        for program, computing_s in zip(programs, computing, strict=True)
    )


def computation_times_s(programs: Sequence[Program], device: Device, timer: OpTimer) -> tuple[Numbers, ...]:
    """The same of the computations; all else takes none."""
    computes = [action for action in _distinct(programs) if isinstance(action, Compute)]
    times_s = dict(zip(map(id, computes), _computes_s(computes, device, timer), strict=True))
    return tuple(np.array([times_s.get(id(action), 0.0) for action in program.actions]) for program in programs)


def launched_times_s(programs: Sequence[Program], times_s: Sequence[Numbers], host: Host) -> tuple[Numbers, ...]:
    """The times of actions that a host launches: computations operator by operator, messages while the device computes."""

    def held_up(action: Action, time_s: float) -> float:
        if isinstance(action, Compute):
            return held_up_s(time_s, host.op_s * sum(op.launches for op in action.ops), host.sharpness)
        return held_up_s(time_s, host.exchange_s, host.sharpness) if isinstance(action, Talk) else time_s

    return tuple(
        np.array([held_up(action, time_s) for action, time_s in zip(program.actions, times.tolist(), strict=True)])
        for program, times in zip(programs, times_s, strict=True)
    )


def _distinct(programs: Sequence[Program]) -> list[Action]:
    """The actions of all stages, those that they share once."""
    return list({id(action): action for program in programs for action in program.actions}.values())


def _is_sent(action: Action) -> bool:
    return isinstance(action, Message) and action.is_sent


def _computes_s(computes: Sequence[Compute], device: Device, timer: OpTimer) -> list[float]:
    """Seconds of computations, each the sum of its operators'."""
    places: dict[Op, int] = {}
    for compute in computes:
        for op in compute.ops:
            places.setdefault(op, len(places))
    table = op_table(tuple(Node(name=str(at), op=op) for op, at in places.items()))
    times = timer.times_s(table, device)
    for op, time_s in zip(places, times, strict=True):
        if not np.isfinite(time_s):
            raise Unsupported(
                f"this timer has no times of {type(op).__name__} in {op.dtype} on {device.name}; the timer roofline knows every device"
            )
    return [float(times[[places[op] for op in compute.ops]].sum()) for compute in computes]


def _talks_s(
    talks: Sequence[Action], model: ModelShare, system: System, exchanges: ExchangeTimer | None
) -> list[float]:
    if not talks:
        return []
    if exchanges is None:
        raise Unsupported("no source of communication times")
    asked = [exchange_of(action, model, system) for action in talks if not isinstance(action, Compute)]
    times: list[float] = exchanges.exchange_times_s(asked, system).tolist()
    return times


def durations_ps(programs: Sequence[Program], times_s: Sequence[Numbers], tick_ps: int) -> list[list[int]]:
    """Whole picoseconds of the actions of each stage; computations take whole multiples of `tick_ps`, at least one."""
    found = []
    for program, times in zip(programs, times_s, strict=True):
        whole = [round(time_s * _PS_PER_S) for time_s in times.tolist()]
        found.append(
            [
                max(tick_ps, round(time_ps / tick_ps) * tick_ps)
                if isinstance(action, Compute) and tick_ps > 1
                else time_ps
                for action, time_ps in zip(program.actions, whole, strict=True)
            ]
        )
    return found
