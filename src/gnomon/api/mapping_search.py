"""The best mapping of a tensor operation on a spatial accelerator, from Timeloop's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gnomon.api.mapping import MappingEvaluation, evaluated, switches_of, told_conventions
from gnomon.api.names import accelerator
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.engines.mapper.as_text import as_text
from gnomon.engines.mapper.obeys import broken_rules
from gnomon.engines.mapper.search import state as states
from gnomon.engines.mapper.search.counting import of_gnomon, of_timeloop
from gnomon.engines.mapper.search.judge import NOT_BELOW_ZERO
from gnomon.engines.mapper.search.objective import Objective
from gnomon.engines.mapper.search.run import Found, Search
from gnomon.engines.mapper.search.space import Space
from gnomon.formats.timeloop.mapping_text import mapping_text
from gnomon.formats.timeloop.read import TimeloopInput, read

SCHEMA = "gnomon/mapping-search/1"
PARETO = "pareto"
OBJECTIVES = (*(one.name.lower() for one in Objective), PARETO)
_UNITS = {Objective.LATENCY: "cycle", Objective.ENERGY: "pJ", Objective.EDP: "pJ*cycle"}
_ASKED_AS = {"edp": "edp", "energy": "energy", "delay": "latency"}  # in Timeloop's words
_MOST_LOOPS = 18  # a walk of more takes too long for a replay
_EQUAL = 1e-6  # relative: energies summed up in another order


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMapping:
    """A mapping that a search found."""

    found: Found
    loops: str  # as an indented loop nest
    text: str  # as Timeloop's YAML

    @property
    def edp_pj_cycles(self) -> float:
        return self.found.cycles * self.found.energy_pj


class MappingSearch:
    """A search that goes on as long as it is told to, and what it has found so far."""

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        on: str | Path | None = None,
        objective: str | None = None,
        ragged: bool | None = None,
        seed: int = 0,
        settings: Mapping[str, str] | None = None,
        rules: str = "timeloop",
    ) -> None:
        """A search of the mappings that the constraints in the files allow. BadInput, Unsupported.

        on: an accelerator of the catalogue or of a file, in place of architecture, energies and constraints.
        objective: latency, energy, edp (energy times time) or pareto; left out: what `mapper:` in the files asks for, else edp.
        ragged: whether tiles need not divide dimensions; left out: as the files' template says, else they need not.
        settings: Timeloop's switches by name, over its own variables in the environment.
        rules: whose conventions count, timeloop or gnomon.
        """
        self.given = read([Path(path) for path in paths], accelerator(on) if on is not None else None)
        self.switches = switches_of(rules, settings or {})
        self.objective = objective or _asked(self.given)
        if self.objective not in OBJECTIVES:
            near = near_match(self.objective, OBJECTIVES)
            raise BadInput(f"unknown objective {self.objective!r}{near} (known: {', '.join(OBJECTIVES)})")
        if ragged is None:
            ragged = self.given.search.is_ragged if self.given.search.is_ragged is not None else True
        if seed < 0:
            raise BadInput(f"{seed} is below 0", field="seed")
        self.seed = seed
        space = Space(
            problem=self.given.problem,
            accelerator=self.given.accelerator,
            rules=self.given.rules,
            is_ragged=ragged,
        )
        objectives = tuple(Objective) if self.objective == PARETO else (Objective[self.objective.upper()],)
        given = self.given
        counting = (
            of_gnomon(given.problem, given.accelerator, given.rules)
            if self.switches is None
            else of_timeloop(given.problem, given.accelerator, given.rules, self.switches)
        )
        self.search = Search(space, counting, objectives, seed)

    def run(self, budget_s: float) -> None:
        """Search for so many seconds more, or until the best is proved to be so."""
        self.search.run(budget_s)

    def mappings(self) -> list[FoundMapping]:
        """The best mapping; with `pareto` those than which no other is better, the quickest first. BadInput where none was found."""
        found = self.search.found()
        if not found:
            raise BadInput(f"no mapping found that is allowed; of those tried {self._turned_away()}")
        problem, accelerator = self.given.problem, self.given.accelerator
        return [
            FoundMapping(
                found=one,
                loops=as_text(problem, accelerator, one.nest),
                text=mapping_text(problem, accelerator, one.nest),
            )
            for one in found
        ]

    def _turned_away(self) -> str:
        counts = self.search.judge.rejected.most_common()
        return ", ".join(f"{count:,} broke: {rule}" for rule, count in counts if count) or "none"

    def replayed(self, one: FoundMapping) -> MappingEvaluation | None:
        """The mapping as `evaluate_mapping` has it, which is a walk by Timeloop's rules; None where that takes too long.

        AssertionError where it breaks a rule or costs something else than the search says: a fault of the search.
        """
        broken = broken_rules(one.found.nest, self.given.problem, self.given.rules)
        if broken:
            raise AssertionError(f"the search broke a rule: {broken[0]}")
        loops = sum(len(tiling.temporal) for tiling in one.found.nest.tilings)
        if self.switches is not None and loops > _MOST_LOOPS:
            return None
        try:
            made = evaluated(self.given, one.found.nest, self.switches)
        except Unsupported:
            return None
        costs = made.evaluation.costs
        if costs.cycles != one.found.cycles or abs(costs.energy_pj - one.found.energy_pj) > _EQUAL * costs.energy_pj:
            raise AssertionError(
                f"the search says {one.found.cycles} cycles and {one.found.energy_pj} pJ of a mapping that takes "
                f"{costs.cycles} and {costs.energy_pj}"
            )
        return made

    def bounds(self) -> dict[str, dict[str, Any]]:
        """Of each objective the best that was found, what no mapping of the space is below, and the gap between them."""
        told = {}
        for at, objective in enumerate(self.search.objectives):
            value = self.search.best(at)
            bound = self.search.bound(at)
            told[objective.name.lower()] = {
                "found": value,
                "bound": bound,
                "gap": (value - bound) / value if value else 0.0,
                "unit": _UNITS[objective],
            }
        return told

    def excluded(self) -> list[str]:
        """What the space leaves out, in words."""
        left_out = ["a dimension along both axes of one memory", "orders of the loops over children but one"]
        if self.search.space.may_pass_outermost:
            left_out.append(
                f"data that is not kept in {self.given.accelerator.memories[-1].name}, the outermost memory"
            )
        if self.search.space.is_ragged:
            left_out.append("of ragged tiles with equally many passes all but the smallest")
        else:
            left_out.append("ragged tiles: parts that do not divide their dimension")
        if self.search.judge.rejected[NOT_BELOW_ZERO]:
            left_out.append("mappings of which Timeloop's rules count less than nothing")
        if not self.search.boundings[0].is_all:
            left_out.append("of too many ways over children those with the fewest at work")
        return left_out

    def state(self) -> dict[str, Any]:
        """What another search goes on from."""
        return states.written(self.search, self._rules_of_counting())

    def restore(self, state: Any, where: str) -> None:
        """Go on from a state. BadInput where it is that of another search."""
        states.restore(self.search, state, self._rules_of_counting(), where)

    def _rules_of_counting(self) -> str:
        return repr(told_conventions(self.switches))

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        mappings = self.mappings()
        bounds = self.bounds()
        single = bounds[self.objective] if self.objective != PARETO else None
        best = min(mappings, key=lambda one: one.edp_pj_cycles) if self.objective == PARETO else mappings[0]
        replay = self.replayed(best)
        sizes = self.search.space.sizes()
        return {
            "schema": SCHEMA,
            "problem": self.given.problem.name,
            "architecture": self.given.accelerator.name,
            "conventions": told_conventions(self.switches),
            "energy_table": "given" if self.given.has_ert else "built in",
            "objective": self.objective,
            "ragged": self.search.space.is_ragged,
            "seed": self.seed,
            "time_s": self.search.spent_s,
            "optimal": self.search.is_proved(),
            "bound": single["bound"] if single else None,
            "gap": single["gap"] if single else None,
            "bounds": bounds,
            "space": {"size": prod(sizes.values()), "axes": sizes, "excluded": self.excluded()},
            "candidates": {
                "evaluated": self.search.judge.evaluated,
                "rejected": dict(self.search.judge.rejected),
            },
            "best": _figures(best),
            "mappings": [_figures(one) for one in mappings],
            "evaluation": replay.to_dict() if replay else None,
        }


def _figures(one: FoundMapping) -> dict[str, Any]:
    return {
        "cycles": one.found.cycles,
        "energy_pj": one.found.energy_pj,
        "edp_pj_cycles": one.edp_pj_cycles,
        "mapping": one.text,
    }


def _asked(given: TimeloopInput) -> str:
    """The objective that the files ask for first."""
    if not given.search.objectives:
        return "edp"
    first = given.search.objectives[0]
    if first not in _ASKED_AS:
        raise Unsupported(f"the objective {first!r} of mapper: give --objective {'|'.join(OBJECTIVES)}")
    return _ASKED_AS[first]
