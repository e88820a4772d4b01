"""Which work of a device takes turns: what runs on one lane runs one after another, on different lanes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.core.system import System
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.passes import Compute, Talk
from gnomon.parallel.program import Action, Program
from gnomon.parallel.times import exchange_of

Ints = NDArray[np.int64]
RECEIVED = -1  # of a message that is received: it takes no turn
COMPUTES = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The lanes of a device; the first computes."""

    names: tuple[str, ...]
    of: tuple[Ints, ...]  # of each stage the lane of every action `(actions,)`, or RECEIVED


def one_for_exchanges(programs: Sequence[Program]) -> Lanes:
    """All that a device exchanges takes turns, as ASTRA-sim has it [518bd51, HardwareResource.cc]."""
    of = tuple(
        np.array([_lane(action, lambda _: 1, of_message=1) for action in program.actions]) for program in programs
    )
    return Lanes(names=("compute", "communication"), of=of)


def one_for_each_network(programs: Sequence[Program], model: ModelShare, system: System) -> Lanes:
    """What crosses one level of the network takes turns; messages between stages wait for nothing but each other.

    A collective is on the outermost level that it crosses, where it takes longest.
    """
    levels = len(system.dimensions)

    def of_talk(talk: Talk) -> int:
        crossed = [at for at, count in enumerate(exchange_of(talk, model, system).spread) if count > 1]
        return 1 + max(crossed, default=0)

    of = tuple(
        np.array([_lane(action, of_talk, of_message=1 + levels) for action in program.actions]) for program in programs
    )
    return Lanes(names=("compute", *(f"communication over {one.name}" for one in system.dimensions), "sends"), of=of)


def _lane(action: Action, of_talk: Callable[[Talk], int], of_message: int) -> int:
    if isinstance(action, Compute):
        return COMPUTES
    if isinstance(action, Talk):
        return of_talk(action)
    return of_message if action.is_sent else RECEIVED
