"""Several models of mappings on one tensor operation: their totals, and what their differences consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gnomon.api import plugins
from gnomon.api.mapping_tools import MAPPER, searched
from gnomon.core.card import differing
from gnomon.core.errors import GnomonError, UsageError, near_match
from gnomon.core.tool import TERMS, Answer, Limits, Objective, Question
from gnomon.formats.timeloop.read import TimeloopInput, read
from gnomon.tools.answers import ask

SCHEMA = "gnomon/mapping-comparison/1"
_SMALL = 1e-9  # of a difference against the totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one model says more than another, in all and of each of its terms."""

    model: str
    against: str
    cycles: float
    terms: Mapping[str, float]  # add up to the cycles; those that are alike are not there
    energy_pj: float | None  # None: one of them has no energy
    energies_pj: Mapping[tuple[str, str], float]  # part, data space -> its share; add up to the energy


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingComparison:
    """The answers to one question, and why others gave none."""

    question: Question
    answers: tuple[Answer, ...]
    faults: Mapping[str, GnomonError]  # of those that gave none, by name

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Each model against the first."""
        return tuple(difference(one, self.answers[0]) for one in self.answers[1:])

    @property
    def differing_terms(self) -> tuple[str, ...]:
        """The terms in which the cards of those that answered are not alike."""
        return differing(tuple(one.card for one in self.answers))

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: cycles, and energies in picojoules."""
        return {
            "schema": SCHEMA,
            "problem": self.question.problem.name,
            "architecture": self.question.accelerator.name,
            "objective": self.question.objective,
            "macs": self.question.problem.macs,
            "models": [
                {
                    "name": one.tool,
                    "version": one.version,
                    "cycles": one.cycles,
                    "cycle_terms": dict(one.cycle_terms),
                    "energy_pj": one.energy_pj,
                    "energy_parts": [asdict(part) for part in one.energy_parts],
                    "counts": [asdict(count) for count in one.counts],
                    "mapping": one.mapping,
                    "notes": list(one.notes),
                    "card": one.card.told(),
                }
                for one in self.answers
            ],
            "differences": [
                {
                    "model": one.model,
                    "against": one.against,
                    "cycles": one.cycles,
                    "cycle_terms": dict(one.terms),
                    "energy_pj": one.energy_pj,
                    "energy_parts": [
                        {"part": part, "space": space, "energy_pj": energy_pj}
                        for (part, space), energy_pj in one.energies_pj.items()
                    ],
                }
                for one in self.differences
            ],
            "differing_terms": list(self.differing_terms),
            "without_answer": {name: str(fault) for name, fault in self.faults.items()},
        }


def compare_mappings(
    paths: Sequence[str | Path],
    models: Sequence[str] = (),
    *,
    objective: Objective = "latency",
    budget_s: float = 10.0,
    limits: Limits | None = None,
    working: Callable[[str], AbstractContextManager[None]] = lambda text: nullcontext(),
) -> MappingComparison:
    """Ask models of what Timeloop's files hold. Where none is named, the mapper and every tool that is installed.

    budget_s: for the mapper's search, where the files hold no mapping.

    The fault of one model harms no other; where none answers, the first fault is raised. `working` is shown what is under way.
    """
    tools = plugins.mapping_tools()
    for name in models:
        if name not in (MAPPER, *tools):
            known = (MAPPER, *tools)
            raise UsageError(f"with: unknown model {name!r}{near_match(name, known)} (known: {', '.join(known)})")
    chosen = tuple(dict.fromkeys(models)) or (MAPPER, *(name for name, one in tools.items() if one.installed()))
    question = question_of(read([Path(path) for path in paths]), objective)
    answers, faults = list[Answer](), dict[str, GnomonError]()
    for name in chosen:
        try:
            with working(f"asking {name}"):
                found = (
                    searched(paths, question, budget_s)
                    if name == MAPPER
                    else ask(tools[name], question, limits or Limits())
                )
            answers.append(found)
        except GnomonError as fault:
            faults[name] = fault
    if not answers:
        raise next(iter(faults.values()))
    return MappingComparison(question=question, answers=tuple(answers), faults=faults)


def question_of(given: TimeloopInput, objective: Objective = "latency") -> Question:
    """The question that files ask. What a memory may keep is what the mapping keeps there, else what the constraints allow."""
    every = frozenset(space.name for space in given.problem.spaces)
    memories = given.accelerator.memories
    if given.nest is not None:
        kept = tuple(tiling.kept for tiling in given.nest.tilings)
    else:
        kept = tuple(
            rule.kept if memory.name in given.passing else every - rule.bypassed
            for memory, rule in zip(memories, given.rules.levels, strict=True)
        )
    return Question(
        problem=given.problem,
        accelerator=given.accelerator,
        kept=kept,
        nest=given.nest,
        rules=given.rules,
        objective=objective,
    )


def difference(one: Answer, other: Answer) -> Difference:
    """What the first says more than the second."""
    terms = {term: one.cycle_terms.get(term, 0.0) - other.cycle_terms.get(term, 0.0) for term in TERMS}
    energy_pj, energies_pj = None, dict[tuple[str, str], float]()
    if one.energy_pj is not None and other.energy_pj is not None:
        energy_pj = one.energy_pj - other.energy_pj
        energies_pj = by_part(one)
        for key, value in by_part(other).items():
            energies_pj[key] = energies_pj.get(key, 0.0) - value
        largest = max(one.energy_pj, other.energy_pj)
        energies_pj = {key: value for key, value in energies_pj.items() if abs(value) > _SMALL * largest}
    return Difference(
        model=one.tool,
        against=other.tool,
        cycles=one.cycles - other.cycles,
        terms={term: value for term, value in terms.items() if abs(value) > _SMALL * max(one.cycles, other.cycles)},
        energy_pj=energy_pj,
        energies_pj=energies_pj,
    )


def by_part(one: Answer) -> dict[tuple[str, str], float]:
    """Energy in picojoules of each part and data space; what has none of its own is left out."""
    found: dict[tuple[str, str], float] = {}
    for part in one.energy_parts:
        found[part.part, part.space] = found.get((part.part, part.space), 0.0) + part.energy_pj
    return found
