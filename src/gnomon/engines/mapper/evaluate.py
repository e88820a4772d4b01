"""One mapping, evaluated: what it moves, does, takes and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from gnomon.core.accelerator import Accelerator
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.problem import Problem
from gnomon.engines.mapper.conventions import Switches
from gnomon.engines.mapper.costs import Costs, priced
from gnomon.engines.mapper.counts import Activity, counted
from gnomon.engines.mapper.movement import Movement, moved

_MOST_LOOPS = 24  # some minutes
_MOST_CHILDREN = 2**16  # of one memory; some seconds for each visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that is known of a mapping."""

    movement: Movement
    activity: Activity
    costs: Costs


def evaluate(problem: Problem, accelerator: Accelerator, nest: LoopNest, switches: Switches) -> Evaluation:
    """Evaluate a mapping. BadInput where its tiles do not fit, Unsupported where a walk of it takes too long or no count can be told."""
    _can_be_walked(nest)
    movement = moved(problem, accelerator, nest, switches)
    check_fit(
        accelerator,
        [
            {name: one.words for name, one in traffic.items() if name in tiling.kept}
            for traffic, tiling in zip(movement.traffic, nest.tilings, strict=True)
        ],
    )
    activity = counted(problem, accelerator, nest, movement, switches)
    return Evaluation(movement=movement, activity=activity, costs=priced(problem, accelerator, activity))


def _can_be_walked(nest: LoopNest) -> None:
    loops = sum(len(tiling.temporal) for tiling in nest.tilings)
    if loops > _MOST_LOOPS:
        raise Unsupported(f"{loops} loops in time take a walk of 2^{loops} steps; up to {_MOST_LOOPS} are walked")
    for tiling in nest.tilings:
        if tiling.children > _MOST_CHILDREN:
            raise Unsupported(f"{tiling.children:,} children of one memory; up to {_MOST_CHILDREN:,} are told apart")


def check_fit(accelerator: Accelerator, tiles: Sequence[Mapping[str, int]]) -> None:
    """BadInput where the tiles that a memory keeps have no room in it, or fill less of it than is asked for."""
    for memory, needed in zip(accelerator.memories, tiles, strict=True):
        if memory.entries is None:
            continue
        words, room = sum(needed.values()), floor(memory.entries / memory.multiple_buffering)
        told = " + ".join(f"{words:,} of {name}" for name, words in needed.items())
        if words > room:
            buffered = f" ({memory.entries:,} / {memory.multiple_buffering:g} of its buffers)" * (room < memory.entries)
            raise BadInput(
                f"the tiles do not fit into {memory.name}: {words:,} words needed ({told}), {room:,} available{buffered}",
                field="mapping",
            )
        if words < memory.min_utilization * room:
            raise BadInput(
                f"{memory.name} is to be filled to {memory.min_utilization:.0%}: {words:,} words of {room:,} are used",
                field="mapping",
            )
