"""`factors:` and `permutation:` of a directive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gnomon.core.errors import near_match
from gnomon.formats.timeloop.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """How often a loop runs, and how often in its last pass of all."""

    count: int = 1
    last: int = 1


_FACTOR = re.compile(r"(?P<dim>[A-Za-z]+)\s*=*\s*(?P<count>\d{1,15})(?:,(?P<last>\d{1,15}))?")
_BETWEEN = re.compile(r"[\s,]*")


def factors(node: Node | None, bounds: Mapping[str, int]) -> dict[str, Factor]:
    """`R=3 P16 M=4,1` by dimension, as a text or a list of them; 0 stands for the whole dimension."""
    if node is None:
        return {}
    found: dict[str, Factor] = {}
    for part in _texts(node):
        text, at = part.data.partition("#")[0], 0
        while at < len(text):
            at = _end(_BETWEEN, text, at)
            written = _FACTOR.match(text, at)
            if written is None:
                if at < len(text):
                    raise part.fault(f"{text[at:].split()[0]!r} is no factor like 'R=3', 'R3' or 'R=4,1'")
                break
            dim = _dimension(part, written["dim"], bounds)
            if dim in found:
                raise part.fault(f"dimension {dim!r} is given twice")
            count = int(written["count"]) or bounds[dim]
            last = int(written["last"]) if written["last"] else count
            if not 1 <= last <= count:
                raise part.fault(f"{written[0]!r}: the last pass has 1 to {count} iterations, not {last}")
            found[dim] = Factor(count=count, last=last)
            at = written.end()
    return found


def permutation(node: Node | None, bounds: Mapping[str, int]) -> tuple[str, ...]:
    """Dimensions, the innermost first; those not named follow in the problem's order."""
    found: list[str] = []
    for part in _texts(node) if node else ():
        for letter in part.data:
            if letter in " ,":
                continue
            dim = _dimension(part, letter, bounds)
            if dim in found:
                raise part.fault(f"dimension {dim!r} is given twice")
            found.append(dim)
    return (*found, *(dim for dim in bounds if dim not in found))


def _texts(node: Node) -> tuple[Node, ...]:
    """A text, or each text of a list."""
    parts = tuple(node.items()) if isinstance(node.data, list) else (node,)
    for part in parts:
        if not isinstance(part.data, str):
            raise part.fault(f"expected a text, not {part.data!r:.60}")
    return parts


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _dimension(node: Node, name: str, bounds: Mapping[str, int]) -> str:
    if name not in bounds:
        raise node.fault(f"{name!r} is no dimension{near_match(name, bounds)} (known: {', '.join(bounds)})")
    return name
