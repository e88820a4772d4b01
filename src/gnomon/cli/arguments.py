"""Parsing of arguments: an example before the help, one line per mistake, near matches for flags."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from gnomon.core.errors import BadInput, UsageError, near_match


class _Formatter(argparse.HelpFormatter):
    """What a verb does, each of its lines a paragraph that fills the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(textwrap.fill(line, width, subsequent_indent=indent) for line in text.splitlines())


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are UsageErrors of one line."""

    def __init__(self, verb: str, about: str, example: str) -> None:
        super().__init__(
            prog=f"gnomon {verb}",
            description=about,
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self.example = example

    def format_help(self) -> str:
        """The help, an example first."""
        return f"{shown_example(self.example)}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog.removeprefix('gnomon ')}: {message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A wrong word is told with the near one."""
        if action.choices is not None and value not in action.choices:
            known = [str(word) for word in action.choices]
            near = near_match(str(value), known)
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{near} (choose from {', '.join(known)})")

    @property
    def flags(self) -> dict[str, argparse.Action]:
        """What each flag, like --on, stands for."""
        return {flag: action for action in self._actions for flag in action.option_strings}

    @property
    def positionals(self) -> tuple[argparse.Action, ...]:
        """The arguments without a flag, in order."""
        return tuple(action for action in self._actions if not action.option_strings)

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments; UsageError with the near match of an unknown flag."""
        flags = self.flags
        for word in (argument.split("=")[0] for argument in arguments if argument.startswith("--")):
            if word not in flags:  # before argparse complains of what is missing because of it
                self.error(f"unknown flag {word!r}{near_match(word, flags)}")
        found, unknown = self.parse_known_args(arguments)
        if unknown:
            self.error(f"unknown argument {unknown[0]!r}")
        return found


def shown_example(example: str) -> str:
    """An example above a help; one that is wider than the terminal goes on below, flag by flag."""
    lines = [""]
    for part in re.split(r" (?=--)", example):
        if lines[-1] and len(f"{lines[-1]} {part}") > help_width() - 6:
            lines.append("")
        lines[-1] = f"{lines[-1]} {part}".lstrip()
    return "example:\n  " + " \\\n    ".join(lines)


def help_width() -> int:
    """Columns that a help takes."""
    return shutil.get_terminal_size().columns - 2


def choose(flag: str, word: str, known: Iterable[str]) -> str:
    """A word of a list that is not known before the command line is read; UsageError, as of one that is."""
    listed = tuple(known)
    if word not in listed:
        near = near_match(word, listed)
        raise UsageError(f"{flag}: invalid choice: {word!r}{near} (choose from {', '.join(listed)})")
    return word


def words(text: str) -> tuple[str, ...]:
    """A list written with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def whole(name: str, text: str | None) -> int | None:
    """A positive whole number; BadInput names the option."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise BadInput(f"--{name}: {text!r:.40} is not a whole number from 1 to 999999999")
    return int(text)


def wholes(name: str, text: str) -> tuple[int, ...]:
    """Positive whole numbers written with commas."""
    found = tuple(value for word in words(text) if (value := whole(name, word)) is not None)
    if not found:
        raise BadInput(f"--{name}: give one number or several with commas")
    return found


def where_rows(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Column -> the values to keep, of options like --where device=t4,l4. BadInput."""
    found = {}
    for text in given:
        column, equals, values = text.partition("=")
        if not equals or not words(values):
            raise BadInput(f"--where: {text!r} is not of the form COLUMN=VALUE[,VALUE...]")
        found[column] = words(values)
    return found


def add_output_options(parser: Parser, *, csv: bool = True) -> None:
    """How the result is written."""
    group = parser.add_argument_group("output").add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="one JSON object, SI numbers with units")
    if csv:
        group.add_argument("--csv", action="store_true", help="CSV, SI numbers, units in the column names")
