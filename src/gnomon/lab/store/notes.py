"""Notes are facts: sentences that read meaning into numbers are told, and refused where that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Phrases that interpret, from the protocol's own list and their near kin.
_INTERPRETS = re.compile(
    r"\b(?:(?:results?|numbers?|data|this|it|we|which) (?:clearly |strongly )?"
    r"(?:shows?|suggests?|indicates?|proves?|demonstrates?|confirms?|implies|imply|means?)|suggest(?:s|ing)?|indicat(?:es|ing)"
    r"|works?(?: well| fine)?|(?:better|worse|faster|slower|higher|lower) than expected|as expected|surprising(?:ly)?"
    r"|promising|significant(?:ly)?|impressive|outperform\w*|improv\w+|because|therefore|hence|due to|likely|probably"
    r"|seems?|appears?|should be|success(?:ful(?:ly)?)?|good|bad)\b",
    re.IGNORECASE,
)


def interpretations(text: str) -> Iterator[str]:
    """Every phrase of a note that interprets, in its order."""
    return (match.group(0) for match in _INTERPRETS.finditer(text))
