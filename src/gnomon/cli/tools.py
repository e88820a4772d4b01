"""gnomon tools STEP: outside tools, each in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.steps import Steps, StepsParser

STEPS: Steps = {
    "list": ("tools_steps", "which tools there are adapters for, which are installed, where"),
    "install": ("tools_steps", "install a tool, in the version that its adapter is made for"),
    "remove": ("tools_steps", "remove a tool that was installed here"),
    "card": ("tools_steps", "what the numbers of tools include and leave out, side by side"),
}
EXAMPLE = "gnomon tools install zigzag   # then: gnomon map compare"


def parser() -> StepsParser:
    """The arguments."""
    return StepsParser(
        "tools",
        "Outside tools that adapters drive, each in an environment of its own.",
        EXAMPLE,
        STEPS,
        "3 a tool is not known, or no program can install it, 5 its installation failed",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one step."""
    return parser().run(arguments)
