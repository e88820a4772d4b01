"""The errors a user can meet, each with the exit code of the command line that it ends in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import takewhile


class GnomonError(Exception):
    """Something a user can mend; its text says where, what, and what to do."""

    exit_code = 1


class UsageError(GnomonError):
    """The command line itself is wrong."""

    exit_code = 2


class BadInput(GnomonError):
    """A file, a name, a number or a unit is wrong."""

    exit_code = 3


class Unsupported(GnomonError):
    """No model here can answer; the text gives the reasons."""

    exit_code = 4


class ToolError(GnomonError):
    """An outside tool is missing or failed."""

    exit_code = 5


class CheckFailed(GnomonError):
    """A check or a threshold that the user asked for did not hold."""

    exit_code = 6


def near_match(word: str, known: Iterable[str]) -> str:
    """A clause naming the known word most like `word`, or that begins most like it; empty when none is near."""

    def likeness(candidate: str) -> float:
        whole = difflib.SequenceMatcher(None, word.lower(), candidate.lower()).ratio()
        start = difflib.SequenceMatcher(None, word.lower(), candidate[: len(word)].lower()).ratio()
        return max(whole, start - 0.05)

    def shared_start(candidate: str) -> int:
        pairs = zip(word.lower(), candidate.lower(), strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    best = max(known, key=lambda candidate: (likeness(candidate), shared_start(candidate)), default="")
    return f"; did you mean {best!r}?" if best and likeness(best) >= 0.45 else ""
