"""A tensor operation as a perfect loop nest: bounded dimensions, and data spaces that they index.

The terms are those of Timeloop. [Parashar et al., Timeloop, ISPASS 2019, section III]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One summand of an index: `factor` times the loop variable of `dim`; a stride or a dilation is such a factor."""

    dim: str
    factor: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpace:
    """A tensor: the index of each of its ranks is a sum of terms. The loops read it, or read and write it."""

    name: str
    ranks: tuple[tuple[Term, ...], ...]
    is_output: bool = False

    @property
    def dims(self) -> frozenset[str]:
        """The dimensions that move through it."""
        return frozenset(term.dim for rank in self.ranks for term in rank)

    def extents(self, ranges: Mapping[str, int]) -> tuple[int, ...]:
        """Words along each rank that the box of these loop ranges touches, gaps of strides among them."""
        return tuple(1 + sum(abs(term.factor) * (ranges[term.dim] - 1) for term in rank) for rank in self.ranks)

    def words(self, ranges: Mapping[str, int]) -> int:
        """Volume of that box."""
        return prod(self.extents(ranges))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The whole of the loops: every point of the box of bounds is one multiply-accumulate."""

    name: str
    bounds: Mapping[str, int]  # dimension -> iterations, in the order of the problem
    spaces: tuple[DataSpace, ...]

    @property
    def macs(self) -> int:
        return prod(self.bounds.values())
