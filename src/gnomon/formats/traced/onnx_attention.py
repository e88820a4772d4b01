"""Attention that a file writes out, as one operator: product, scale and mask, softmax, product.

torch writes `scaled_dot_product_attention` so below opset 23, and so do modules that spell attention out. What is found
here becomes a call of ATTENTION; a softmax between other operators stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from gnomon.formats.traced.call import Call, Made, Ref
from gnomon.formats.traced.masks import UNKNOWN, Mask, chosen, conjunction

ATTENTION = "gnomon::attention"  # (query, key transposed, value, masks...)
_SAME = ("Cast", "CastLike", "Identity", "Dropout")  # the same numbers, for what attention costs
_VIEWS = (*_SAME, "Reshape", "Transpose", "Unsqueeze", "Squeeze", "Expand")


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The calls of a graph by what they make, who reads that, and what is known of its masks."""

    makers: Mapping[Ref, Call]
    readers: Mapping[Ref, list[Call]]  # a call that reads an array twice stands twice
    kept: frozenset[Ref]  # outputs of the graph
    masks: Mapping[tuple[str, int], Mask]  # of argument number i of the call named so, where something is known

    def only_reader(self, call: Call) -> Call | None:
        """The one call that reads what this one makes."""
        readers = self.readers.get(Ref(call.name), [])
        return readers[0] if len(readers) == 1 and Ref(call.name) not in self.kept else None

    def maker(self, argument: Any) -> Call | None:
        return self.makers.get(argument) if isinstance(argument, Ref) else None

    def is_single(self, argument: Any) -> bool:
        """Whether an argument is one number that no call makes."""
        return isinstance(argument, Made) and prod(argument.shape) == 1

    def mask(self, call: Call, place: int) -> Mask:
        return self.masks.get((call.name, place), UNKNOWN)


def with_attention(
    calls: Iterable[Call], outputs: Iterable[Ref], masks: Mapping[tuple[str, int], Mask]
) -> tuple[Call, ...]:
    """The calls, each written-out attention one call; standard ones learn their mask and their grouped heads."""
    listed = list(calls)
    readers: dict[Ref, list[Call]] = {}
    for call in listed:
        for argument in call.arguments:
            if isinstance(argument, Ref):
                readers.setdefault(argument, []).append(call)
    makers = {Ref(call.name, index): call for call in listed for index in range(len(call.made))}
    walk = _Walk(makers=makers, readers=readers, kept=frozenset(outputs), masks=masks)
    changed: dict[str, Call | None] = {}
    for call in listed:
        if call.operator == "Softmax":
            changed |= _written_out(call, walk)
        elif call.operator == "Attention":
            settings = {
                **call.settings,
                **_shared(call.arguments[1], call.arguments[2], walk),
                "band": walk.mask(call, 3).true,
            }
            changed[call.name] = replace(call, settings=settings)
    found = [after for call in listed if (after := changed.get(call.name, call)) is not None]
    removed = {name for name, after in changed.items() if after is None}
    return tuple(_without_unread(found, listed, walk.kept)) if removed else tuple(found)


def _written_out(softmax: Call, walk: _Walk) -> dict[str, Call | None]:
    """What each call of the attention around a softmax becomes: one of them the operator, the others nothing."""
    shape = softmax.out.shape if softmax.made and isinstance(softmax.made[0], Made) else ()
    if len(shape) < 3 or softmax.settings.get("axis", -1) not in (-1, len(shape) - 1):
        return {}
    second, between = _product_after(softmax, walk)
    first, before, mask, terms = _product_before(softmax, walk)
    if first is None or second is None or not _is_computed(first, second, walk):
        return {}
    query, key = (_unscaled(argument, walk) for argument in first.arguments[:2])
    settings = {"band": mask.true, **_shared(key, second.arguments[1], walk)}
    call = Call(
        name=second.name,
        operator=ATTENTION,
        where=second.where,
        arguments=(query, key, second.arguments[1], *terms),
        settings=settings,
        made=second.made,
    )
    return {**{one.name: None for one in (softmax, first, *before, *between)}, second.name: call}


def _is_computed(first: Call, second: Call, walk: _Walk) -> bool:
    """Whether queries, keys and values are all computed or inputs, none a weight, and of as many heads each."""
    arguments = (*first.arguments[:2], second.arguments[1])
    if any(isinstance(one, Ref) and one not in walk.makers for one in arguments):
        return False
    query, key, value = (_shape(one, walk)[:-2] for one in arguments)
    return len(query) == len(key) == len(value) > 0 and key == value


def _product_after(softmax: Call, walk: _Walk) -> tuple[Call | None, list[Call]]:
    """The product of the probabilities with the values, and what stands between."""
    call = softmax
    between: list[Call] = []
    while True:
        readers = walk.readers.get(Ref(call.name), [])
        guard = _nan_guard(call, readers)
        following = guard[-1] if guard else walk.only_reader(call)
        if following is None or Ref(call.name) in walk.kept:
            return None, []
        if following.operator == "MatMul" and following.arguments[0] == Ref(call.name):
            return following, between
        if not guard and following.operator not in _SAME:
            return None, []
        between += guard or [following]
        call = following


