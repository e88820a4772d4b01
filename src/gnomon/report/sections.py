"""Each document as a section of the page: which views its data allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import PurePath

from gnomon.report.documents import Document, Kind
from gnomon.report.facts import accuracy, calibration, history, operators, passes, services, trials, waterfall
from gnomon.report.facts.table import evenly
from gnomon.report.figures.accuracy import error_by_group, predicted_and_measured
from gnomon.report.figures.calibration import coverage_by_group, coverage_by_level
from gnomon.report.figures.figure import Figure
from gnomon.report.figures.history import error_history, time_history
from gnomon.report.figures.pareto import pareto as pareto_figure
from gnomon.report.figures.roofline import roofline
from gnomon.report.figures.services import load_curve
from gnomon.report.figures.services import replicas_over_time as replicas_figure
from gnomon.report.figures.services import shares_of_requests as shares_figure
from gnomon.report.figures.waterfall import waterfall as waterfall_figure
from gnomon.report.section import Grid, Section
from gnomon.report.told import claims_section, run_section

MOST_DOCUMENTS = 6  # shown in full; the history has all
MOST_PASSES = 12  # of a document with figures of their own; the table of answers has all
MOST_ROWS_WITH_INTERVALS = 5_000  # above, the ends of each row's interval are left out

_BY = {"device": "device", "mode": "mode", "family": "family of operators", "dtype": "precision"}


def sections(documents: Sequence[Document], most_rows: int) -> list[Section]:
    """The history of what recurs, then each document; no table of a document is longer than `most_rows`."""
    builders: dict[Kind, Callable[[Document, int], Section]] = {
        "predictions": _predictions,
        "scenarios": _predictions,
        "measurements": _measurements,
        "sweep": _sweep,
        "run": run_section,
        "claims": claims_section,
        "capacity": _capacity,
    }
    shown = documents[-MOST_DOCUMENTS:]
    found = [builders[document.kind](document, most_rows) for document in shown]
    drawn = _histories(documents)
    left_out = len(documents) - len(shown)
    note = f"The last {len(shown)} of {len(documents)} documents follow; give fewer to see the others."
    if drawn or left_out:
        notes = (note,) if left_out else ()
        found.insert(0, Section(title="History", document=None, figures=tuple(drawn), notes=notes))
    return found


def _histories(documents: Sequence[Document]) -> list[Figure]:
    labels = short_labels([document.label for document in documents])
    labelled = list(zip(labels, documents, strict=True))
    compared = [(label, one.data) for label, one in labelled if one.kind == "measurements"]
    predicted = [(label, one.data) for label, one in labelled if one.kind in ("predictions", "scenarios")]
    drawn = [error_history(name, table) for name, table in history.error_histories(compared).items()]
    times = history.time_history(predicted)
    return [*drawn, time_history(times)] if times is not None else drawn


def short_labels(labels: Sequence[str]) -> list[str]:
    """The last parts of paths where those differ, else the whole labels; a label that recurs is numbered."""
    stems = [PurePath(label).name.removesuffix(".json") for label in labels]
    chosen = stems if len(set(stems)) == len(set(labels)) else list(labels)
    seen: Counter[str] = Counter()
    found = []
    for label in chosen:
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found


def _predictions(document: Document, most_rows: int) -> Section:
    answers, notes = passes.answers(document.data), []
    if len(answers) > most_rows:
        notes.append(f"The first {most_rows:,} of {len(answers):,} passes are listed.")
    drawn: list[Figure] = []
    grids = [Grid(title="Answers", table=answers.take(range(min(most_rows, len(answers)))))]
    beside = accuracy.scenario_rows(document.data) if document.kind == "scenarios" else None
    if beside is not None:
        beside = beside.take(evenly(len(beside), most_rows))
        drawn.append(predicted_and_measured(beside))
        grids.append(Grid(title="Predicted beside measured", table=beside))
    count = sum(1 for _ in passes.passes(document.data))
    if count > MOST_PASSES:
        notes.append(f"Figures of the first {MOST_PASSES} of {count:,} passes; ask for fewer to see the others.")
    for one in islice(passes.passes(document.data), MOST_PASSES):
        if one.quantity["parts"]:
            drawn.append(waterfall_figure(one.title, one.quantity["value"], waterfall.waterfall(one.quantity)))
        if one.quantity["quantity"] == "e2e" and (service := one.quantity.get("service")):
            drawn.append(shares_figure(one.title, services.shares_of_requests(service), service))
            if scaling := service.get("scaling"):
                drawn.append(replicas_figure(one.title, services.replicas_over_time(scaling), scaling))
        table = operators.operators(one.quantity)
        if table is not None:
            if len(table) > most_rows:
                notes.append(f"The {most_rows:,} longest of {len(table):,} operators of {one.title}.")
                table = operators.largest(table, most_rows)
            roofs = one.quantity.get("roofs")
            if roofs and (figure := roofline(one.title, table, roofs)):
                drawn.append(figure)
            grids.append(Grid(title=f"Operators: {one.title}", table=table))
    title = "Scenarios" if document.kind == "scenarios" else "Predictions"
    return Section(title=title, document=document, figures=tuple(drawn), grids=tuple(grids), notes=tuple(notes))


def _measurements(document: Document, most_rows: int) -> Section:
    data = document.data
    drawn: list[Figure] = []
    grids: list[Grid] = []
    notes: list[str] = []
    rows = accuracy.measured_rows(data)
    if rows is not None:
        rows = rows.take(evenly(len(rows), most_rows))
        if len(rows) > MOST_ROWS_WITH_INTERVALS:
            rows = rows.without("low_s", "high_s")
        if len(rows) < data["rows_answered"]:
            notes.append(
                f"{len(rows):,} of the {data['rows_answered']:,} answered rows are drawn and listed; errors and coverage are of all."
            )
        drawn.append(predicted_and_measured(rows))
        grids.append(Grid(title="Row by row", table=rows))
    for by in data["by"]:
        groups = accuracy.error_groups(data, by)
        if groups is not None:
            subject = "model" if data["kind"] == "models" else "operator"
            drawn.append(error_by_group(_BY.get(by, subject), groups))
    covered, levels = calibration.coverage_by_group(data), calibration.coverage_by_level(data)
    if levels is not None:
        drawn.append(coverage_by_level(levels))
    if covered is not None:
        drawn.append(coverage_by_group(data["intervals"]["level"], covered))
    title = f"{data['engine']} beside {data['table']}"
    return Section(title=title, document=document, figures=tuple(drawn), grids=tuple(grids), notes=tuple(notes))


def _capacity(document: Document, most_rows: int) -> Section:
    name, table = document.data["scenario"], services.times_by_rate(document.data)
    return Section(
        title=f"Capacity of {name}",
        document=document,
        figures=(load_curve(name, table, document.data),),
        grids=(Grid(title="Runs of the search", table=table.take(range(min(most_rows, len(table))))),),
        notes=(),
    )


def _sweep(document: Document, most_rows: int) -> Section:
    table, name = trials.trials(document.data, document.rows), document.data["name"]
    notes = []
    if len(table) > most_rows:
        whole, table = table, trials.fewer(table, most_rows)
        notes.append(
            f"The Pareto set and evenly spaced others are drawn and listed: {len(table):,} of {len(whole):,} trials."
        )
    drawn: tuple[Figure, ...] = ()
    if document.data["objectives"]:
        drawn = (pareto_figure(document.data.get("title") or name, table, document.data),)
    return Section(
        title=f"Sweep {name}",
        document=document,
        figures=drawn,
        grids=(Grid(title="Trials", table=table),),
        notes=tuple(notes),
    )
