"""Which pairs of a query and a key a mask lets through, told from how the file makes the mask.

A mask (..., queries, keys) is known here by two bands of the offset, key place minus query place: the one outside which it
is never true, and the one outside which it is never false. A causal mask is true for offsets up to zero and nowhere else.
Truth values, their 0 and 1 as numbers, and masks that are added to scores (true where a score survives) go by one rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

HIDES = -1e4  # an added number at most this low hides a score: exporters write -1e4, the format's smallest, or -inf

Band = tuple[float, float]  # smallest and largest offset; (inf, -inf): none
_ALL: Band = (-inf, inf)
_NONE: Band = (inf, -inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What is known of an array that may be a mask."""

    true: Band = _ALL  # true at no offset outside
    false: Band = _ALL  # false at no offset outside
    is_added: bool = False  # a term of the scores; else truth values, or 0 and 1

    @property
    def negated(self) -> Mask:
        """True where it was false."""
        return replace(self, true=self.false, false=self.true)


UNKNOWN = Mask()


def _both(a: Band, b: Band) -> Band:
    found = (max(a[0], b[0]), min(a[1], b[1]))
    return found if found[0] <= found[1] else _NONE


def _either(a: Band, b: Band) -> Band:
    return (min(a[0], b[0]), max(a[1], b[1]))


def conjunction(a: Mask, b: Mask) -> Mask:
    """True where both are."""
    return Mask(true=_both(a.true, b.true), false=_either(a.false, b.false), is_added=a.is_added)


def chosen(condition: Mask, yes: Mask, no: Mask) -> Mask:
    """`yes` where the condition holds, `no` elsewhere."""
    return Mask(
        true=_either(_both(condition.true, yes.true), _both(condition.false, no.true)),
        false=_either(_both(condition.true, yes.false), _both(condition.false, no.false)),
        is_added=yes.is_added or no.is_added,
    )


def of_numbers(array: Any) -> Mask | None:
    """The mask that known numbers (..., queries, keys) are; a single number is the same everywhere; None for others."""
    import numpy as np

    is_truth = array.dtype == bool
    if array.size == 1:
        value = float(array.reshape(())) if array.dtype.kind in "biuf" else 0.0
        is_true = bool(value) if is_truth else value > HIDES
        return Mask(true=_ALL if is_true else _NONE, false=_NONE if is_true else _ALL, is_added=not is_truth)
    if array.ndim < 2 or min(array.shape[-2:]) < 2 or array.dtype.kind not in "bf":
        return None
    is_indicator = not is_truth and bool(np.isin(array, (0, 1)).all()) and bool((array == 1).any())
    truth = array.astype(bool) if is_truth or is_indicator else array > HIDES
    plane = truth.reshape(-1, *truth.shape[-2:])
    return Mask(
        true=_band(plane.any(axis=0)), false=_band((~plane).any(axis=0)), is_added=not (is_truth or is_indicator)
    )


def _band(plane: Any) -> Band:
    """Smallest and largest offset at which an array (queries, keys) is true."""
    import numpy as np

    query, key = np.nonzero(plane)
    return (float((key - query).min()), float((key - query).max())) if query.size else _NONE


def of_comparison(operator: str, left: Any, right: Any) -> Mask | None:
    """left <= right and the like, of places of keys (..., 1, keys) with places of queries (..., queries, 1); else None.

    Places must not fall from one key to the next, and be the same in every sequence of the batch.
    """
    import numpy as np

    if left.ndim < 2 or right.ndim < 2:
        return None
    if left.shape[-1] == 1 and right.shape[-2] == 1:  # queries on the left: turned round
        turned = {
            "Less": "Greater",
            "LessOrEqual": "GreaterOrEqual",
            "Greater": "Less",
            "GreaterOrEqual": "LessOrEqual",
        }
        return of_comparison(turned[operator], right, left)
    if left.shape[-2] != 1 or right.shape[-1] != 1:
        return None
    key, query = left.reshape(-1, left.shape[-1]), right.reshape(-1, right.shape[-2])
    if (key != key[0]).any() or (query != query[0]).any() or (np.diff(key[0]) < 0).any():
        return None
    keys, place = key.shape[1], np.arange(query.shape[1])
    is_strict = operator in ("Less", "GreaterOrEqual")  # keys before `count` are those below the query's place
    count = np.searchsorted(key[0], query[0], side="left" if is_strict else "right")
    below, above = count > 0, count < keys
    low = (float((-place[below]).min()), float((count - 1 - place)[below].max())) if below.any() else _NONE
    high = (float((count - place)[above].min()), float((keys - 1 - place[above]).max())) if above.any() else _NONE
    mask = Mask(true=low, false=high)
    return mask if operator in ("Less", "LessOrEqual") else mask.negated


