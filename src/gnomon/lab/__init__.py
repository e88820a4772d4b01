"""Experiments: registered before they run, executed exactly as registered, sealed, and read by what was registered.

    from gnomon import lab
    path = lab.new_spec(Path("."), "my-question")      # experiments/exp-001-my-question.md: change it into yours
    lab.register(path)
    state = lab.run(path)                              # results/exp-001-my-question/
    for verdict in lab.read(path).verdicts:
        ...

What ends badly is an error of `gnomon.lab.errors`; its results are written all the same.

Which file for what; `doors` joins them, a function for each step of `gnomon exp`. Each folder imports only those below it:

- `exports/`: a sealed run for other programs. `claims/`: the ledger of published numbers, and what sealed results say of them
- `results/`: `verification`, `reading` (the verdict), `replaying` (one unit again, alone), `salvaging` (what is sound of a
  broken run)
- `runs/`: `experiment` (preflight to seal), `runner` (the protocol); `readiness` (can it run here), `gates`, `abort` and `budget`
  (what ends it), `outlook` (time left); `collect`, `configuration`, `documents`, `packages` and `provenance` (what is written),
  `earlier` (others' results, untouched)
- `units/`: `executor` (who runs one), `local` and `sandbox/` (here, held to its folder), `observe` (its numbers), `failure` (why
  it does not count)
- `store/`: `journal`, `records` and `state` (what happened), `series` (numbers by name), `run_folder`, `room` and `plain_file`
  (what a unit left), `lease` (one runner), `notes`, `seal`
- `specs/`: `spec` (its shape), `spec_rules` and `lint` (what is wrong with one), `front_matter`, `broken_yaml` and `open_items`
  (how it is read), `expression` (criteria), `template` (commands), `plan` (its units), `new`, `from_markdown` and `scaffold` (a
  first one), `registration` (locks) and `signature`
- at the bottom: `digests`, `repository` (where files stand), `errors`
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
        replay,
        replicate,
        run,
        salvage,
        status,
        stop,
        verify,
    )
    from gnomon.lab.results.replaying import Replayed

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
    "replay",
    "Replayed",
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
