"""Which version of Gnomon this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


@cache
def version() -> str:
    """The installed version; "source" in a tree that is not installed."""
    try:
        return installed("gnomon")
    except PackageNotFoundError:
        return "source"
