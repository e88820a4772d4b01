"""Which pairs of a query and a key a mask lets through, told from how it is made.

A mask (..., queries, keys) is known here by two bands of the offset, key place minus query place: the one outside which it
is never true, and the one outside which it is never false. A causal mask is true for offsets up to zero and nowhere else.
Truth values, their 0 and 1 as numbers, and masks that are added to scores (true where a score survives) go by one rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

HIDES = -1e4  # an added number at most this low hides a score: exporters write -1e4, the format's smallest, or -inf

Band = tuple[float, float]  # smallest and largest offset; (inf, -inf): none
ANY_OFFSET: Band = (-inf, inf)
NO_OFFSET: Band = (inf, -inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What is known of an array that may be a mask."""

    true: Band = ANY_OFFSET  # true at no offset outside
    false: Band = ANY_OFFSET  # false at no offset outside
    is_added: bool = False  # a term of the scores; else truth values, or 0 and 1

    @property
    def negated(self) -> Mask:
        """True where it was false."""
        return replace(self, true=self.false, false=self.true)


UNKNOWN = Mask()


def _both(a: Band, b: Band) -> Band:
    found = (max(a[0], b[0]), min(a[1], b[1]))
    return found if found[0] <= found[1] else NO_OFFSET


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
        return Mask(
            true=ANY_OFFSET if is_true else NO_OFFSET, false=NO_OFFSET if is_true else ANY_OFFSET, is_added=not is_truth
        )
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
    return (float((key - query).min()), float((key - query).max())) if query.size else NO_OFFSET


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


def seen(true: Band, queries: int, keys: int) -> tuple[int, bool, int | None]:
    """What a kernel computes of scores (queries, keys) that survive within a band only.

    Returns the keys that any query sees, whether the last query sees all of those and each one before it a key less, and
    the most keys that a query sees where fewer (a sliding window).
    """
    low, high = true
    reached = keys if high >= keys - 1 else max(1, min(keys, queries + int(high)))
    is_causal = queries > 1 and high <= reached - queries
    window = reached - queries - int(low) + 1 if is_causal and low > -inf else None
    return reached, is_causal, window if window is not None and 0 < window < reached else None
