"""The directive `command-line`: every verb of `gnomon`, and every step of a verb that has steps, with its arguments, from the
parsers themselves.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn
from unittest.mock import patch

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

from gnomon.cli.arguments import Parser
from gnomon.cli.main import VERBS

FLAG = re.compile(r"(?<!`)--[a-z-]+(?!`)")


def page() -> str:
    """The reference in Markdown."""
    return "\n\n".join(_verb(verb, text) for verb, (_, text) in VERBS.items()) + "\n"


def _verb(verb: str, text: str) -> str:
    module = import_module(f"gnomon.cli.{VERBS[verb][0]}")
    if not hasattr(module, "parser"):
        return f"## gnomon {verb}\n\n{text[0].upper()}{text[1:]}."
    steps = (f"### gnomon {verb} {step}\n\n{_arguments(parser)}" for step, parser in steps_of(verb).items())
    return "\n\n".join([f"## gnomon {verb}", _arguments(module.parser()), *steps])


def steps_of(verb: str) -> dict[str, Parser]:
    """The arguments of each step of a verb; none of a verb without steps."""
    steps = getattr(import_module(f"gnomon.cli.{VERBS[verb][0]}"), "STEPS", {})
    return {step: _read_by(step, module) for step, (module, _) in steps.items()}


def _read_by(step: str, module: str) -> Parser:
    """The parser of a step, caught when the step is about to read its arguments by it."""

    def read(parser: Parser, arguments: Sequence[str]) -> NoReturn:
        raise _Caught(parser)

    with patch.object(Parser, "read", read):
        try:
            getattr(import_module(f"gnomon.cli.{module}"), step.replace("-", "_"))([])
        except _Caught as caught:
            return caught.parser
    raise AssertionError(f"gnomon.cli.{module}: {step} reads no arguments")


class _Caught(Exception):
    """A parser that was asked to read."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


def _arguments(parser: Parser) -> str:
    about = re.sub(r"\n(?=\S)", "\n\n", FLAG.sub(r"`\g<0>`", parser.description or ""))
    parts = [about, f"```console\n$ {parser.example}\n```"]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        actions = [action for action in actions if not isinstance(action, argparse._HelpAction)]
        if actions:
            rows = "\n".join(f"| {_name(action)} | {_help(action)} |" for action in actions)
            title = (group.title or "").replace("positional arguments", "arguments")
            parts.append(f"**{title[:1].upper()}{title[1:]}**\n\n| | |\n| --- | --- |\n{rows}")
    return "\n\n".join(parts)


def _name(action: argparse.Action) -> str:
    names = action.option_strings or [""]
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(map(str, action.choices or ())))
    return "<br>".join(f"`{f'{name} {value}'.strip()}`".replace("|", "\\|") for name in names)


def _help(action: argparse.Action) -> str:
    return FLAG.sub(r"`\g<0>`", (action.help or "").replace("%%", "%").replace("|", "\\|"))


class CommandLine(Directive):
    """Puts the reference where a page asks for it."""

    def run(self) -> list[nodes.Node]:
        found = nodes.section()
        self.state.nested_parse(StringList(page().splitlines(), source="gnomon --help"), 0, found, match_titles=1)
        return list(found.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
