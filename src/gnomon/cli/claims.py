"""gnomon claims STEP: what others published, as hypotheses that experiments decide."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser, steps_help
from gnomon.core.errors import UsageError, near_match

# step -> one line of help
STEPS: dict[str, str] = {
    "add": "write a claim into this repository's ledger, or take a shipped one over to test it",
    "list": "the claims that are known, by tool and status",
    "check": "what sealed results say of each claim that names a test, beside what the ledger says",
    "report": "claims by status with what was measured and how far off it is",
}
EXAMPLE = "gnomon claims list --tool Vidur   # then: add, check, report"


class ClaimsParser(Parser):
    """The steps as the help shows them."""

    def __init__(self) -> None:
        super().__init__(
            "claims", "A ledger of published numbers, each a hypothesis until an experiment decides it.", EXAMPLE
        )
        self.add_argument("step", metavar="STEP", choices=STEPS, help=", ".join(STEPS))
        self.add_argument(
            "rest", nargs="*", metavar="ARGUMENT", help="of the step; gnomon claims STEP --help says more"
        )

    def format_help(self) -> str:
        """An example, the steps and the exit codes."""
        return steps_help(
            "gnomon claims STEP [arguments]   (gnomon claims STEP --help says more)",
            EXAMPLE,
            STEPS,
            "exit codes: 0 done, 6 from check where the ledger says something else than results; "
            "the others as everywhere",
        )


def parser() -> Parser:
    """The arguments."""
    return ClaimsParser()


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    if not arguments:
        print(parser().format_help(), end="")
        return 2
    step = arguments[0]
    if step in ("-h", "--help", "help"):
        parser().parse_args(["--help"])
    if step not in STEPS:
        raise UsageError(f"claims: unknown step {step!r}{near_match(step, STEPS)} (see `gnomon claims --help`)")
    from gnomon.cli import claims_steps

    code: int = getattr(claims_steps, step)(arguments[1:])
    return code
