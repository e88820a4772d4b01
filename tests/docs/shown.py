"""Commands that a page shows with what they print, run anew.

`python -m tests.docs.shown README.md docs/tutorial/first-number.md` writes the outputs into the pages again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from gnomon.cli.main import main

# A file that the reader is told to save, and a block of commands with what they print.
_PIECES = re.compile(
    r"Save this as `(?P<file>[^`]+)`:\n\n```\w+\n(?P<text>.*?)```|```console\n(?P<block>.*?)```", re.DOTALL
)
CUT = "..."  # a line that stands for all that is left out


def again(page: str) -> str:
    """The page with its files written into the working directory, its commands run, and what they print in their place.

    A command without output on the page is run all the same. Of one with a line `...` as many lines are shown before and
    after it as the page has now. Commands of other programs than gnomon are left alone.
    """

    def piece(found: re.Match[str]) -> str:
        if found["file"]:
            Path(found["file"]).write_text(found["text"], encoding="utf-8")
            return found[0]
        commands = re.split(r"^(?=\$ )", found["block"], flags=re.MULTILINE)
        return f"```console\n{''.join(map(_with_output, commands))}```"

    return _PIECES.sub(piece, page)


def _with_output(command: str) -> str:
    line, _, shown = command.partition("\n")
    if not line.startswith("$ gnomon ") or line.endswith("--help"):
        return command
    printed = [text.rstrip() for text in _printed(shlex.split(line)[2:]).splitlines()]
    wanted = shown.splitlines()
    if CUT in wanted:
        before = wanted.index(CUT)
        after = len(wanted) - before - 1
        printed = [*printed[:before], CUT, *printed[len(printed) - after :]]
    return "".join(f"{text}\n" for text in [line, *(printed if wanted else [])])


def _printed(words: list[str]) -> str:
    """What the command writes to standard output."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(words)
    if code:
        raise AssertionError(f"gnomon {shlex.join(words)} ended with code {code}")
    return out.getvalue()


if __name__ == "__main__":
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    os.chdir(tempfile.mkdtemp())
    for path in pages:
        path.write_text(again(path.read_text(encoding="utf-8")), encoding="utf-8")
