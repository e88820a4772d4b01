"""gnomon compare SCENARIO...: every engine that can answer, and the measured value where one exists."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.api import plugins
from gnomon.api.answers import unanswered
from gnomon.api.compare import Compared, compare
from gnomon.cli.arguments import words
from gnomon.cli.output import print_csv, print_json, print_table, say
from gnomon.cli.progress import telling
from gnomon.core.in_words import interval, percent
from gnomon.core.schema import COMPARE_SCENARIOS
from gnomon.core.units import show


def compare_scenarios(found: argparse.Namespace) -> int:
    """Print predictions and measurements of each scenario. Unsupported when no engine answers any."""
    with telling() as tell:
        compared = compare(found.scenarios, words(found.engine or ""), tell=tell)
    silent = [one for one in compared if not one.has_predictions]
    if len(silent) == len(compared):
        if found.json:
            print_json(_document(compared))  # a program finds the reasons there
        answers = (answer for one in silent for answer in one.answers)
        raise unanswered(answers, "\n".join(_why_silent(one) for one in silent))
    for fault in plugins.faults():
        say(f"left out: {fault}")
    for one in silent:
        say(_why_silent(one))
    for one in compared:
        if not one.measured:
            say(f"{one.scenario.name}: no measured value of its like in the built-in table")
    rows = [row for one in compared for row in _rows(one)]
    if found.json:
        print_json(_document(compared))
    elif found.csv:
        print_csv(rows)
    else:
        columns = ["scenario", "what", "by", "time", "90 % interval", "errors against it", "software", "conditions"]
        print_table(columns, [_cells(row) for row in rows], spare=("conditions", "software"))
    return 0


def _document(compared: Sequence[Compared]) -> dict[str, Any]:
    return {"schema": COMPARE_SCENARIOS, "scenarios": [one.to_dict() for one in compared]}


def _why_silent(one: Compared) -> str:
    return f"{one.scenario.name}: no engine answers ({one.reasons})"


def _rows(one: Compared) -> list[dict[str, Any]]:
    """Predictions of each pass, then its measurements, each with every prediction's error against it in percent."""
    rows: list[dict[str, Any]] = []
    for index, first in enumerate(one.answers[0].outcomes):
        base = {"scenario": one.scenario.name, "what": first.title}
        predictions = {a.engine: p for a in one.answers if (p := a.outcomes[index].prediction) is not None}
        for engine, found in predictions.items():
            low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
            rows.append(base | {"by": engine, "time_s": found.value, "low_s": low, "high_s": high})
        for m in one.measured:
            if m.mode == first.scenario.plan.mode:
                errors = {f"error_percent_{engine}": error for engine, error in one.errors_percent(m).items()}
                origin = {"software": m.software, "conditions": m.conditions, "source": m.source}
                rows.append(base | {"by": "measured", "time_s": m.time_s} | errors | origin)
    return rows


def _cells(row: Mapping[str, Any]) -> list[str]:
    errors = [
        f"{key.removeprefix('error_percent_')} {percent(value, is_signed=True)}"
        for key, value in row.items()
        if key.startswith("error_percent_")
    ]
    return [
        row["scenario"],
        row["what"],
        row["by"],
        show(row["time_s"], "s"),
        interval(row.get("low_s"), row.get("high_s")),
        ", ".join(errors) or "-",
        row.get("software", ""),
        row.get("conditions", ""),
    ]
