"""Criteria as text: a small typed language of numbers, comparisons and `and`, `or`, `not`, parsed here and never evaluated
by Python.

    mean(treatment.error) < 0.9 * mean(baseline.error) and max(treatment.error) < 60 %

A name means a series, one number for each unit (cell and seed), or a single number, as the context says; a series is taken
together by mean, median, std, min, max, sum, count or percentile before it is compared. Numbers may carry a unit of
`gnomon.core.units`. A value that is missing or not finite makes the whole undecidable: None.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gnomon.core.errors import near_match
from gnomon.core.units import SPELLINGS

Kind = Literal["number", "series", "truth"]
Value = float | tuple[float, ...] | bool | None

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<mark><=|>=|==|!=|[-+*/<>(),]))"
)
_UNIT = re.compile(r"\s*(%|[A-Za-zµ]+(?:/s)?)")
_WORDS = ("and", "or", "not")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else math.nan,
}
_TAKEN_TOGETHER: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else math.nan,
    "min": min,
    "max": max,
    "sum": math.fsum,
    "count": lambda values: float(len(values)),
}
FUNCTIONS = (*_TAKEN_TOGETHER, "percentile", "ratio", "abs", "isfinite")
_UNITS = {spelling: size for sizes in SPELLINGS.values() for spelling, size in sizes.items() if spelling}
MOST_DEEP = 50  # parentheses and signs within each other: far more than anybody writes


class ExpressionError(ValueError):
    """What is wrong with an expression, and at which column of it (from 1)."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(text)
        self.column, self.text = column, text


@dataclass(frozen=True, slots=True)
class Number:
    """A number, its unit worked in."""

    column: int
    value: float
    unit: str = ""  # as it was written


@dataclass(frozen=True, slots=True)
class Name:
    """What the context has a value for, like treatment.error."""

    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of what stands in its parentheses."""

    column: int
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A sign, or a word, and what it joins: one side for `not` and a leading minus, two otherwise."""

    column: int
    sign: str
    sides: tuple[Node, ...]


Node = Number | Name | Call | Operation


def parse(text: str) -> Node:
    """The expression in `text`. ExpressionError where it is none."""
    reader = _Reader(text)
    found = reader.disjunction(0)
    if reader.kind != "end":
        raise ExpressionError(reader.column, f"{reader.text!r} is not expected here")
    return found


