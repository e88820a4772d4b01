"""The best mapping of one layer: searched for in steps, so that the same question has the same answer on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gnomon.core.design import Design
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.loop_nest import LoopNest
from gnomon.core.map_space import MapRules
from gnomon.core.problem import Problem
from gnomon.engines.mapper.networks.counting import TOLD, Counting, counting
from gnomon.engines.mapper.networks.settings import Settings
from gnomon.engines.mapper.search import state
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.run import Search
from gnomon.engines.mapper.search.space import Space

_STEP_S = 0.01  # that a search takes a step to last: it turns from mappings to bounds and back every ten
_MOST_TIMES = 10  # the effort, where no mapping was found that fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One layer on one machine."""

    problem: Problem
    design: Design
    rules: MapRules
    counting: Counting
    conventions: str

    @property
    def space(self) -> Space:
        return Space(
            problem=self.problem,
            accelerator=self.design.accelerator,
            rules=self.rules,
            is_ragged=self.conventions == "gnomon",  # Timeloop rounds the units at work down there, and so their work
        )


State = dict[str, Any]  # of a search, as JSON, to go on from


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """What a search came to."""

    nest: LoopNest
    least: float  # no mapping has less of the objective
    effort: int  # steps that were spent
    is_proved: bool  # nothing is better


def asked(problem: Problem, design: Design, conventions: str) -> Asked:
    """A layer, ready to be searched. Unsupported where the machine has no mapping of it."""
    rules = design.rules(problem)
    found = Asked(
        problem=problem,
        design=design,
        rules=rules,
        counting=counting(problem, design.accelerator, rules, conventions),
        conventions=conventions,
    )
    try:
        found.space.check()
    except BadInput as fault:
        raise Unsupported(f"{problem.name}: {fault}") from None
    return found


def searched(layer: Asked, settings: Settings, before: tuple[int, State] | None) -> tuple[Best, State]:
    """The best mapping after the effort of the settings, and the state of the search.

    `before`: steps of an earlier search, and its state. Unsupported where no mapping was found.
    """
    search, spent = _begun(layer, settings, before)
    steps = _Steps()
    search.run((settings.effort - spent) * _STEP_S, steps)
    while not search.found() and steps.taken < _MOST_TIMES * settings.effort:
        search.run(settings.effort * _STEP_S, steps)
    if not search.found():
        raise Unsupported(
            f"{layer.problem.name}: none of {search.judge.evaluated + search.judge.rejected.total():,} mappings fits; "
            "give the search more effort"
        )
    best = Best(
        nest=search.found()[0].nest,
        least=search.bound(0),
        effort=spent + steps.taken,
        is_proved=search.is_proved(),
    )
    return best, state.written(search, TOLD[layer.conventions])


def _begun(layer: Asked, settings: Settings, before: tuple[int, State] | None) -> tuple[Search, int]:
    """A search that stands where an earlier one ended, and the steps spent on it; a new one where its state cannot be read."""
    objectives = (Objective[settings.objective.upper()],)
    search = Search(layer.space, layer.counting.rules, objectives, settings.seed)
    if before is None:
        return search, 0
    spent, written = before
    try:
        state.restore(search, written, TOLD[layer.conventions], layer.problem.name)
    except BadInput:
        return _begun(layer, settings, None)
    return search, spent


class _Steps:
    """A clock that goes on by one step each time the search looks at it, which it does before each piece of work."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self) -> float:
        self.taken += 1
        return self.taken * _STEP_S