def of_triangle(source: Mask, diagonal: int, is_upper: bool) -> Mask:
    """What Trilu leaves of a mask: the part on one side of a diagonal, zero on the other.

    Zero is false among truth values, and hides nothing among numbers that are added.
    """
    kept: Band = (diagonal, inf) if is_upper else (-inf, diagonal)
    cleared: Band = (-inf, diagonal - 1) if is_upper else (diagonal + 1, inf)
    true, false = _both(source.true, kept), _both(source.false, kept)
    if source.is_added:
        return Mask(true=_either(true, cleared), false=false, is_added=True)
    return Mask(true=true, false=_either(false, cleared))


def after(node: Any, masks: Mapping[str, Mask], data: Mapping[str, Any], settings: Mapping[str, Any]) -> Mask | None:
    """What is known of a node's first output; masks: of its inputs, data: their numbers where known. None: nothing."""
    inputs = [name for name in node.input if name]
    of = [masks.get(name, UNKNOWN) for name in inputs]
    if not any(name in masks for name in inputs) and node.op_type not in ("Trilu", *_COMPARISONS):
        return None
    match node.op_type, of:
        case ("And", [a, b]):
            return conjunction(a, b)
        case ("Or", [a, b]):
            return conjunction(a.negated, b.negated).negated
        case ("Not", [a]):
            return a.negated
        case ("Where", [condition, yes, no]):
            return chosen(condition, yes, no)
        case ("Add", [a, b]) if a.is_added or b.is_added:
            return replace(conjunction(a, b), is_added=True)
        case ("Mul", [a, b]):
            return _product(inputs, a, b, data)
        case ("Sub", [_, b]) if _number(data, inputs[0]) == 1 and not b.is_added:
            return b.negated
        case ("Equal", [a, _]) if _number(data, inputs[1]) == 0 and not a.is_added:
            return a.negated
        case ("Trilu", [source, *_]):
            diagonal = int(data[inputs[1]]) if len(inputs) > 1 and inputs[1] in data else 0
            return of_triangle(source, diagonal, bool(settings.get("upper", 1)))
        case (operator, [_, _]) if operator in _COMPARISONS and all(name in data for name in inputs):
            return of_comparison(operator, data[inputs[0]], data[inputs[1]])
        case ("Slice", [a, *_]) if len(inputs) > 1 and inputs[1] in data and not data[inputs[1]].any():
            return a  # from the first query and the first key on
        case (operator, [a, *_]) if operator in _KEEPS:
            return a
    return None


_COMPARISONS = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
_KEEPS = (
    "Cast",
    "CastLike",
    "Identity",
    "Expand",
    "Unsqueeze",
    "Squeeze",
    "Reshape",
)  # where queries and keys stay last
OPERATORS = frozenset(
    ("And", "Or", "Not", "Where", "Add", "Mul", "Sub", "Equal", "Trilu", "Slice", *_COMPARISONS, *_KEEPS)
)


def _number(data: Mapping[str, Any], name: str) -> float | None:
    return float(data[name].reshape(())) if name in data and data[name].size == 1 else None


def _product(inputs: list[str], a: Mask, b: Mask, data: Mapping[str, Any]) -> Mask | None:
    """0 and 1 times a number that hides: added, it hides where there was a 1; 0 and 1 times 0 and 1: both."""
    for truth, name in ((a, inputs[1]), (b, inputs[0])):
        number = _number(data, name)
        if number is not None:
            return Mask(true=truth.false, false=truth.true, is_added=True) if number <= HIDES else None
    return None if a.is_added or b.is_added else conjunction(a, b)