class _Reader:
    """Recursive descent over the tokens; the current one is (kind, text, column)."""

    def __init__(self, text: str) -> None:
        self._source, self._place = text, 0
        self._advance()

    def _advance(self) -> None:
        match = _TOKEN.match(self._source, self._place)
        rest = self._source[self._place :]
        self.column = len(self._source) - len(rest.lstrip()) + 1
        if match is None:
            if rest.strip():
                raise ExpressionError(self.column, f"{rest.strip()[0]!r} is no part of an expression")
            self.kind, self.text = "end", "the end"
            return
        self.kind, self.text = str(match.lastgroup), str(match.group(str(match.lastgroup)))
        if self.kind == "name" and self.text in _WORDS:
            self.kind = "mark"
        self._place = match.end()

    def _taken(self, *marks: str) -> tuple[str, int] | None:
        if self.kind == "mark" and self.text in marks:
            found = self.text, self.column
            self._advance()
            return found
        return None

    def _chain(self, marks: tuple[str, ...], below: Callable[[int], Node], depth: int) -> Node:
        left = below(depth)
        while taken := self._taken(*marks):
            left = Operation(taken[1], taken[0], (left, below(depth)))
        return left

    def disjunction(self, depth: int) -> Node:
        return self._chain(("or",), self._conjunction, depth)

    def _conjunction(self, depth: int) -> Node:
        return self._chain(("and",), self._negation, depth)

    def _negation(self, depth: int) -> Node:
        self._check(depth)
        if taken := self._taken("not"):
            return Operation(taken[1], "not", (self._negation(depth + 1),))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        left = self._sum(depth)
        if taken := self._taken(*COMPARISONS):
            found = Operation(taken[1], taken[0], (left, self._sum(depth)))
            if self.kind == "mark" and self.text in COMPARISONS:
                raise ExpressionError(self.column, "comparisons do not follow each other; join them with `and`")
            return found
        return left

    def _sum(self, depth: int) -> Node:
        return self._chain(("+", "-"), self._product, depth)

    def _product(self, depth: int) -> Node:
        return self._chain(("*", "/"), self._signed, depth)

    def _signed(self, depth: int) -> Node:
        self._check(depth)
        if taken := self._taken("-"):
            return Operation(taken[1], "-", (self._signed(depth + 1),))
        return self._atom(depth)

    def _atom(self, depth: int) -> Node:
        kind, text, column = self.kind, self.text, self.column
        if kind == "number":
            return self._number(text, column)
        if kind == "name":
            self._advance()
            if self._taken("("):
                return self._call(text, column, depth)
            return Name(column, text)
        if self._taken("("):
            found = self.disjunction(depth + 1)
            self._close()
            return found
        raise ExpressionError(column, f"a number, a name or `(` is expected, not {text!r}")

    def _number(self, text: str, column: int) -> Node:
        value, spelling = float(text), ""
        unit = _UNIT.match(self._source, self._place)
        if unit and unit.group(1) not in _WORDS:
            spelling = unit.group(1)
            if spelling not in _UNITS:
                raise ExpressionError(self._place + 1, f"unknown unit {spelling!r}{near_match(spelling, _UNITS)}")
            value *= _UNITS[spelling]
            self._place = unit.end()
        if not math.isfinite(value):
            raise ExpressionError(column, f"{text} is not a finite number")
        self._advance()
        return Number(column, value, spelling)

    def _call(self, function: str, column: int, depth: int) -> Node:
        if function not in FUNCTIONS:
            raise ExpressionError(
                column,
                f"unknown function {function!r}{near_match(function, FUNCTIONS)} (known: {', '.join(FUNCTIONS)})",
            )
        arguments = [self.disjunction(depth + 1)]
        while self._taken(","):
            arguments.append(self.disjunction(depth + 1))
        self._close()
        return Call(column, function, tuple(arguments))

    def _close(self) -> None:
        if not self._taken(")"):
            raise ExpressionError(self.column, f"`)` is expected, not {self.text!r}")

    def _check(self, depth: int) -> None:
        if depth > MOST_DEEP:
            raise ExpressionError(self.column, "nested too deeply")


def names(node: Node) -> Iterator[Name]:
    """Every name in the expression, in the order of the text."""
    return (part for part in nodes(node) if isinstance(part, Name))


