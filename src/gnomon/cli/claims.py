"""gnomon claims STEP: what others published, as hypotheses that experiments decide."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "add": ("claims_steps", "write a claim into this repository's ledger, or take a shipped one over to test it"),
    "list": ("claims_steps", "the claims that are known, by tool and status"),
    "check": ("claims_steps", "what sealed results say of each claim that names a test, beside what the ledger says"),
    "report": ("claims_steps", "claims by status with what was measured and how far off it is"),
}
EXAMPLE = "gnomon claims list --tool Vidur   # then: add, check, report"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "claims",
        "A ledger of published numbers, each a hypothesis until an experiment decides it.",
        EXAMPLE,
        STEPS,
        "0 done, 6 from check where the ledger says something else than results",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
