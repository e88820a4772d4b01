"""Packages that Gnomon can do without: what to say where one is missing."""

from __future__ import annotations

from gnomon.core.errors import ToolError


def not_installed(package: str, extra: str) -> ToolError:
    """The error where a package of an extra (`[project.optional-dependencies]`) is not installed: which, and the remedy."""
    return ToolError(f"{package} is not installed; say `python -m pip install -e '.[{extra}]'` in your clone of Gnomon")
