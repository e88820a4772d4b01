"""What one document comes to on the page: its figures, its tables, and what stands around them."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.report.documents import Document
from gnomon.report.facts.listing import Fact
from gnomon.report.facts.run import RunView
from gnomon.report.facts.table import Table
from gnomon.report.figures.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table that the reader can sort and search."""

    title: str
    table: Table
    is_folded: bool = False  # opened by the reader
    is_first: bool = False  # above the figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One document on the page."""

    title: str
    document: Document | None  # None: drawn from several
    figures: tuple[Figure, ...]
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()  # what the section leaves out
    alarms: tuple[str, ...] = ()  # what a reader must know before anything else
    tiles: tuple[Fact, ...] = ()  # the main facts, at a glance
    run: RunView | None = None  # of an experiment's run: what is told of it in words