def nodes(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text."""
    yield node
    if isinstance(node, Call | Operation):
        for part in node.arguments if isinstance(node, Call) else node.sides:
            yield from nodes(part)


def kind_of(node: Node, known: Mapping[str, Kind]) -> Kind:
    """Whether it is a number, a series or a truth. ExpressionError for an unknown name or parts that do not fit."""
    match node:
        case Number():
            return "number"
        case Name(column, name):
            if name not in known:
                shown = ", ".join(known) if len(known) <= 12 else ", ".join([*list(known)[:12], "..."])
                raise ExpressionError(column, f"unknown name {name!r}{near_match(name, known)} (known: {shown})")
            return known[name]
        case Call(column, function, arguments):
            return _kind_of_call(column, function, [kind_of(part, known) for part in arguments])
        case Operation(column, sign, sides):
            return _kind_of_operation(column, sign, [kind_of(part, known) for part in sides])


def _kind_of_call(column: int, function: str, kinds: list[Kind]) -> Kind:
    wanted = {"percentile": 2, "ratio": 2}.get(function, 1)
    if len(kinds) != wanted:
        raise ExpressionError(column, f"{function} takes {wanted} argument{'s' * (wanted > 1)}, not {len(kinds)}")
    if "truth" in kinds:
        raise ExpressionError(column, f"{function} takes numbers, not a comparison")
    if function in _TAKEN_TOGETHER or function == "percentile":
        if kinds[0] != "series":
            raise ExpressionError(
                column, f"{function} takes a series, one value for each unit; this is a single number"
            )
        if kinds[1:] == ["series"]:
            raise ExpressionError(column, "percentile takes a series and a single number from 0 to 100")
        return "number"
    if function == "isfinite":
        return "truth"
    return "series" if "series" in kinds else "number"


def _kind_of_operation(column: int, sign: str, kinds: list[Kind]) -> Kind:
    if sign in _WORDS:
        if kinds != ["truth"] * len(kinds):
            raise ExpressionError(column, f"`{sign}` joins comparisons, not numbers")
        return "truth"
    if "truth" in kinds:
        raise ExpressionError(column, f"`{sign}` joins numbers, not comparisons")
    if sign in COMPARISONS:
        if "series" in kinds:
            raise ExpressionError(
                column, "a series has a value for each unit: compare its mean, median, max or another single number"
            )
        return "truth"
    return "series" if "series" in kinds else "number"


def evaluate(node: Node, values: Mapping[str, Value]) -> Value:
    """The value of an expression whose kinds fit. None where a value that it needs is missing or not finite."""
    match node:
        case Number(value=value):
            return value
        case Name(name=name):
            return _finite(values.get(name))
        case Call(function="isfinite", arguments=(inner,)):
            return evaluate(inner, values) is not None
        case Call(function=function, arguments=arguments):
            given = [evaluate(part, values) for part in arguments]
            return None if None in given else _finite(_called(function, given))
        case Operation(sign=sign, sides=sides):
            return _joined(sign, [evaluate(part, values) for part in sides])


def _finite(value: Value) -> Value:
    if value is None or isinstance(value, bool):
        return value
    parts = value if isinstance(value, tuple) else (value,)
    return value if parts and all(part is not None and math.isfinite(part) for part in parts) else None


def _called(function: str, given: list[Value]) -> Value:
    first = given[0]
    if function in _TAKEN_TOGETHER:
        assert isinstance(first, tuple)
        return _TAKEN_TOGETHER[function](first)
    if function == "percentile":
        assert isinstance(first, tuple) and isinstance(given[1], float)
        return _percentile(first, given[1])
    if function == "abs":
        return tuple(map(abs, first)) if isinstance(first, tuple) else abs(first or 0.0)
    return _elementwise("/", first, given[1])


def _percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the two nearest, as numpy does; not a number outside 0 to 100."""
    if not 0 <= percent <= 100:
        return math.nan
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _elementwise(sign: str, left: Value, right: Value) -> Value:
    """Series of one length go unit by unit; series of different lengths have no answer."""
    apply = _ARITHMETIC[sign]
    if isinstance(left, tuple) and isinstance(right, tuple):
        return tuple(map(apply, left, right)) if len(left) == len(right) else None
    if isinstance(left, tuple):
        return tuple(apply(one, float(right)) for one in left)  # type: ignore[arg-type]
    if isinstance(right, tuple):
        return tuple(apply(float(left), one) for one in right)  # type: ignore[arg-type]
    return apply(float(left), float(right))  # type: ignore[arg-type]


def _joined(sign: str, sides: list[Value]) -> Value:
    if sign == "and" and False in sides:
        return False
    if sign == "or" and True in sides:
        return True
    if None in sides:
        return None
    if sign in ("and", "or"):
        return sign == "and"
    if sign == "not":
        return not sides[0]
    if sign in COMPARISONS:
        return COMPARISONS[sign](float(sides[0]), float(sides[1]))  # type: ignore[arg-type]
    if len(sides) == 1:
        return _finite(_elementwise("*", sides[0], -1.0))
    return _finite(_elementwise(sign, sides[0], sides[1]))
