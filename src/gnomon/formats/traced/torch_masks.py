"""What a torch graph tells of its masks, call by call, at any size and without an array.

Masks are made of places: an `arange`, the same with another dimension, a difference of two. Such an array is a number plus
a step along each dimension. Comparing two of them leaves a band of offsets (see `masks`) where it goes by the difference
of the last two dimensions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, floor, inf
from typing import Any

from gnomon.formats.traced.call import Array, Call
from gnomon.formats.traced.masks import (
    ANY_OFFSET,
    HIDES,
    NO_OFFSET,
    UNKNOWN,
    Mask,
    chosen,
    conjunction,
    of_triangle,
)


@dataclass(frozen=True, slots=True)
class Places:
    """An array of start + the sum of step times index over its dimensions; `is_distance`: the absolute value of that."""

    start: float
    steps: tuple[float, ...]  # one for each dimension
    is_distance: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether all its numbers are the same."""
        return not any(self.steps)


Known = Places | Mask


def known(call: Call) -> Known | None:
    """What is known of the first array that a bound call makes; None: nothing that a mask could be made of."""
    rule = _RULES.get(call.operator)
    found = rule(call) if rule is not None and call.made else None
    if isinstance(found, Mask):
        return None if (found.true, found.false) == (ANY_OFFSET, ANY_OFFSET) else found
    return found if found is not None and len(found.steps) == len(call.out.shape) else None


def of_array(array: Array) -> Mask:
    """What is known of an array as a mask."""
    return _mask(array, array.holds == "float")


def _mask(item: Any, is_number: bool) -> Mask:
    """Of an array or a number; `is_number`: added to scores where it is a constant, not a truth value."""
    if isinstance(item, Array):
        if isinstance(item.known, Mask):
            return item.known
        if not isinstance(item.known, Places) or not item.known.is_constant:
            return UNKNOWN
        item = item.known.start
    if not isinstance(item, (bool, int, float)):
        return UNKNOWN
    is_true = item > HIDES if is_number else bool(item)
    return Mask(
        true=ANY_OFFSET if is_true else NO_OFFSET, false=NO_OFFSET if is_true else ANY_OFFSET, is_added=is_number
    )


def _places(item: Any, rank: int) -> Places | None:
    """An array's places, or a number's, as an array of `rank` dimensions."""
    if isinstance(item, (bool, int, float)):
        return Places(float(item), (0.0,) * rank)
    if not isinstance(item, Array) or not isinstance(item.known, Places) or len(item.shape) > rank:
        return None
    return replace(item.known, steps=(0.0,) * (rank - len(item.shape)) + item.known.steps)


# Arrays that are made of numbers alone.


def _arange(call: Call) -> Known | None:
    given = call.arguments
    if not all(isinstance(item, (int, float)) for item in given):
        return None
    start = float(given[0]) if len(given) > 1 else 0.0
    return Places(start, (float(given[2]) if len(given) > 2 else 1.0,))


def _filled(place: int | None, usual: float) -> Callable[[Call], Known | None]:
    """An array of one number: the argument at `place`, or `usual`."""

    def rule(call: Call) -> Known | None:
        value = usual if place is None else call.get(place, "fill_value", usual)
        return Places(float(value), (0.0,) * len(call.out.shape)) if isinstance(value, (int, float)) else None

    return rule


# The same numbers under another shape.


def _view(call: Call) -> Known | None:
    """Dimensions of one may come and go, and those of one grow: what varies keeps its order."""
    source, made = call.arrays[0], call.out
    if isinstance(source.known, Mask):
        return source.known if _keeps_last_two(source.shape, made.shape) else None
    if not isinstance(source.known, Places):
        return None
    varying = [(side, step) for side, step in zip(source.shape, source.known.steps, strict=True) if step and side > 1]
    if not varying:
        return replace(source.known, steps=(0.0,) * len(made.shape))
    steps: list[float] = []
    for side in reversed(made.shape):
        steps.append(varying.pop()[1] if varying and side == varying[-1][0] else 0.0)
    return replace(source.known, steps=tuple(reversed(steps))) if not varying and _is_plain(source, made) else None


def _is_plain(source: Array, made: Array) -> bool:
    """Whether two shapes are alike but for dimensions of one."""
    return [side for side in source.shape if side > 1] == [side for side in made.shape if side > 1]


