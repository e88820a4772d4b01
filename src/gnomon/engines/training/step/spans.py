"""A step as it was run, as spans of time: of each stage its passes and idle times, its computations, its communication."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from gnomon.core.timeline import Span, Timeline
from gnomon.engines.training.step.accounts import line_of, size_of
from gnomon.engines.training.step.lanes import COMPUTES, RECEIVED, Lanes
from gnomon.engines.training.step.run import Ints, Ran
from gnomon.parallel.model_share import Message
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import NONE, Program

_PS_PER_S = 1e12


def timeline(programs: Sequence[Program], ran: Sequence[Ran], lanes: Lanes, most: int) -> Timeline:
    """At most `most` spans: passes and waits of the whole step first, then what begins earliest of what they consist of."""
    end_ps = max(one.last_ps for one in ran)
    taken = [of[program.action] for program, of in zip(programs, lanes.of, strict=True)]
    stages = list(zip(programs, ran, taken, strict=True))
    outlines = [
        span
        for program, times, lane in stages
        for span in (*_passes(program, times, lane), *_waits(program, times, lane, end_ps))
    ]
    shown = [np.flatnonzero((lane != RECEIVED) & (times.end_ps > times.start_ps)) for _, times, lane in stages]
    last_ps = _last_begin_ps(ran, shown, most - len(outlines))
    details = [
        _detail(program, times, int(node), lanes.names[lane[node]])
        for (program, times, lane), nodes in zip(stages, shown, strict=True)
        for node in nodes
        if times.start_ps[node] <= last_ps
    ]
    every = sorted([*outlines, *details], key=lambda span: (span.start_s, -span.end_s))
    total = len(outlines) + sum(map(len, shown))
    return Timeline(spans=tuple(every[:most]), left_out=total - len(every[:most]))


def _last_begin_ps(ran: Sequence[Ran], shown: Sequence[Ints], room: int) -> int:
    """The latest begin for which there is room."""
    begins = np.sort(np.concatenate([times.start_ps[nodes] for times, nodes in zip(ran, shown, strict=True)]))
    if room >= len(begins):
        return int(begins[-1]) if len(begins) else NONE
    return int(begins[room]) - 1 if room > 0 else NONE


def _passes(program: Program, ran: Ran, lane: Ints) -> Iterator[Span]:
    """Computations of one micro-batch in one direction in a row, from the first to the last."""
    nodes = np.flatnonzero(lane == COMPUTES)
    nodes = nodes[np.argsort(ran.start_ps[nodes], kind="stable")]
    directions = np.array([_direction(action) for action in program.actions])[program.action[nodes]]
    of = program.microbatch[nodes]
    changes = np.flatnonzero((directions[1:] != directions[:-1]) | (of[1:] != of[:-1])) + 1
    for first, beyond in pairwise([0, *changes.tolist(), len(nodes)]):
        microbatch = int(of[first])
        yield Span(
            track=f"stage {program.stage}: passes",
            name=str(directions[first]) if microbatch == NONE else f"{directions[first]} {microbatch}",
            kind="compute",
            start_s=int(ran.start_ps[nodes[first]]) / _PS_PER_S,
            end_s=int(ran.end_ps[nodes[beyond - 1]]) / _PS_PER_S,
            details={} if microbatch == NONE else {"micro-batch": microbatch},
        )


def _direction(action: object) -> str:
    """What a computation is part of; what is computed again is part of the backward pass."""
    role = action.role if isinstance(action, Compute) else ""
    return "backward" if role == "recompute" else role


def _waits(program: Program, ran: Ran, lane: Ints, end_ps: int) -> Iterator[Span]:
    """Where the stage neither computes nor exchanges, until the end of the step."""
    busy = np.flatnonzero(lane != RECEIVED)
    by_start = busy[np.argsort(ran.start_ps[busy], kind="stable")]
    ends = np.concatenate([[0], np.maximum.accumulate(ran.end_ps[by_start])])
    begins = np.concatenate([ran.start_ps[by_start], [end_ps]])
    for at in np.flatnonzero(begins > ends).tolist():
        yield Span(
            track=f"stage {program.stage}: passes",
            name="idle",
            kind="idle",
            start_s=int(ends[at]) / _PS_PER_S,
            end_s=int(begins[at]) / _PS_PER_S,
        )


def _detail(program: Program, ran: Ran, node: int, lane: str) -> Span:
    """A computation or an exchange, on the track of its lane."""
    action = program.actions[program.action[node]]
    details: dict[str, str | int | float] = {}
    if program.microbatch[node] != NONE:
        details["micro-batch"] = int(program.microbatch[node])
    if isinstance(action, Compute):
        name = action.name
        details |= {"role": action.role, "operators": len(action.ops)}
    else:
        line = line_of(action)
        to = f" to stage {action.peer}" if isinstance(action, Message) else ""
        name = f"{line.axis} {line.kind}{to}"
        details |= {"what": action.name, "bytes": size_of(action)}
    return Span(
        track=f"stage {program.stage}: {lane}",
        name=name,
        kind="compute" if isinstance(action, Compute) else "network",
        start_s=int(ran.start_ps[node]) / _PS_PER_S,
        end_s=int(ran.end_ps[node]) / _PS_PER_S,
        details=details,
    )
