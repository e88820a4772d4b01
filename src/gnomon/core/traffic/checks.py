"""Numbers that a user writes of traffic: refused where they cannot be, with the name of the field."""

from __future__ import annotations

import math
from typing import Any

from gnomon.core.errors import BadInput

MOST_REQUESTS = 10**8  # of a run: a request takes about 100 bytes before anything is simulated
MOST_TOKENS = 10**9  # of a length


def check_positive(value: Any, field: str, *, most: float = math.inf) -> None:
    """BadInput for what is no number above 0, or more than `most`."""
    _check_number(value, field)
    if not value > 0:
        raise BadInput(f"{value!r} is not a positive number", field=field)
    if value > most:
        raise BadInput(f"{value:.6g} is more than {most:g}", field=field)


def check_not_negative(value: Any, field: str, *, most: float = math.inf) -> None:
    """BadInput for what is no number from 0 to `most`."""
    _check_number(value, field)
    if not 0 <= value <= most:
        bound = f"from 0 to {most:g}" if math.isfinite(most) else "of 0 or more"
        raise BadInput(f"{value!r} is not a number {bound}", field=field)


def check_whole(value: Any, field: str, *, least: int = 1, most: int = MOST_TOKENS) -> None:
    """BadInput for what is no whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"{value!r} is not a whole number", field=field)
    if value < least:
        raise BadInput(f"{value} is less than {least}", field=field)
    if value > most:
        raise BadInput(f"{value} is more than {most:,}", field=field)


def _check_number(value: Any, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"{value!r} is not a number", field=field)
    if not math.isfinite(value):
        raise BadInput(f"{value!r} is no number that can be used", field=field)
