"""Puts the documentation of every public name of a module where a page asks for it, in the order of its `__all__`."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

from sphinx.application import Sphinx

HERE = re.compile(r"<!-- every public name of (gnomon[\w.]*) -->")


def entries(module: str) -> str:
    """Autodoc directives, classes with their members; of what is plain data its value."""
    lines = []
    package = import_module(module)
    for name in package.__all__:
        found = getattr(package, name)
        if inspect.isclass(found):
            is_error = issubclass(found, Exception)
            lines += [f".. auto{'exception' if is_error else 'class'}:: {module}.{name}"]
            lines += [] if is_error else ["   :members:"]
        elif isinstance(found, tuple):
            lines += [f".. py:data:: {module}.{name}", f"   :value: {found!r}"]
        else:
            lines += [f".. autofunction:: {module}.{name}"]
        lines.append("")
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


def insert(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill the page in."""
    source[0] = HERE.sub(lambda found: entries(found[1]), source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("source-read", insert)
    return {"parallel_read_safe": True}
