"""Puts the documentation of every public name of `gnomon` where a page asks for it, in the order of `gnomon.__all__`."""

from __future__ import annotations

import inspect

from sphinx.application import Sphinx

import gnomon

HERE = "<!-- every public name -->"


def entries() -> str:
    """Autodoc directives, classes with their members."""
    lines = []
    for name in gnomon.__all__:
        found = getattr(gnomon, name)
        is_error = inspect.isclass(found) and issubclass(found, Exception)
        kind = "exception" if is_error else "class" if inspect.isclass(found) else "function"
        lines.append(f".. auto{kind}:: gnomon.{name}")
        if kind == "class":
            lines.append("   :members:")
        lines.append("")
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


def insert(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill the page in."""
    source[0] = source[0].replace(HERE, entries())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("source-read", insert)
    return {"parallel_read_safe": True}
