"""What an ONNX graph tells of its masks, node by node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gnomon.formats.traced.masks import HIDES, NO_OFFSET, UNKNOWN, Mask, chosen, conjunction, of_triangle


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
    low = (float((-place[below]).min()), float((count - 1 - place)[below].max())) if below.any() else NO_OFFSET
    high = (float((count - place)[above].min()), float((keys - 1 - place[above]).max())) if above.any() else NO_OFFSET
    mask = Mask(true=low, false=high)
    return mask if operator in ("Less", "LessOrEqual") else mask.negated


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
