"""The errors a user can meet, each with the exit code of the command line that it ends in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import takewhile


class GnomonError(Exception):
    """Something a user can mend; its text says where, what, and what to do."""

    exit_code = 1


class UsageError(GnomonError):
    """The command line itself is wrong."""

    exit_code = 2


class BadInput(GnomonError):
    """A file, a name, a number or a unit is wrong.

    What, of which field and where are kept apart, so that each door names them its own way: Python and files by the field,
    the command line by the flag.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        field: str = "",
        where: str = "",
        further: Sequence[BadInput] = (),
        remedies: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(what)
        self.what = what  # is wrong
        self.remedies = tuple(remedies)  # fields, and values of each that may be tried instead
        self.field = field  # of a question or a file, its path with dots: overrides.efficiency; empty: of none
        self.where = where  # the file, with its line where that is known; empty: in no file
        self.further = tuple(further)  # found beside it

    @property
    def text(self) -> str:
        """What is wrong, and what to try instead."""
        tried = ", or ".join(f"{field} {values}" for field, values in self.remedies)
        return f"{self.what}; try {tried}" if tried else self.what

    def __str__(self) -> str:
        first = ": ".join(part for part in (self.where, self.field, self.text) if part)
        return "\n".join([first, *map(str, self.further)])

    def at(self, *, field: str = "", where: str = "") -> BadInput:
        """The same fault as that of a field, or as found in a file; one that names a file itself keeps all it says."""
        if self.where:
            return BadInput(str(self), field=field, where=where)
        return BadInput(self.what, field=field or self.field, where=where, further=self.further, remedies=self.remedies)


class Unsupported(GnomonError):
    """No model here can answer; the text gives the reasons."""

    exit_code = 4


class ToolError(GnomonError):
    """An outside tool is missing or failed."""

    exit_code = 5


class ToolMissing(ToolError, Unsupported):
    """An answer would take an outside tool that is not there."""


class CheckFailed(GnomonError):
    """A check or a threshold that the user asked for did not hold."""

    exit_code = 6


def near_match(word: str, known: Iterable[str]) -> str:
    """A clause naming the known word nearest to `word`; empty when none is near."""
    best = nearest(word, known)
    return f"; did you mean {best!r}?" if best else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or that begins most like it; empty when none is near."""
    written = word.lower()

    def likeness(candidate: str) -> tuple[float, int]:
        """Share of letters in common, of the whole word or of its start; ties by how long both begin alike."""
        other = candidate.lower()
        alike = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(written, other, strict=False))))
        whole = difflib.SequenceMatcher(None, written, other).ratio()
        start = difflib.SequenceMatcher(None, written, other[: len(written)]).ratio() if alike else 0.0
        return max(whole, start + _START_HANDICAP), alike

    best = max(known, key=likeness, default="")
    return best if best and likeness(best)[0] >= _NEAR else ""


_NEAR = 0.6  # difflib's own default for a close match
_START_HANDICAP = 0.1  # h1oo shares half of its letters with h100-sxm's start, and is meant for it
