"""Each document as a section of the page: which views its data allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from gnomon.core.errors import BadInput
from gnomon.report import figures
from gnomon.report.documents import Document
from gnomon.report.facts import accuracy, calibration, history, operators, pareto, passes, waterfall
from gnomon.report.facts.table import Table
from gnomon.report.figures import Figure

MOST_PASSES = 12  # with figures of their own; the table of answers has all
MOST_ROWS = 10_000  # points and rows of one document on the page
MOST_ROWS_WITH_INTERVALS = 5_000  # above, the ends of each row's interval are left out: the page stays below 6 MB

_BY = {"device": "device", "mode": "mode", "family": "family of operators", "dtype": "precision"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table that the reader can sort and search."""

    title: str
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One document on the page."""

    title: str
    document: Document | None  # None: drawn from several
    figures: tuple[Figure, ...]
    grids: tuple[Grid, ...]
    notes: tuple[str, ...] = ()


def sections(documents: Sequence[Document]) -> list[Section]:
    """The sections of a page: the history of tables compared more than once, then each document. BadInput."""
    found = [_checked(document) for document in documents]
    runs = history.histories([(d.label, d.data) for d in documents if d.kind == "measurements"])
    if runs:
        drawn = tuple(figures.history(name, table) for name, table in runs.items())
        found.insert(0, Section(title="History", document=None, figures=drawn, grids=()))
    return found


def _checked(document: Document) -> Section:
    builders: dict[str, Callable[[Document], Section]] = {
        "predictions": _predictions,
        "scenarios": _predictions,
        "measurements": _measurements,
        "sweep": _sweep,
    }
    try:
        return builders[document.kind](document)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as fault:
        what = f"the field {fault} is missing" if isinstance(fault, KeyError) else str(fault)
        raise BadInput(
            f"{document.label}: not a whole document of {document.data['schema']}: {what}; write it anew"
        ) from fault


def _predictions(document: Document) -> Section:
    drawn: list[Figure] = []
    grids = [Grid(title="Answers", table=passes.answers(document.data))]
    beside = accuracy.scenario_rows(document.data)
    if beside is not None:
        drawn.append(figures.predicted_and_measured("Predicted and measured", beside))
        grids.append(Grid(title="Predicted beside measured", table=beside))
    count = sum(1 for _ in passes.passes(document.data))
    for one in islice(passes.passes(document.data), MOST_PASSES):
        if parts := one.quantity["parts"]:
            drawn.append(figures.waterfall(one.name, one.quantity["value"], waterfall.waterfall(one.quantity)))
            assert parts
        table = operators.operators(one.quantity)
        if table is not None:
            if figure := figures.roofline(one.name, table, one.quantity["roofs"]):
                drawn.append(figure)
            grids.append(Grid(title=f"Operators: {one.name}", table=table))
    note = f"Figures of the first {MOST_PASSES} of {count} passes; ask for fewer to see others." if count > MOST_PASSES else ""
    return Section(
        title="Scenarios" if document.kind == "scenarios" else "Predictions",
        document=document,
        figures=tuple(drawn),
        grids=tuple(grids),
        notes=(note,) if note else (),
    )


def _measurements(document: Document) -> Section:
    data, notes = document.data, []
    drawn: list[Figure] = []
    grids: list[Grid] = []
    rows = accuracy.measured_rows(data)
    if rows is not None:
        rows = thin(rows)
        if len(rows) < data["rows_answered"]:
            notes.append(f"{len(rows):,} of the {data['rows_answered']:,} compared rows are drawn and listed; the errors are of all.")
        drawn.append(figures.predicted_and_measured("Predicted and measured", rows))
        grids.append(Grid(title="Row by row", table=rows))
    for by in data["by"]:
        groups = accuracy.error_groups(data, by)
        if groups is not None:
            subject = "model" if data["kind"] == "models" else "operator"
            drawn.append(figures.error_by_group(_BY.get(by, subject), groups))
    covered = calibration.coverage_by_group(data)
    if covered is not None:
        drawn.append(figures.coverage_by_group(data["intervals"]["level"], covered))
    curve = calibration.nominal_and_measured(data)
    if curve is not None:
        drawn.append(figures.calibration_curve(curve))
    return Section(
        title=f"{data['engine']} beside {data['table']}",
        document=document,
        figures=tuple(drawn),
        grids=tuple(grids),
        notes=tuple(notes),
    )


def thin(rows: Table) -> Table:
    """At most MOST_ROWS rows, evenly spaced; without the ends of intervals where there are many."""
    step = -(-len(rows) // MOST_ROWS)
    kept = len(range(0, len(rows), step))
    is_long = kept > MOST_ROWS_WITH_INTERVALS
    return Table(
        columns=tuple(
            type(column)(name=column.name, unit=column.unit, values=column.values[::step])
            for column in rows.columns
            if not (is_long and column.name in ("low_s", "high_s"))
        )
    )


def _sweep(document: Document) -> Section:
    table = pareto.trials(document.data, document.rows)
    objectives = pareto.objectives(document.data, document.rows)
    if not objectives:
        raise ValueError("no objective names a column of the rows")
    figure = figures.pareto(f"Pareto front: {document.label}", table, objectives)
    grid = Grid(title="Trials", table=table)
    return Section(title=f"Sweep {document.label}", document=document, figures=(figure,), grids=(grid,))
