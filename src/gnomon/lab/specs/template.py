"""Command templates: {seed}, {cell} and {variables of the cell} are filled in, {{ and }} stand for themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def fields(text: str) -> Iterator[str]:
    """What a template asks for, in its order; ValueError for a brace that stands alone."""
    for match in _PART.finditer(text):
        if match.group(0) in ("{", "}"):
            raise ValueError(f"a single {match.group(0)!r}; write it twice where it is meant as such")
        if match.group(1) is not None:
            yield match.group(1)


def filled(text: str, values: Mapping[str, object]) -> str:
    """The template with the values in place; every field of it must have one."""

    def one(match: re.Match[str]) -> str:
        return str(values[match.group(1)]) if match.group(1) is not None else match.group(0)[0]

    return _PART.sub(one, text)
