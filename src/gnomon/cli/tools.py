"""gnomon tools STEP: outside tools, each in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser, steps_help
from gnomon.core.errors import UsageError, near_match

# step -> one line of help
STEPS: dict[str, str] = {
    "list": "which tools there are adapters for, which are installed, where",
    "install": "install a tool, in a version that its adapter is made for",
    "remove": "remove a tool that was installed here",
    "card": "what the numbers of tools include and leave out, side by side",
}
EXAMPLE = "gnomon tools install zigzag"


class ToolsParser(Parser):
    """The steps as the help shows them."""

    def __init__(self) -> None:
        super().__init__("tools", "Outside tools that adapters drive, each in an environment of its own.", EXAMPLE)
        self.add_argument("step", metavar="STEP", choices=tuple(STEPS), help=", ".join(STEPS))
        self.add_argument("rest", nargs="*", metavar="ARGUMENT", help="of the step; gnomon tools STEP --help says more")

    def format_help(self) -> str:
        """An example, the steps and the exit codes."""
        return steps_help(
            "gnomon tools STEP [arguments]   (gnomon tools STEP --help says more)",
            EXAMPLE,
            STEPS,
            "exit codes: 3 a tool is not known or cannot be installed by a program, 5 its installation failed; the others as everywhere",
        )


def parser() -> Parser:
    """The arguments."""
    return ToolsParser()


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    if not arguments:
        print(parser().format_help(), end="")
        return 2
    step = arguments[0]
    if step in ("-h", "--help", "help"):
        parser().parse_args(["--help"])
    if step not in STEPS:
        raise UsageError(f"tools: unknown step {step!r}{near_match(step, STEPS)} (see `gnomon tools --help`)")
    from gnomon.cli import tools_steps

    code: int = getattr(tools_steps, step)(arguments[1:])
    return code
