"""Commands that a page shows with what they print, run anew.

`python -m tests.docs.shown README.md docs/tutorial/first-number.md` writes the outputs into the pages again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from gnomon.cli.main import main

# A file that the reader is told to save, written out or included, and a block of commands with what they print.
_PIECES = re.compile(
    r"[Ss]ave this as\s`(?P<file>[^`]+)`:\n\n"
    r"```(?:\{literalinclude\} (?P<included>\S+)\n.*?|\w+\n(?P<text>.*?))```"
    r"|```console\n(?P<block>.*?)```",
    re.DOTALL,
)
CUT = "..."  # a line that stands for all that is left out
_OTHERS = {"python": sys.executable, "sed": "sed"}  # programs besides gnomon that are run
COLUMNS = 100  # of the terminal that a page shows


def again(page: Path) -> str:
    """The page with its files written into the working directory, its commands run, and what they print in their place.

    A command without output on the page is run all the same. Of one with a line `...` as many lines are shown before and
    after it as the page has now. Commands of other programs than gnomon, python and sed are left alone.
    """

    def piece(found: re.Match[str]) -> str:
        if found["included"]:
            shutil.copy(page.parent / found["included"], found["file"])
        elif found["file"]:
            Path(found["file"]).write_text(found["text"], encoding="utf-8")
        if not found["block"]:
            return found[0]
        commands = re.split(r"^(?=\$ )", found["block"], flags=re.MULTILINE)
        return f"```console\n{''.join(map(_with_output, commands))}```"

    return _PIECES.sub(piece, page.read_text(encoding="utf-8"))


def _with_output(command: str) -> str:
    line, _, shown = command.partition("\n")
    program, *words = shlex.split(line.removeprefix("$ ")) or [""]
    if program not in ("gnomon", *_OTHERS) or words[:1] == ["-m"] or "--help" in words:
        return command
    printed = [text.rstrip() for text in _printed(program, words).splitlines()]
    wanted = shown.splitlines()
    if CUT in wanted:
        before = wanted.index(CUT)
        after = len(wanted) - before - 1
        printed = [*printed[:before], CUT, *printed[len(printed) - after :]]
    return "".join(f"{text}\n" for text in [line, *(printed if wanted else [])])


def _printed(program: str, words: list[str]) -> str:
    """What the command writes to standard output; nothing where it is sent into a file."""
    if program in _OTHERS:
        return subprocess.run([_OTHERS[program], *words], check=True, capture_output=True, text=True).stdout
    *words, file = (*words[:-2], words[-1]) if words[-2:-1] == [">"] else (*words, "")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), patch("gnomon.cli.output.WIDTH_WITHOUT_TERMINAL", COLUMNS):
        code = main(words)
    if code:
        raise AssertionError(f"gnomon {shlex.join(words)} ended with code {code}")
    if file:
        Path(file).write_text(out.getvalue(), encoding="utf-8")
        return ""
    return out.getvalue()


if __name__ == "__main__":
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    os.chdir(tempfile.mkdtemp())
    for path in pages:
        path.write_text(again(path), encoding="utf-8")
