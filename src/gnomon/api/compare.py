"""compare(): scenarios answered by every engine, beside what was measured of their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gnomon.api import plugins
from gnomon.api.answers import Answer, answer
from gnomon.api.measurements import plan_of, read_measurements
from gnomon.api.names import system
from gnomon.api.questions import build
from gnomon.api.scenarios import ScenarioQuestion, read_scenario
from gnomon.core.digest import plain
from gnomon.core.errors import GnomonError
from gnomon.core.measurement import Measurement
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.formats.model_table import ModelTable
from gnomon.stats.errors import percent_error
from gnomon.zoo.models import model as zoo_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scenario: every engine's answer and the measured values that are its like."""

    scenario: ScenarioQuestion
    answers: tuple[Answer, ...]
    measured: tuple[Measurement, ...]

    @property
    def has_predictions(self) -> bool:
        """Whether some engine answers some pass."""
        return any(answer.has_predictions for answer in self.answers)

    @property
    def reasons(self) -> str:
        """Why engines do not answer, in one line."""
        return "; ".join(f"{one.engine}: {'; '.join(one.reasons)}" for one in self.answers if one.reasons)

    def errors_percent(self, measured: Measurement) -> dict[str, float]:
        """By engine, the signed error of its prediction of the measured pass, in percent of the measured time."""
        return {
            answer.engine: percent_error(outcome.prediction.value, measured.time_s)
            for answer in self.answers
            for outcome in answer.outcomes
            if outcome.prediction is not None and outcome.scenario.plan.mode == measured.mode
        }

    def to_dict(self, *, operators: bool = False) -> dict[str, Any]:
        """One entry of the document of `gnomon compare SCENARIO --json`; with `operators`, those of each pass too."""
        return {
            "scenario": self.scenario.name,
            "title": self.scenario.written.title,
            "answers": [answer.to_dict(operators=operators) for answer in self.answers],
            "measured": [plain(row) | {"errors_percent": self.errors_percent(row)} for row in self.measured],
        }


def compare(
    scenarios: Sequence[str | Path] | str | Path, engines: Sequence[str] = (), *, tell: Tell = silent
) -> list[Compared]:
    """Each scenario (a catalogue name or a file) under every engine, or those named, beside the built-in measurements.

    tell: takes what is under way, of an engine that takes long.
    """
    chosen = {name: plugins.tuned(name, {}, tell) for name in engines or plugins.engines()}
    if isinstance(scenarios, (str, Path)):
        scenarios = [scenarios]
    table = read_measurements("published")
    assert isinstance(table, ModelTable)
    found = []
    for text in scenarios:
        asked = read_scenario(text)
        with asked.placed():
            answers = tuple(answer(asked.question, name, engine) for name, engine in chosen.items())
        found.append(Compared(scenario=asked, answers=answers, measured=_like(asked, table.measurements)))
    return found


def _like(asked: ScenarioQuestion, measured: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """The measurements whose clock covered one of the scenario's passes: the same graph on the same system."""
    scenarios = tuple(asked.question.scenarios().values())
    return tuple(row for row in measured if any(_is_like(row, scenario) for scenario in scenarios))


def _is_like(row: Measurement, scenario: Scenario) -> bool:
    """Whether the row's own workload and system are the scenario's; what the row leaves open is taken as equal."""
    if (row.model, row.mode, row.batch) != (scenario.workload.name, scenario.plan.mode, scenario.plan.batch):
        return False
    try:
        workload = build(
            zoo_model(row.model), replace(plan_of(row), attention=row.attention or scenario.plan.attention)
        )
        machine = system(f"{row.device}:{row.devices}")
    except GnomonError:  # a row of a shape that no graph has is nobody's like
        return False
    return (workload.digest, machine.digest) == (scenario.workload.digest, scenario.system.digest)
