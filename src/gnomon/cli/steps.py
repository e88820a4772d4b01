"""A verb that has steps: its help, and the way from the name of a step to the function that reads its arguments."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from importlib import import_module

from gnomon.cli.arguments import Parser, help_width, shown_example
from gnomon.core.errors import UsageError, near_match

Steps = Mapping[str, tuple[str, str]]  # step -> module of this package, one line of help


class StepsParser(Parser):
    """The steps of a verb as its help shows them."""

    def __init__(self, verb: str, about: str, example: str, steps: Steps, exit_codes: str, takes: str = "") -> None:
        """`takes`: arguments that every step has, before its own."""
        super().__init__(verb, about, example)
        self.verb, self.steps = verb, steps
        self._exit_codes, self._takes = exit_codes, takes
        self.add_argument("step", metavar="STEP", choices=tuple(steps), help=", ".join(steps))
        self.add_argument(
            "rest", nargs="*", metavar="ARGUMENT", help=f"of the step; gnomon {verb} STEP --help says more"
        )

    def format_help(self) -> str:
        """An example, each step with its line, and the exit codes."""
        indent = max(map(len, self.steps)) + 4
        listed = (
            textwrap.fill(text, help_width(), initial_indent=f"  {name}".ljust(indent), subsequent_indent=" " * indent)
            for name, (_, text) in self.steps.items()
        )
        usage = f"usage: gnomon {self.verb} STEP {self._takes}[arguments]   (gnomon {self.verb} STEP --help says more)"
        parts = [shown_example(self.example), usage, "steps:\n" + "\n".join(listed)]
        ending = f"exit codes: {self._exit_codes}; the others as everywhere"
        return "\n\n".join([*parts, textwrap.fill(ending, help_width())]) + "\n"

    def run(self, arguments: Sequence[str]) -> int:
        """Run one step."""
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            self.print_help()
            if arguments:
                raise SystemExit(0)
            return 2
        step, *rest = arguments
        if step not in self.steps:
            near = near_match(step, self.steps)
            raise UsageError(f"{self.verb}: unknown step {step!r}{near} (see `gnomon {self.verb} --help`)")
        module = import_module(f"gnomon.cli.{self.steps[step][0]}")
        code: int = getattr(module, step.replace("-", "_"))(rest)
        return code
