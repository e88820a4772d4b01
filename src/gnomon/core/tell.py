"""Telling a person who waits what is under way."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]  # takes a few words


def silent(text: str) -> None:
    """Tell nobody."""
