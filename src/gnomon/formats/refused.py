"""Rows of a table that cannot be used: counted, with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Rows that no prediction can be compared with, and why."""

    device: str  # as the table spells it, or our name where the spelling is known
    subject: str  # the model or operator, likewise
    mode: str  # what the clock covered, as the table spells it; empty for operators
    reason: str
    rows: int
