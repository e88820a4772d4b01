"""`factors:` and `permutation:` of a directive: what they are in a mapping, and what they may be in a constraint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gnomon.core.errors import near_match
from gnomon.formats.timeloop.node import Node

Sign = Literal["=", "<=", ">="]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """How often a loop runs, and how often in its last pass of all."""

    count: int = 1
    last: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRule:
    """What a constraint says of how often a loop runs."""

    dim: str
    sign: Sign
    count: int | None  # None: any, said in so many words
    node: Node  # where it says so


_FACTOR = re.compile(r"(?P<dim>[A-Za-z]+)\s*=*\s*(?P<count>\d{1,15})(?:,(?P<last>\d{1,15}))?")
_RULE = re.compile(
    r"(?P<dim>[A-Za-z]+)\s*(?:(?P<sign><=|>=|=+)\s*(?P<count>-?\d{1,15}|[A-Za-z_]\w*)|(?P<bare>\d{1,15}))"
)
_BETWEEN = re.compile(r"[\s,]*")
_ANY = -1  # of a factor: no rule for it [Accelergy-Project/timeloopfe at 5603893]


def factors(node: Node | None, bounds: Mapping[str, int]) -> dict[str, Factor]:
    """`R=3 P16 M=4,1` by dimension, as a text or a list of them; 0 stands for the whole dimension."""
    found: dict[str, Factor] = {}
    for part, written in _written(node, _FACTOR, "'R=3', 'R3' or 'R=4,1'"):
        dim = _dimension(part, written["dim"], bounds)
        if dim in found:
            raise part.fault(f"dimension {dim!r} is given twice")
        count = int(written["count"]) or bounds[dim]
        last = int(written["last"]) if written["last"] else count
        if not 1 <= last <= count:
            raise part.fault(f"{written[0]!r}: the last pass has 1 to {count} iterations, not {last}")
        found[dim] = Factor(count=count, last=last)
    return found


def factor_rules(node: Node | None, bounds: Mapping[str, int]) -> Iterator[FactorRule]:
    """`R=3 C<=8 M>=2`, as a text or a list of them; `R=0` is the whole dimension, `R=-1` any part of it."""
    for part, written in _written(node, _RULE, "'R=3', 'R<=3' or 'R>=3'"):
        dim = _dimension(part, written["dim"], bounds)
        sign: Sign = "<=" if written["sign"] == "<=" else ">=" if written["sign"] == ">=" else "="
        number = replace(part, data=written["count"] or written["bare"])
        if sign != "=":
            yield FactorRule(dim=dim, sign=sign, count=number.whole(), node=part)
            continue
        count = number.whole(least=_ANY)
        if count > bounds[dim]:
            raise part.fault(f"{written[0]!r}: {dim} has {bounds[dim]} iterations in all")
        yield FactorRule(dim=dim, sign="=", count=None if count == _ANY else count or bounds[dim], node=part)


def permutation(node: Node | None, bounds: Mapping[str, int]) -> tuple[str, ...]:
    """Dimensions, the innermost first; those not named follow in the problem's order."""
    found, _ = _letters(node, bounds, has_ends=False)
    return (*found, *(dim for dim in bounds if dim not in found))


def ends(node: Node | None, bounds: Mapping[str, int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of `RS_PQ` the dimensions that stand innermost and, after the underscore, outermost; the innermost first."""
    return _letters(node, bounds, has_ends=True)


def _letters(
    node: Node | None, bounds: Mapping[str, int], *, has_ends: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dimensions before and after an underscore."""
    found: list[str] = []
    split: int | None = None
    for part in _texts(node) if node else ():
        for letter in part.data.partition("#")[0]:
            if letter in " ,":
                continue
            if letter == "_" and has_ends:
                split = len(found)
                continue
            dim = _dimension(part, letter, bounds)
            if dim in found:
                raise part.fault(f"dimension {dim!r} is given twice")
            found.append(dim)
    split = len(found) if split is None else split
    return tuple(found[:split]), tuple(found[split:])


def _written(node: Node | None, pattern: re.Pattern[str], example: str) -> Iterator[tuple[Node, re.Match[str]]]:
    """Each factor of a text or of a list of texts."""
    for part in _texts(node) if node else ():
        text = part.data.partition("#")[0]
        at = _end(_BETWEEN, text, 0)
        while at < len(text):
            found = pattern.match(text, at)
            if found is None:
                raise part.fault(f"{text[at:].split()[0]!r} is no factor like {example}")
            yield part, found
            at = _end(_BETWEEN, text, found.end())


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
