"""Experiments: registered before they run, executed exactly as registered, sealed, and read by what was registered.

    from gnomon import lab
    path = lab.new_spec(Path("."), "my-question")      # experiments/exp-001-my-question.md: change it into yours
    lab.register(path)
    state = lab.run(path)                              # results/exp-001-my-question/
    for verdict in lab.read(path).verdicts:
        ...

What ends badly is an error of `gnomon.lab.errors`; its results are written all the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnomon.lab.doors import (
        amend,
        export,
        faults,
        import_markdown,
        justify,
        new_spec,
        note,
        planned,
        preflight,
        read,
        register,
        replicate,
        run,
        salvage,
        status,
        stop,
        verify,
    )

__all__ = [  # noqa: RUF022 - the order of use
    "new_spec",
    "import_markdown",
    "faults",
    "planned",
    "register",
    "amend",
    "preflight",
    "run",
    "status",
    "stop",
    "justify",
    "note",
    "verify",
    "salvage",
    "read",
    "replicate",
    "export",
]


def __getattr__(name: str) -> Any:
    """Load a door when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("gnomon.lab.doors"), name)
