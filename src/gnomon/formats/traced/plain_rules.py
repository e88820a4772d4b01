"""Rules that ask nothing of a call but its arrays: the same in every traced format."""

from __future__ import annotations

from gnomon.formats.traced import operators
from gnomon.formats.traced.call import Call, Formats, Rule, Step


def words(text: str) -> frozenset[str]:
    """Names written one after another."""
    return frozenset(text.split())


def named(names: str, rule: Rule) -> dict[str, Rule]:
    """One rule under names written one after another."""
    return dict.fromkeys(names.split(), rule)


def functions(names: dict[str, str]) -> dict[str, Rule]:
    """Rules of functions of each element: for our word for one, the format's names of those that cost as much."""
    return {name: elementwise(function) for function, called in names.items() for name in called.split()}


def elementwise(function: str) -> Rule:
    """The rule of a function of each element."""

    def rule(call: Call, formats: Formats) -> tuple[Step, ...]:
        return ((operators.elementwise(function, call.arrays, call.out, formats), 1),)

    return rule


def move(call: Call, formats: Formats) -> tuple[Step, ...]:
    """Numbers to another place."""
    return ((operators.move(call.arrays, call.out, formats), 1),)


def create(call: Call, formats: Formats) -> tuple[Step, ...]:
    """An array filled without reading one."""
    return ((operators.create(call.out, formats), 1),)


def matmul(call: Call, formats: Formats) -> tuple[Step, ...]:
    """The product of the first two arrays."""
    left, right = call.arrays[:2]
    return ((operators.product(left, right, formats), 1),)
