"""compare(): scenarios answered by every engine, beside what was measured of their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.api import plugins
from gnomon.api.answers import Answer, answer
from gnomon.api.measurements import read_measurements
from gnomon.api.questions import build
from gnomon.api.scenarios import ScenarioQuestion, read_scenario
from gnomon.core.digest import plain
from gnomon.core.measurement import Measurement
from gnomon.core.plan import Plan
from gnomon.core.workload import Workload
from gnomon.formats.model_table import ModelTable

USUAL_IMAGE = 224  # side in pixels of every image row in the tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scenario: every engine's answer and the measured values that are its like."""

    scenario: ScenarioQuestion
    answers: tuple[Answer, ...]
    measured: tuple[Measurement, ...]

    def to_dict(self) -> dict[str, Any]:
        """One entry of the document of `gnomon compare SCENARIO --json`."""
        return {
            "scenario": self.scenario.name,
            "title": self.scenario.written.title,
            "answers": [answer.to_dict() for answer in self.answers],
            "measured": [plain(row) for row in self.measured],
        }


def compare(scenarios: Sequence[str], engines: Sequence[str] = ()) -> list[Compared]:
    """Each scenario (a catalogue name or a file) under every engine, or those named, beside the built-in measurements."""
    chosen = {name: plugins.engine(name) for name in engines} if engines else plugins.engines()
    table = read_measurements("published")
    assert isinstance(table, ModelTable)
    found = []
    for text in scenarios:
        asked = read_scenario(text)
        answers = tuple(answer(asked.question, name, engine) for name, engine in chosen.items())
        found.append(Compared(scenario=asked, answers=answers, measured=_like(asked, table.measurements)))
    return found


def _like(asked: ScenarioQuestion, measured: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """The measurements whose clock covered one of the scenario's passes on the same system."""
    question = asked.question
    system = (question.system.device.name, question.system.count)
    passes = [(plan, build(question.model, plan)) for plan in question.passes.values()]
    return tuple(
        row
        for row in measured
        if row.model == question.model.name and (row.device, row.devices) == system
        if any(_is_like(row, plan, workload) for plan, workload in passes)
    )


def _is_like(row: Measurement, plan: Plan, workload: Workload) -> bool:
    """Whether a row was measured at the plan's sizes and formats; what the row does not say is taken as equal."""
    length = workload.context if plan.mode == "decode" else workload.seq
    return (
        (row.mode, row.batch, row.dtype) == (plan.mode, plan.batch, plan.dtype)
        and (row.weight_dtype or row.dtype) == (plan.weight_dtype or plan.dtype)
        and plan.kv_dtype is None
        and row.seq in (None, length)
        and (workload.item != "image" or plan.image == USUAL_IMAGE)
        and row.head in ("default", workload.head)
        and row.classes in (None, plan.classes)
        and row.attention in (None, plan.attention)
    )