def _nan_guard(call: Call, readers: list[Call]) -> list[Call]:
    """IsNaN and Where of a row that the mask hides whole."""
    kinds = {one.operator: one for one in readers}
    if len(readers) == 2 and set(kinds) == {"IsNaN", "Where"}:
        guard, where = kinds["IsNaN"], kinds["Where"]
        if where.arguments[0] == Ref(guard.name) and where.arguments[2] == Ref(call.name):
            return [guard, where]
    return []


def _product_before(softmax: Call, walk: _Walk) -> tuple[Call | None, list[Call], Mask, list[Any]]:
    """The product of queries and keys; what stands between; the mask that it all comes to; the masks' arrays."""
    mask = UNKNOWN
    terms: list[Any] = []
    between: list[Call] = []
    argument = softmax.arguments[0]
    while True:
        call = walk.maker(argument)
        if call is None or walk.only_reader(call) is None:
            return None, [], UNKNOWN, []
        if call.operator == "MatMul":
            return call, between, mask, terms
        scores = _scores_place(call, walk)
        if scores is None:
            return None, [], UNKNOWN, []
        if call.operator == "Add":
            mask = conjunction(mask, walk.mask(call, 1 - scores))
            terms.append(_condition(call.arguments[1 - scores], walk))
        elif call.operator == "Where":
            of = [walk.mask(call, place) if place != scores else UNKNOWN for place in range(3)]
            mask = conjunction(mask, chosen(*of))
            terms.append(call.arguments[0])
        between.append(call)
        argument = call.arguments[scores]


def _scores_place(call: Call, walk: _Walk) -> int | None:
    """Which argument of a call between product and softmax carries the scores."""
    match call.operator:
        case "Mul" | "Max" if walk.is_single(call.arguments[0]):
            return 1
        case "Mul" | "Div" | "Max" | "Clip" if all(map(walk.is_single, call.arguments[1:])):
            return 0
        case "Where" if walk.is_single(call.arguments[1]):
            return 2
        case "Where" if walk.is_single(call.arguments[2]):
            return 1
        case "Add":
            return next((place for place in (0, 1) if _leads_to_product(call.arguments[place], walk)), None)
        case "Reshape" if _shape(call.arguments[0], walk)[-2:] == call.made[0].shape[-2:]:
            return 0
        case operator if operator in _SAME:
            return 0
    return None


def _leads_to_product(argument: Any, walk: _Walk) -> bool:
    while (call := walk.maker(argument)) is not None:
        if call.operator == "MatMul":
            return not any(isinstance(one, Ref) and one not in walk.makers for one in call.arguments[:2])
        place = _scores_place(call, walk)
        if place is None:
            return False
        argument = call.arguments[place]
    return False


def _unscaled(argument: Any, walk: _Walk) -> Any:
    """Queries or keys before the scale that only this attention reads."""
    call = walk.maker(argument)
    while call is not None and call.operator in ("Mul", "Div") and walk.only_reader(call) is not None:
        place = next((p for p in (0, 1) if walk.is_single(call.arguments[1 - p])), None)
        if place is None or (call.operator == "Div" and place == 1):
            break
        argument = call.arguments[place]
        call = walk.maker(argument)
    return argument


def _condition(argument: Any, walk: _Walk) -> Any:
    """The truth values that an added mask is made of, where only this attention reads it."""
    call = walk.maker(argument)
    if call is not None and call.operator == "Where" and all(map(walk.is_single, call.arguments[1:])):
        return call.arguments[0]
    return argument


def _share(argument: Any, walk: _Walk) -> int:
    """How many heads of queries share one of these keys or values: what an Expand on their way repeats."""
    call = walk.maker(argument)
    while call is not None:
        source = call.arguments[0]
        if call.operator == "Expand":
            before, after = _shape(source, walk), call.made[0].shape
            repeated = [b for a, b in zip(before, after, strict=False) if a != b]
            return repeated[0] if len(before) == len(after) == 5 and len(repeated) == 1 else 1
        is_scale = call.operator in ("Mul", "Div") and walk.is_single(call.arguments[1])
        if call.operator not in _VIEWS and not is_scale:
            return 1
        call = walk.maker(source)
    return 1


def _shape(argument: Any, walk: _Walk) -> tuple[int, ...]:
    if isinstance(argument, Made):
        return argument.shape
    call = walk.maker(argument)
    return call.made[argument.index].shape if call is not None else ()


def _shared(key: Any, value: Any, walk: _Walk) -> dict[str, int]:
    """How many heads of queries share one of the keys and values."""
    shares = {_share(key, walk), _share(value, walk)}
    return {"share": shares.pop() if len(shares) == 1 else 1}


def _without_unread(calls: list[Call], before: list[Call], outputs: frozenset[Ref]) -> list[Call]:
    """Without the calls that were read before attention became one operator, and are no more."""

    def read(listed: list[Call]) -> set[str]:
        return {a.name for call in listed for a in call.arguments if isinstance(a, Ref)} | {ref.name for ref in outputs}

    was_read, kept = read(before), calls
    while True:
        now = read(kept)
        fewer = [call for call in kept if call.name in now or call.name not in was_read]
        if len(fewer) == len(kept):
            return kept
        kept = fewer
