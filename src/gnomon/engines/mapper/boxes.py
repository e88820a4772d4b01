"""Boxes of words, and what is new in a box after another one: the arithmetic under every count of the mapper."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gnomon.core.problem import DataSpace

Point = tuple[int, ...]  # a word, by its rank


@dataclass(frozen=True, slots=True)
class Box:
    """Words from `low` to `high`, both of them in it, along each rank."""

    low: Point
    high: Point

    @property
    def words(self) -> int:
        return prod(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    def moved(self, by: Point) -> Box:
        return Box(_sum(self.low, by), _sum(self.high, by))


@dataclass(frozen=True, slots=True)
class Delta:
    """The words of `hull` that are not in `hole`, in the one form that each such set has: equal sets are equal objects."""

    hull: Box
    hole: Box | None

    @property
    def words(self) -> int:
        return self.hull.words - (self.hole.words if self.hole else 0)

    def moved(self, by: Point) -> Delta:
        return Delta(self.hull.moved(by), self.hole.moved(by) if self.hole else None)


def image(space: DataSpace, low: dict[str, int], high: dict[str, int]) -> Box:
    """The box of words that a box of loop indices touches; a negative factor turns its ends around."""
    ends = [
        [
            (term.factor * low[term.dim], term.factor * high[term.dim])
            if term.factor >= 0
            else (term.factor * high[term.dim], term.factor * low[term.dim])
            for term in rank
        ]
        for rank in space.ranks
    ]
    return Box(
        tuple(sum(least for least, _ in rank) for rank in ends), tuple(sum(most for _, most in rank) for rank in ends)
    )


def projected(space: DataSpace, by: dict[str, int]) -> Point:
    """How far the words move when the loop indices move `by`."""
    return tuple(sum(term.factor * by.get(term.dim, 0) for term in rank) for rank in space.ranks)


def translation(before: Box, after: Box) -> Point:
    """How far the centre moved, each coordinate rounded to the nearest word, a half away from zero."""
    return tuple(
        _half_away_from_zero(after.low[rank] + after.high[rank] - before.low[rank] - before.high[rank])
        for rank in range(len(before.low))
    )


def new_in(box: Box, before: Box) -> Delta | None:
    """The words of a box that another one lacks; None where it lacks none."""
    low = tuple(map(max, box.low, before.low))
    high = tuple(map(min, box.high, before.high))
    if any(least > most for least, most in zip(low, high, strict=True)):
        return Delta(box, None)
    short = [
        rank for rank in range(len(low)) if low[rank] > box.low[rank] or high[rank] < box.high[rank]
    ]  # ranks along which the common part does not reach from end to end
    if not short:
        return None
    if len(short) > 1:
        return Delta(box, Box(low, high))
    (rank,) = short
    if low[rank] == box.low[rank]:
        return Delta(Box(_with(box.low, rank, high[rank] + 1), box.high), None)
    if high[rank] == box.high[rank]:
        return Delta(Box(box.low, _with(box.high, rank, low[rank] - 1)), None)
    return Delta(box, Box(low, high))


def _sum(one: Point, other: Point) -> Point:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _with(point: Point, rank: int, value: int) -> Point:
    return (*point[:rank], value, *point[rank + 1 :])


def _half_away_from_zero(twice: int) -> int:
    return (abs(twice) + 1) // 2 * (1 if twice >= 0 else -1)
