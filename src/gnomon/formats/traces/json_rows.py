"""Traces in JSON: objects, a line each or in one document, every bad value with file, line and key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput, near_match
from gnomon.core.traffic.checks import MOST_TOKENS
from gnomon.formats.strict import read_text

_MOST_NUMBER = 1e300  # of whatever is counted or timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An object of a file, and where it stands."""

    where: str  # the file, with a line or a place in it
    values: Mapping[str, Any]

    def number(self, key: str) -> float:
        """A number under that key. BadInput."""
        return checked_number(self.get(key), field=key, where=self.where)

    def tokens(self, key: str) -> int:
        """A length under that key, at least one token. BadInput."""
        return checked_tokens(self.get(key), field=key, where=self.where)

    def get(self, key: str) -> Any:
        """What stands under that key. BadInput where nothing does."""
        if key not in self.values:
            known = ", ".join(map(str, self.values)) or "none"
            raise BadInput(
                f"no key {key!r}{near_match(key, map(str, self.values))}; there is {known}", where=self.where
            )
        return self.values[key]


def read_rows(path: Path) -> Iterator[Row]:
    """The objects of a file that has one on each line; empty lines are passed over. BadInput."""
    has_any = False
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            has_any = True
            yield as_row(_parsed(line, f"{path}:{number}"), f"{path}:{number}")
    if not has_any:
        raise BadInput("no requests", where=str(path))


def as_row(value: Any, where: str) -> Row:
    """An object, and where it stands. BadInput for what is none."""
    if not isinstance(value, dict):
        raise BadInput(f"{str(value)!r:.60} is not an object with keys", where=where)
    return Row(where=where, values=value)


def checked_number(value: Any, *, field: str, where: str) -> float:
    """A finite number. BadInput."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"{value!r:.60} is not a number", field=field, where=where)
    if abs(value) >= _MOST_NUMBER or math.isnan(value):
        raise BadInput(f"{value!r:.40} is no number that can be used", field=field, where=where)
    return float(value)


def checked_tokens(value: Any, *, field: str, where: str) -> int:
    """A length, at least one token. BadInput."""
    exact = checked_number(value, field=field, where=where)
    if exact != math.floor(exact):
        raise BadInput(f"{value} is no whole number", field=field, where=where)
    if exact < 1:
        raise BadInput(f"{value} is less than 1: leave such requests out", field=field, where=where)
    if exact > MOST_TOKENS:
        raise BadInput(f"{value} is more than {MOST_TOKENS:,}", field=field, where=where)
    return int(exact)


def _parsed(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as fault:
        raise BadInput(f"not JSON: {fault}", where=where) from None
    except RecursionError:
        raise BadInput("nested too deeply", where=where) from None
