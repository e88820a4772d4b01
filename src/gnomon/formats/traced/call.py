"""A traced graph: calls of named operators on arrays whose sizes may be open until a plan binds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

from gnomon.core.op import Op

Numbers = Literal["float", "integer"]  # what an array holds; truth values count as integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """An array with known sizes."""

    shape: tuple[int, ...]
    holds: Numbers = "float"
    makers: tuple[str, ...] = ()  # nodes that computed it; empty: an input or a weight
    weight: str | None = None  # the trained array that it is, or is a view of
    known: Any = None  # what is known of its numbers, where a mask may be made of them (`torch_masks.Known`)

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Ref:
    """The place of an array that an earlier call makes: output `index` of call `name`."""

    name: str
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An array that a call makes, its sizes numbers or expressions of the graph's open sizes."""

    shape: tuple[Any, ...]
    holds: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, as traced (with `Ref`s and open sizes among its arguments) or bound (with `Array`s and numbers)."""

    name: str
    operator: str  # as its rule is called
    where: str  # file and line of the program, empty where unknown
    arguments: tuple[Any, ...]
    settings: Mapping[str, Any]
    made: tuple[Any, ...]  # of `Made` as traced, of `Array` when bound

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays among the arguments, lists looked into, in their order."""
        found: list[Array] = []
        for item in (*self.arguments, *self.settings.values()):
            found.extend(
                part for part in (item if isinstance(item, (list, tuple)) else (item,)) if isinstance(part, Array)
            )
        return tuple(found)

    @property
    def out(self) -> Array:
        """The first array that it makes."""
        found: Array = self.made[0]
        return found

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """The argument at that place or of that name."""
        if len(self.arguments) > place:
            return self.arguments[place]
        return self.settings.get(name, default)


@dataclass(slots=True, kw_only=True)
class Formats:
    """The plan's number formats, and which weights have found their operator."""

    product: str  # of large products
    activation: str  # of everything else
    weight: str | None  # storage of weights where it differs
    is_fused: bool  # attention in one kernel
    weights: Mapping[str, int] = field(default_factory=dict)  # elements of each weight
    unclaimed: dict[str, int] = field(default_factory=dict)  # those that no operator has yet

    def take(self, array: Array | None, elements: int | None = None) -> int:
        """How many numbers of a weight belong to the operator that asks: all it reads if it is the first, else none."""
        if array is None or array.weight is None:
            return 0
        wanted = min(array.elements if elements is None else elements, self.weights[array.weight])  # less when expanded
        if self.unclaimed[array.weight] < wanted:
            return 0
        self.unclaimed[array.weight] -= wanted
        return wanted

    def claim(self, array: Array | None) -> bool:
        """Whether a weight belongs to the operator that asks."""
        return self.take(array) > 0


# What a rule gives: the operators that the call runs one after another, each with a number of copies.
Step = tuple[Op, int]
Rule = Callable[[Call, Formats], tuple[Step, ...]]
