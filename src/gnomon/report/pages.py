"""The page: one HTML file with its figures, their numbers, and plotly.js once; nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from gnomon.core.units import show
from gnomon.core.version import version
from gnomon.report.documents import Document
from gnomon.report.facts.table import Column, Table
from gnomon.report.sections import sections


def page(documents: Sequence[Document]) -> str:
    """The whole page. BadInput for a document with a part missing."""
    from plotly.offline import get_plotlyjs  # 0.2 s, and only pages need it

    found = sections(documents)
    tables: dict[int, str] = {}  # identity of a table -> its name in the page: one that two views show is there once
    data: dict[str, Any] = {"tables": {}, "figures": {}, "grids": {}}

    def named(table: Table) -> str:
        if id(table) not in tables:
            tables[id(table)] = f"t{len(tables)}"
            data["tables"][tables[id(table)]] = [_column(column) for column in table.columns]
        return tables[id(table)]

    shown = []
    for section in found:
        figures, grids = [], []
        for figure in section.figures:
            name = f"f{len(data['figures'])}"
            drawn = {"title": figure.title, "table": named(figure.table), "data": figure.data, "layout": figure.layout}
            data["figures"][name] = drawn
            figures.append({"id": name, "figure": figure})
        for grid in section.grids:
            name = f"g{len(data['grids'])}"
            data["grids"][name] = {"title": grid.title, "table": named(grid.table)}
            grids.append({"id": name, "title": grid.title, "rows": len(grid.table)})
        shown.append({"section": section, "figures": figures, "grids": grids})
    return _template().render(
        title=" and ".join(dict.fromkeys(section.title for section in found)),
        sections=shown,
        version=version(),
        style=Markup(_static("page.css")),
        plotly=Markup(_script(get_plotlyjs())),
        script=Markup(_script(_static("page.js"))),
        data=Markup(json_in_html(data)),
    )


def json_in_html(data: Any) -> str:
    """JSON that may stand in a script element: no `<` in it, so nothing closes the element. NaN is refused."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _script(text: str) -> str:
    """A script that may stand in a script element."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _column(column: Column) -> dict[str, Any]:
    """A column for the page; words that recur are written once, with their places."""
    head = {"name": column.name, "unit": column.unit}
    words = list(dict.fromkeys(value for value in column.values if isinstance(value, str)))
    is_text = bool(words) and all(value is None or isinstance(value, str) for value in column.values)
    if is_text and len(words) <= len(column.values) // 2:
        place = {word: index for index, word in enumerate(words)}
        codes = [-1 if value is None else place[str(value)] for value in column.values]
        return {**head, "levels": words, "codes": codes}
    return {**head, "values": column.values}


def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["seconds"] = lambda value: "-" if value is None else show(value, "s")
    environment.filters["percent"] = lambda value: "-" if value is None else f"{value:.1f} %"
    environment.filters["signed"] = lambda value: "-" if value is None else f"{value:+.1f} %"
    environment.filters["share"] = lambda value: "-" if value is None else f"{100 * value:.0f} %"
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["tau"] = lambda value: "-" if value is None else f"{value:.2f}"
    return environment.from_string(_static("page.html"))
