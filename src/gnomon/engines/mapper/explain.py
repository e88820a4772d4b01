"""Why each count is what it is: which loop brought the words, how often, and what is left out or added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gnomon.core.accelerator import Accelerator
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.counts import arrivals
from gnomon.engines.mapper.evaluate import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One summand of a count."""

    why: str
    words: float  # per instance
    visits: int = 0  # of so many iterations; 0: of none


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One count with its summands, which make it up to its rounding."""

    level: str
    space: str
    count: str  # reads, fills or updates
    words: int
    reasons: tuple[Reason, ...]


def explained(
    problem: Problem, accelerator: Accelerator, nest: LoopNest, switches: Switches, made: Evaluation
) -> Iterator[Explained]:
    """Every count that is not zero, the innermost memory first."""
    for level, memory in enumerate(accelerator.memories):
        for space in problem.spaces:
            counts = made.activity.levels[level][space.name]
            if not counts.is_kept:
                continue
            is_skipped = switches.first_read_elision and space.name not in nest.tilings[level].reads_first_update
            first = [Reason(why="the first partial sum of each word is not there yet", words=-counts.partition)]
            asked = _asked(accelerator, made, level, space.name)
            peers = _lent(made, level, space.name)
            brought = _brought(accelerator, made, level, space.name) if counts.fills else []
            for name, words, reasons in (
                ("reads", counts.reads, [*asked, *peers, *(first if space.is_output and is_skipped else [])]),
                ("fills", counts.fills, [*brought, *peers, *(first if space.is_output and is_skipped else [])]),
                ("updates", counts.updates, asked),
            ):
                if words:
                    yield Explained(
                        level=memory.name, space=space.name, count=name, words=words, reasons=tuple(reasons)
                    )


def _asked(accelerator: Accelerator, made: Evaluation, level: int, name: str) -> list[Reason]:
    """What the children of a memory ask of it."""
    traffic = made.movement.traffic[level][name]
    reasons = _of_loops(accelerator, made, level, name, 1.0)
    shared = sum(one.accesses for _, one in made.activity.levels[level][name].shared)
    if abs(shared - traffic.accesses) > 1e-9 * max(shared, traffic.accesses):
        inner = _passing(accelerator, made, level, name)
        reasons.append(
            Reason(why=f"{inner} keeps nothing: what was asked of it is asked here", words=shared - traffic.accesses)
        )
    return reasons


def _passing(accelerator: Accelerator, made: Evaluation, level: int, name: str) -> str:
    found = []
    for inner in range(level - 1, -1, -1):
        if made.activity.levels[inner][name].is_kept:
            break
        found.append(accelerator.memories[inner].name)
    return " and ".join(found)


def _lent(made: Evaluation, level: int, name: str) -> list[Reason]:
    """Words that instances of a memory give to their neighbours."""
    if level + 1 == len(made.activity.levels) or not (words := made.activity.levels[level + 1][name].link_words):
        return []
    return [Reason(why="to and from neighbours", words=words / made.activity.instances[level])]


def _brought(accelerator: Accelerator, made: Evaluation, level: int, name: str) -> list[Reason]:
    """What comes to one instance of a memory from outside, as the loops around it move its tile."""
    outer = made.movement.traffic[level + 1][name]
    share = arrivals(outer.shared, made.movement.fanout[level + 1]) / outer.accesses if outer.accesses else 0.0
    return _of_loops(accelerator, made, level + 1, name, share)


def _of_loops(accelerator: Accelerator, made: Evaluation, level: int, name: str, share: float) -> list[Reason]:
    reasons = []
    for mover, cause in sorted(
        made.movement.traffic[level][name].causes.items(), key=lambda one: (one[0] is not None, one[0] or 0)
    ):
        if not cause.words:
            continue
        if mover is None:
            why = "the first tile"
        elif mover == 0 and level == 0:
            why = "an operand of each multiply-accumulate"
        else:
            at, loop = made.movement.loops[mover]
            why = f"{loop.dim} of {loop.count} at {accelerator.memories[at].name} goes on"
        reasons.append(Reason(why=why, words=cause.words * share, visits=cause.visits))
    return reasons