def _keeps_last_two(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether queries and keys are where they were, or were shared by all."""
    return len(after) >= 2 and all(side in (1, now) for side, now in zip(before[:-3:-1], after[:-3:-1], strict=False))


def _expand(call: Call) -> Known | None:
    source, made = call.arrays[0], call.out
    if isinstance(source.known, Mask):
        return source.known if _keeps_last_two(source.shape, made.shape) else None
    return _places(source, len(made.shape))


def _unsqueeze(call: Call) -> Known | None:
    source, place = call.arrays[0], call.get(1, "dim")
    place += len(call.out.shape) if place < 0 else 0
    if isinstance(source.known, Mask):
        return source.known if place < len(call.out.shape) - 2 else None
    if not isinstance(source.known, Places):
        return None
    steps = source.known.steps
    return replace(source.known, steps=(*steps[:place], 0.0, *steps[place:]))


def _transpose(call: Call) -> Known | None:
    source = call.arrays[0]
    if not isinstance(source.known, Places):
        return None
    order = list(range(len(source.shape)))
    if call.operator == "permute":
        order = [place % len(order) for place in call.get(1, "dims")]
    elif order:
        one, other = (-1, -2) if call.operator in ("t", "mT", "numpy_T") else (call.get(1, "dim0"), call.get(2, "dim1"))
        if len(order) > 1:
            order[one], order[other] = order[other], order[one]
    return replace(source.known, steps=tuple(source.known.steps[place] for place in order))


def _slice(call: Call) -> Known | None:
    source, place = call.arrays[0], call.get(1, "dim", 0)
    start, stride = call.get(2, "start") or 0, call.get(4, "step", 1)
    rank = len(source.shape)
    place %= max(rank, 1)
    start = max(start + source.shape[place], 0) if start < 0 else start
    if isinstance(source.known, Mask):
        return source.known if place < rank - 2 or (start == 0 and stride == 1) else None
    if not isinstance(source.known, Places) or source.known.is_distance:
        return None
    steps = list(source.known.steps)
    first = source.known.start + steps[place] * start
    steps[place] *= stride
    return Places(first, tuple(steps))


def _select(call: Call) -> Known | None:
    source, place, index = call.arrays[0], call.get(1, "dim"), call.get(2, "index")
    rank = len(source.shape)
    place %= max(rank, 1)
    if isinstance(source.known, Mask):
        return source.known if place < rank - 2 else None
    if not isinstance(source.known, Places) or source.known.is_distance or not isinstance(index, int):
        return None
    index += source.shape[place] if index < 0 else 0
    steps = source.known.steps
    return Places(source.known.start + steps[place] * index, (*steps[:place], *steps[place + 1 :]))


def _index(call: Call) -> Known | None:
    """Places looked up at places: where every dimension is indexed, the steps follow each other."""
    source, indices = call.arguments[:2]
    rank = len(call.out.shape)
    looked_up = _places(source, len(source.shape)) if isinstance(source, Array) else None
    at = [_places(index, rank) for index in indices]
    if looked_up is None or looked_up.is_distance or len(at) != len(looked_up.steps):
        return None
    start, steps = looked_up.start, [0.0] * rank
    for step, index in zip(looked_up.steps, at, strict=True):
        if index is None or index.is_distance:
            return None
        start += step * index.start
        steps = [a + step * b for a, b in zip(steps, index.steps, strict=True)]
    return Places(start, tuple(steps))


def _same(call: Call) -> Known | None:
    return call.arrays[0].known if call.arrays else None


# Arithmetic of places, and of masks that are added to scores.


def _sum(call: Call) -> Known | None:
    left, right = call.arguments[:2]
    if call.settings.get("alpha", 1) != 1:
        return None
    sign = 1.0
    if call.operator == "rsub":
        left, right, sign = right, left, -1.0
    elif call.operator in ("sub", "subtract"):
        sign = -1.0
    rank = len(call.out.shape)
    a, b = _places(left, rank), _places(right, rank)
    if a is not None and b is not None and not (a.is_distance or b.is_distance):
        steps = tuple(x + sign * y for x, y in zip(a.steps, b.steps, strict=True))
        return Places(a.start + sign * b.start, steps)
    if sign < 0:
        taken = _mask(right, is_number=False)
        return taken.negated if a is not None and a.is_constant and a.start == 1 and not taken.is_added else None
    one, other = (_mask(item, is_number=True) for item in (left, right))
    return replace(conjunction(one, other), is_added=True) if one.is_added or other.is_added else None


def _product(call: Call) -> Known | None:
    left, right = call.arguments[:2]
    rank = len(call.out.shape)
    for item, factor in ((left, _places(right, rank)), (right, _places(left, rank))):
        if factor is None or not factor.is_constant:
            continue
        scaled = _places(item, rank)
        if scaled is not None and not scaled.is_distance:
            return Places(scaled.start * factor.start, tuple(step * factor.start for step in scaled.steps))
        mask = _mask(item, is_number=False)
        if factor.start <= HIDES and not mask.is_added:  # 1 becomes what hides
            return Mask(true=mask.false, false=mask.true, is_added=True)
        return None
    one, other = (_mask(item, is_number=False) for item in (left, right))
    return None if one.is_added or other.is_added else conjunction(one, other)


def _negative(call: Call) -> Known | None:
    found = call.arrays[0].known
    if not isinstance(found, Places) or found.is_distance:
        return None
    return Places(-found.start, tuple(-step for step in found.steps))


def _distance(call: Call) -> Known | None:
    found = call.arrays[0].known
    return replace(found, is_distance=True) if isinstance(found, Places) else None


# Truth values.


def _comparison(call: Call) -> Known | None:
    left, right = call.arguments[:2]
    rank = len(call.out.shape)
    a, b = _places(left, rank), _places(right, rank)
    if a is None or b is None:
        return _of_truth(call.operator, left, b)
    operator = call.operator
    if operator in ("gt", "ge"):
        a, b, operator = b, a, {"gt": "lt", "ge": "le"}[operator]
    whole = operator in ("lt", "le")
    limit = -1.0 if operator == "lt" else 0.0  # places are whole numbers
    if not (a.is_distance or b.is_distance):
        below = _below(_difference(a, b), limit)
        if whole:
            return below
        equal = conjunction(below, _below(_difference(b, a), limit))
        return equal if operator == "eq" else equal.negated
    if not whole or (a.is_distance and b.is_distance):
        return None
    if a.is_distance:  # |x| <= b: x <= b and -x <= b
        x = replace(a, is_distance=False)
        return conjunction(_below(_difference(x, b), limit), _below(_opposite(x, b), limit))
    x = replace(b, is_distance=False)  # a <= |x|: not (x < a and -x < a)
    strict = -1.0 if operator == "le" else 0.0
    return conjunction(_below(_difference(x, a), strict), _below(_opposite(x, a), strict)).negated


def _of_truth(operator: str, left: Any, right: Places | None) -> Mask | None:
    """A mask compared with zero."""
    if not isinstance(left, Array) or not isinstance(left.known, Mask) or left.known.is_added:
        return None
    if right is None or not right.is_constant or right.start != 0:
        return None
    return {"eq": left.known.negated, "ne": left.known, "gt": left.known}.get(operator)


def _difference(a: Places, b: Places) -> Places:
    return Places(a.start - b.start, tuple(x - y for x, y in zip(a.steps, b.steps, strict=True)))


def _opposite(a: Places, b: Places) -> Places:
    return Places(-a.start - b.start, tuple(-x - y for x, y in zip(a.steps, b.steps, strict=True)))


def _below(places: Places, limit: float) -> Mask:
    """Where start + steps . index <= limit."""
    if len(places.steps) < 2 or any(places.steps[:-2]):
        return UNKNOWN
    query, key = places.steps[-2:]
    if query == key == 0:
        return _mask(places.start <= limit, is_number=False)
    if query != -key or not (places.start.is_integer() and key.is_integer()):
        return UNKNOWN
    offset = (limit - places.start) / key
    if key > 0:
        return Mask(true=(-inf, floor(offset)), false=(floor(offset) + 1, inf))
    return Mask(true=(ceil(offset), inf), false=(-inf, ceil(offset) - 1))


def _and(call: Call) -> Known | None:
    one, other = (_mask(item, is_number=False) for item in call.arguments[:2])
    return conjunction(one, other)


def _or(call: Call) -> Known | None:
    one, other = (_mask(item, is_number=False).negated for item in call.arguments[:2])
    return conjunction(one, other).negated


def _not(call: Call) -> Known | None:
    return _mask(call.arguments[0], is_number=False).negated


def _where(call: Call) -> Known | None:
    if len(call.arguments) < 3:
        return None
    is_number = call.out.holds == "float"
    yes, no = (_mask(item, is_number) for item in call.arguments[1:3])
    return chosen(_mask(call.arguments[0], is_number=False), yes, no)


def _masked_fill(call: Call) -> Known | None:
    source, condition, value = call.arguments[:3]
    is_number = call.out.holds == "float"
    return chosen(_mask(condition, is_number=False), _mask(value, is_number), _mask(source, is_number))


def _triangle(call: Call) -> Known | None:
    source = call.arrays[0]
    return of_triangle(of_array(source), int(call.get(1, "diagonal", 0)), call.operator == "triu")


_RULES: dict[str, Callable[[Call], Known | None]] = {
    "arange": _arange,
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _filled(None, 1.0)),
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _filled(None, 0.0)),
    **dict.fromkeys(("full", "full_like"), _filled(1, 0.0)),
    "new_full": _filled(2, 0.0),
    "scalar_tensor": _filled(0, 0.0),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "squeeze", "view_as", "reshape_as"), _view),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expand),
    "unsqueeze": _unsqueeze,
    **dict.fromkeys(("permute", "transpose", "t", "mT", "numpy_T"), _transpose),
    "slice": _slice,
    "select": _select,
    "index": _index,
    **dict.fromkeys(
        [
            "to",
            "_to_copy",
            "type_as",
            "float",
            "double",
            "half",
            "bool",
            "long",
            "int",
            "clone",
            "contiguous",
            "detach",
            "alias",
            "lift_fresh_copy",
        ],
        _same,
    ),
    **dict.fromkeys(("add", "sub", "subtract", "rsub"), _sum),
    **dict.fromkeys(("mul", "multiply"), _product),
    "neg": _negative,
    "abs": _distance,
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne"), _comparison),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), _and),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), _or),
    **dict.fromkeys(("logical_not", "bitwise_not"), _not),
    "where": _where,
    "masked_fill": _masked_fill,
    **dict.fromkeys(("tril", "triu"), _triangle),
}
