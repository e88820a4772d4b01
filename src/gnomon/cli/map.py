"""gnomon map STEP: mappings of tensor operations on spatial accelerators."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser, steps_help
from gnomon.core.errors import UsageError, near_match

# step -> one line of help
STEPS: dict[str, str] = {
    "evaluate": "cycles, energy and every read, fill and update of a mapping, from Timeloop's files",
    "explain": "which loop causes each read, fill and update of a mapping, with the sum",
}
EXAMPLE = "gnomon map evaluate problem.yaml arch.yaml mapping.yaml ert.yaml"


class MapParser(Parser):
    """The steps as the help shows them."""

    def __init__(self) -> None:
        super().__init__("map", "Mappings of tensor operations on spatial accelerators.", EXAMPLE)
        self.add_argument("step", metavar="STEP", choices=STEPS, help=", ".join(STEPS))
        self.add_argument("rest", nargs="*", metavar="ARGUMENT", help="of the step; gnomon map STEP --help says more")

    def format_help(self) -> str:
        """An example, the steps and the exit codes."""
        return steps_help(
            "gnomon map STEP [arguments]   (gnomon map STEP --help says more)",
            EXAMPLE,
            STEPS,
            "exit codes: 3 a file is wrong or a mapping does not fit, 4 a file asks for what is not counted here; "
            "the others as everywhere",
        )


def parser() -> Parser:
    """The arguments."""
    return MapParser()


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    if not arguments:
        print(parser().format_help(), end="")
        return 2
    step = arguments[0]
    if step in ("-h", "--help", "help"):
        parser().parse_args(["--help"])
    if step not in STEPS:
        raise UsageError(f"map: unknown step {step!r}{near_match(step, STEPS)} (see `gnomon map --help`)")
    from gnomon.cli import map_steps

    code: int = getattr(map_steps, step)(arguments[1:])
    return code
