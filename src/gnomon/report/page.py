"""A comparison as one static HTML page: no script, nothing fetched, works from a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from gnomon.core.units import show


def comparison_page(document: Mapping[str, Any]) -> str:
    """The page of a `gnomon/compare/1` document with measurements."""
    return _template().render(d=document)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["seconds"] = lambda value: "-" if value is None else show(value, "s")
    environment.filters["percent"] = lambda value: "-" if value is None else f"{value:.1f} %"
    environment.filters["signed"] = lambda value: "-" if value is None else f"{value:+.1f} %"
    environment.filters["share"] = lambda value: f"{100 * value:.0f} %"
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["tau"] = lambda value: "-" if value is None else f"{value:.2f}"
    return environment.from_string((files(__package__) / "comparison.html").read_text(encoding="utf-8"))
