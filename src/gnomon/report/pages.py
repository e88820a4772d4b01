"""The page: one HTML file with its figures, their numbers, and plotly.js once; nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from gnomon.core.errors import BadInput
from gnomon.core.in_words import percent
from gnomon.core.units import show
from gnomon.core.version import version
from gnomon.report.documents import Document
from gnomon.report.facts.accuracy import ERROR_COLUMNS, error_cells
from gnomon.report.facts.run import MOODS
from gnomon.report.facts.table import Column, Table
from gnomon.report.figures.figure import Figure
from gnomon.report.section import Section
from gnomon.report.sections import sections

MOST_BYTES = 6_000_000  # of a page, plotly.js included (4.8 MB): what a mail takes along and a browser opens at once
MOST_ROWS = (10_000, 5_000, 2_000, 500, 100)  # of one table: as many as the page has room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page and what stands on it."""

    html: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]  # what it leaves out
    alarms: tuple[str, ...] = ()  # what a reader must know before anything else

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return len(self.html.encode())


def page(documents: Sequence[Document], title: str = "") -> Page:
    """The whole page, below MOST_BYTES. BadInput where the documents have too much for one page."""
    for most_rows in MOST_ROWS:
        found = _page(sections(documents, most_rows), title)
        if found.size_bytes < MOST_BYTES:
            return found
    raise BadInput(f"{len(documents)} documents are too much for one page of {show(MOST_BYTES, 'B')}; give fewer")


def _page(found: Sequence[Section], title: str) -> Page:
    from plotly.offline import get_plotlyjs  # 0.2 s, and only pages need it

    data = _Data()
    shown = [_shown(section, data) for section in found]
    usual = " and ".join(dict.fromkeys(section.title for section in found if section.document)) or found[0].title
    text = _template().render(
        title=title or usual,
        sections=shown,
        version=version(),
        style=Markup(_static("page.css")),
        plotly=Markup(_script(get_plotlyjs())),
        script=Markup(_script(_static("page.js"))),
        data=Markup(json_in_html({"tables": data.tables, "figures": data.figures, "grids": data.grids})),
    )
    return Page(
        html=text.encode("utf-8", "replace").decode(),  # halves of a pair that a JSON escape can hold are no text
        figures=tuple(figure for section in found for figure in section.figures),
        notes=tuple(note for section in found for note in section.notes),
        alarms=tuple(alarm for section in found for alarm in section.alarms),
    )


class _Data:
    """What the script of the page draws, each table once however many views show it."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] = {}
        self.figures: dict[str, Any] = {}
        self.grids: dict[str, Any] = {}
        self._names: dict[int, str] = {}  # identity of a table -> its name in the page

    def table(self, table: Table) -> str:
        name = self._names.setdefault(id(table), f"t{len(self._names)}")
        self.tables.setdefault(name, [_column(column) for column in table.columns])
        return name

    def grid(self, title: str, table: Table) -> str:
        name = f"g{len(self.grids)}"
        self.grids[name] = {"title": title, "table": self.table(table)}
        return name

    def figure(self, figure: Figure) -> str:
        name = f"f{len(self.figures)}"
        drawn = {"data": figure.data, "layout": figure.layout}
        self.figures[name] = {
            "kind": figure.kind,
            "title": figure.title,
            "table": self.table(figure.table),
            **drawn,
        }
        return name


def _shown(section: Section, data: _Data) -> Mapping[str, Any]:
    """A section as the template reads it: a figure's numbers stand below it, or in a table of the section's own."""
    own = [
        {"id": data.grid(grid.title, grid.table), "title": grid.title, "table": grid.table, "grid": grid}
        for grid in section.grids
    ]
    figures = []
    for figure in section.figures:
        listed = next((grid for grid in own if grid["table"] is figure.table), None)
        numbers = None if listed else data.grid(figure.title, figure.table)
        figures.append({"id": data.figure(figure), "figure": figure, "listed": listed, "numbers": numbers})
    return {"section": section, "figures": figures, "grids": own}


def json_in_html(data: Any) -> str:
    """JSON that may stand in a script element: no `<` in it, so nothing closes the element. NaN is refused."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def quoted(text: str) -> Markup:
    """A text whose parts between backticks are set as code; all of it is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its like
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _script(text: str) -> str:
    """A script that may stand in a script element."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _column(column: Column) -> dict[str, Any]:
    """A column for the page; words that recur are written once, with their places."""
    head: dict[str, Any] = {"name": column.name, "label": column.label, "unit": column.unit}
    if column.digits is not None:
        head["digits"] = column.digits
    if column.is_prose:
        head["prose"] = True
    words = list(dict.fromkeys(value for value in column.values if isinstance(value, str)))
    is_text = bool(words) and all(value is None or isinstance(value, str) for value in column.values)
    if is_text and len(words) <= len(column.values) // 2:
        place = {word: index for index, word in enumerate(words)}
        return {**head, "levels": words, "codes": [-1 if v is None else place[str(v)] for v in column.values]}
    return {**head, "values": column.values}


def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_static)
    )
    environment.filters["code"] = quoted
    environment.filters["seconds"] = lambda value: "-" if value is None else show(value, "s")
    environment.filters["signed"] = lambda value: percent(value, is_signed=True)
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.globals["error_columns"] = ERROR_COLUMNS
    environment.globals["error_cells"] = error_cells
    environment.globals["moods"] = MOODS
    return environment.get_template("page.html")
