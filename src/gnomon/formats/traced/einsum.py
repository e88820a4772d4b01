"""Einstein sums as products: what each letter of the equation is, and the products that the sum comes to."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gnomon.formats.traced import operators
from gnomon.formats.traced.call import Array, Formats, Step


def contractions(equation: str, arrays: tuple[Array, ...], out: Array, formats: Formats) -> tuple[Step, ...]:
    """Letters of both factors and of the result are batch, of both alone the contraction, of one its rows or columns.

    Several factors are taken two at a time from the left, as torch does where it has no optimiser of the order.
    """
    terms, arrow, result = equation.replace(" ", "").partition("->")
    factors = [_letters(term, array) for term, array in zip(terms.split(","), arrays, strict=True)]
    every = [letter for letters in factors for letter in letters]
    kept = _letters(result, out) if arrow else [letter for letter in every if every.count(letter) == 1]
    if len(arrays) == 1:
        return ((operators.reduction(arrays[0], out, formats), 1),)
    steps: list[Step] = []
    left, first = arrays[0], factors[0]
    for place in range(1, len(arrays)):
        right, second = arrays[place], factors[place]
        later = {letter for letters in factors[place + 1 :] for letter in letters} | set(kept)
        size = _sizes(first, left)
        for letter, side in _sizes(second, right).items():
            size[letter] = max(side, size.get(letter, 1))  # a dimension of one is shared
        both = set(first) & set(second)
        batch, k = prod(size[x] for x in both & later), prod(size[x] for x in both - later)
        m, n = (prod(size[x] for x in set(own) - both) for own in (first, second))
        steps.append((operators.contraction(batch, m, n, k, left, right, formats), 1))
        first = [x for x in dict.fromkeys((*first, *second)) if x in later]
        left = Array(shape=tuple(size[x] for x in first))
    return tuple(steps)


def _sizes(letters: Sequence[str], array: Array) -> dict[str, int]:
    return dict(zip(letters, array.shape, strict=True))


def _letters(term: str, array: Array) -> list[str]:
    """A name for each dimension; those that an ellipsis stands for are counted from the right."""
    if "..." not in term:
        return list(term)
    before, after = term.split("...")
    further = len(array.shape) - len(before) - len(after)
    return [*before, *(f".{further - i}" for i in range(further)), *after]
