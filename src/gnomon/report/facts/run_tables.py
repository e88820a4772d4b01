"""The long tables of a run: values by arm, tries on the clock, units, missing values, files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gnomon.lab.specs.spec import Metric
from gnomon.report.facts.table import Cell, Column, Table, table_of
from gnomon.report.runs import Attempt, Run

DIGITS = 6  # of a metric, beside its unit
_MEASURED = ("baseline", "full")
_SPREAD = 0.6  # of the room of an arm that its units are spread over, in the order of the protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A line of the course of a run: tries of one phase and arm of which no two overlap."""

    name: str
    tries: tuple[Attempt, ...]


def values_by_arm(run: Run, metric: Metric) -> Table | None:
    """A row for each unit with a value, with its place beside the others of its arm; None where there is none."""
    rows: list[dict[str, Any]] = []
    for place, arm in enumerate(arms(run)):
        units = [unit for unit in run.planned if unit.arm == arm and unit.phase in _MEASURED]
        for index, unit in enumerate(units):
            found = run.state.units.get(unit.id)
            value = found.metrics.get(metric.name) if found is not None and found.done is not None else None
            if value is not None:
                off = _SPREAD * (index / (len(units) - 1) - 0.5) if len(units) > 1 else 0.0
                told = {"arm": arm, "cell": unit.cell, "seed": unit.seed, "value": value, "unit": metric.unit}
                rows.append({**told, "place": place + off})
    names = ("arm", "cell", "seed", "value", "unit", "place")
    table = table_of(rows, dict.fromkeys(names, ""))
    empty = [name for name in ("cell", "unit") if not any(table[name])]
    return table.without(*empty) if rows else None


def arms(run: Run) -> list[str]:
    """Baselines, then treatments."""
    return [arm.name for role in ("baseline", "treatment") for arm in run.spec.protocol.arms if arm.role == role]


def lanes(run: Run) -> list[Lane]:
    """Every try in the first lane of its phase and arm that is free when it begins."""
    arm_of = {unit.id: unit.arm for unit in run.planned}
    found: dict[str, list[list[Attempt]]] = {}
    for one in run.story.attempts:
        arm = arm_of.get(one.unit, "")
        rows = found.setdefault(f"{one.phase}: {arm}" if arm else one.phase, [])
        free = next((row for row in rows if row[-1].end_s <= one.start_s), None)
        if free is None:
            rows.append([one])
        else:
            free.append(one)
    return [
        Lane(name=name if index == 0 else f"{name} ({index + 1})", tries=tuple(row))
        for name, rows in found.items()
        for index, row in enumerate(rows)
    ]


def course(run: Run) -> Table | None:
    """A row for each try: lane, begin and length on the clock of the runner at work; None where none began."""
    rows = [
        {
            "lane": lane.name,
            "unit": one.label,
            "try": one.number,
            "start_s": one.start_s,
            "length_s": one.end_s - one.start_s,
            "outcome": one.outcome,
            "failure": one.failure or None,
        }
        for lane in lanes(run)
        for one in lane.tries
    ]
    units = {"lane": "", "unit": "", "try": "", "start_s": "s", "length_s": "s", "outcome": "", "failure": ""}
    table = table_of(rows, units)
    return (table if any(table["failure"]) else table.without("failure")) if rows else None


def units_of(run: Run) -> Table:
    """A row for each unit of the plan with its metrics, in the units that the spec gives them."""
    planned = [unit for unit in run.planned if unit.phase != "sanity"]
    states = [run.state.units.get(unit.id) for unit in planned]
    columns = [
        Column(name="phase", values=tuple(unit.phase for unit in planned)),
        Column(name="arm", values=tuple(unit.arm for unit in planned)),
        Column(name="cell", values=tuple(unit.cell for unit in planned)),
        Column(name="seed", values=tuple(unit.seed for unit in planned)),
    ]
    metrics = run.spec.metrics.every
    taken = {"phase", "arm", "cell", "seed", "outcome", "tries", "unit", *(metric.name for metric in metrics)}
    for name in dict.fromkeys(name for unit in planned for name in unit.values):
        free = f"{name} (variable)" if name in taken else name
        columns.append(Column(name=free, values=tuple(_cell(unit.values.get(name)) for unit in planned)))
    for metric in metrics:
        values = tuple(
            one.metrics.get(metric.name) if one is not None and one.done is not None else None for one in states
        )
        columns.append(Column(name=metric.name, values=values, unit=metric.unit, digits=DIGITS))
    outcomes = tuple(
        "not run" if one is None else "done" if one.done is not None else one.failure or "not ended" for one in states
    )
    columns += [
        Column(name="outcome", values=outcomes),
        Column(name="tries", values=tuple(0 if one is None else one.attempts for one in states)),
        Column(name="unit", values=tuple(unit.id for unit in planned)),
    ]
    always = ("phase", "arm", "seed", "outcome", "unit", *(metric.name for metric in metrics))
    return Table(
        columns=tuple(one for one in columns if one.name in always or any(cell is not None for cell in one.values))
    )


def missing(document: dict[str, Any]) -> Table | None:
    """A row for each value that is not there, with the reason; None where all are."""
    rows = document["_protocol"]["missing"]
    table = table_of(rows, dict.fromkeys(("phase", "arm", "cell", "seed", "metric", "reason"), ""))
    table = Table(columns=tuple(_all_for_none(one) if one.name == "metric" else one for one in table.columns))
    return (table if any(table["cell"]) else table.without("cell")) if rows else None


def files_of(run: Run) -> Table | None:
    """A row for each sealed file; None where nothing is sealed."""
    rows = [{"file": name, "sha256": digest} for name, digest in run.files]
    return table_of(rows, {"file": "", "sha256": ""}) if rows else None


def _cell(value: Cell) -> Cell:
    """A value of a variable; a number that is not finite as a word."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _all_for_none(column: Column) -> Column:
    """Of a unit that did not end every metric is missing."""
    return Column(name=column.name, values=tuple("all" if value is None else value for value in column.values))
