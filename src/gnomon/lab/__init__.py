"""Experiments: registered before they run, executed exactly as registered, sealed, and read by what was registered.

    from gnomon import lab
    path = lab.new_spec(Path("."), "my-question")      # experiments/exp-001-my-question.md: change it into yours
    lab.register(path)
    state = lab.run(path)                              # results/exp-001-my-question/
    for verdict in lab.read(path).verdicts:
        ...

What ends badly is an error of `gnomon.lab.errors`; its results are written all the same.

Which file for what; `doors` joins them, a function for each step of `gnomon exp`:

- the spec: `spec` (its shape), `spec_rules` and `lint` (what is wrong with one), `front_matter`, `broken_yaml` and
  `open_items` (how it is read), `expression` (criteria), `template` (commands), `new`, `from_markdown` and `scaffold` (a first one)
- registration: `registration` (locks), `digests`, `signature`, `repository` (where files stand), `readiness` (can it run here)
- running a unit: `plan` (which there are), `executor` (who runs one), `local` and `sandbox/` (here, held to its folder), `room`
  and `plain_file` (what it left), `observe` (its numbers), `failure` (why it does not count)
- the run: `experiment` (preflight to seal), `runner` (the protocol), `journal`, `records` and `state` (what happened), `gates`,
  `abort` and `budget` (what ends it), `series` (numbers by name), `outlook` (time left), `lease` (one runner), `run_folder`
- after the run: `collect`, `configuration`, `documents`, `packages` and `provenance` (what is written), `notes`, `seal`, `verification`, `earlier`
  (others' results, untouched), `reading` (the verdict), `replaying` (one unit again, alone), `salvaging` (what is sound of a broken run)
- `claims/`: the ledger of published numbers, and what sealed results say of them
- `exports/`: a sealed run for other programs
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
    from gnomon.lab.replaying import Replayed

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
