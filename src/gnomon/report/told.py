"""The run of an experiment and a ledger of claims, each as a section of the page."""

from __future__ import annotations

from gnomon.report.documents import Document
from gnomon.report.facts import claims as claim_facts
from gnomon.report.facts import run_tables
from gnomon.report.facts.run import alarms, measured, run_view, tiles
from gnomon.report.figures.claims import claims_by_tool
from gnomon.report.figures.figure import Figure
from gnomon.report.figures.run import course as course_figure
from gnomon.report.figures.run import values_by_arm as values_figure
from gnomon.report.section import Grid, Section

MOST_METRICS = 8  # with a figure of their own; the table of units has all


def run_section(document: Document, most_rows: int) -> Section:
    """A run: what was asked, what came of it, and how it went."""
    run = document.run
    assert run is not None
    found, notes = measured(run), []
    drawn: list[Figure] = []
    shown = run.spec.metrics.every[:MOST_METRICS]
    for metric in shown:
        table = run_tables.values_by_arm(run, metric)
        if table is not None and len(table) <= most_rows:
            stats = {arm: one[metric.name] for arm, one in found["_protocol"]["stats"].items()}
            drawn.append(values_figure(metric, table, run_tables.arms(run), stats))
    if len(shown) < len(run.spec.metrics.every):
        notes.append(
            f"Figures of the first {len(shown)} of {len(run.spec.metrics.every)} metrics; the tables have all."
        )
    tries = run_tables.course(run)
    if tries is not None and len(tries) <= most_rows:
        drawn.append(course_figure(tries, run.story.resumed_s, run.state.wall_s))
    grids = []
    listed = (
        ("Missing values", run_tables.missing(found), False),
        ("Unit by unit", run_tables.units_of(run), False),
        ("Files", run_tables.files_of(run), True),
    )
    for title, table, is_folded in listed:
        if table is None:
            continue
        if len(table) > most_rows:
            notes.append(f"{title}: the first {most_rows:,} of {len(table):,} lines are listed.")
            table = table.take(range(most_rows))
        grids.append(Grid(title=title, table=table, is_folded=is_folded))
    return Section(
        title=run.spec.title,
        document=document,
        figures=tuple(drawn),
        grids=tuple(grids),
        notes=tuple(notes),
        alarms=tuple(alarms(run)),
        tiles=tuple(tiles(run, found)),
        run=run_view(run),
    )


def claims_section(document: Document, most_rows: int) -> Section:
    """A ledger: how many claims stand how, and each of them."""
    table, notes = claim_facts.claims(document.data), []
    if len(table) > most_rows:
        notes.append(f"The first {most_rows:,} of {len(table):,} claims are listed.")
        table = table.take(range(most_rows))
    by_tool = claim_facts.by_tool(document.data)
    return Section(
        title="Claims",
        document=document,
        figures=(claims_by_tool(by_tool),) if by_tool is not None else (),
        grids=(Grid(title="Every claim", table=table, is_first=True),) if len(table) else (),
        notes=tuple(notes),
        tiles=tuple(claim_facts.counts(document.data)),
    )
