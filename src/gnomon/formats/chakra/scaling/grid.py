"""Ranks as places in a grid, whose dimensions are told by the groups and messages of a trace: tensor, data, pipeline.

The number of a rank counts along the first dimension fastest, as Megatron and PyTorch's device meshes have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from gnomon.core.errors import Unsupported

_SHOWN = 8  # ranks in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Sizes of the dimensions, the innermost first."""

    sizes: tuple[int, ...]

    @property
    def ranks(self) -> int:
        return prod(self.sizes)

    @property
    def strides(self) -> tuple[int, ...]:
        """How far apart two neighbours in each dimension are."""
        return tuple(prod(self.sizes[:axis]) for axis in range(len(self.sizes)))

    def place(self, rank: int) -> tuple[int, ...]:
        """Of a rank, its number in each dimension."""
        return tuple(rank // stride % size for stride, size in zip(self.strides, self.sizes, strict=True))

    def rank(self, place: Sequence[int]) -> int:
        """The rank at a place."""
        return sum(at * stride for at, stride in zip(place, self.strides, strict=True))

    def line(self, rank: int, axes: Iterable[int]) -> tuple[int, ...]:
        """The ranks that differ from this one in no other dimensions, ascending."""
        spanned = set(axes)
        choices = [
            range(size) if axis in spanned else (at,)
            for axis, (at, size) in enumerate(zip(self.place(rank), self.sizes, strict=True))
        ]
        return tuple(sorted(self.rank(place) for place in product(*choices)))

    def axes_of(self, members: Sequence[int]) -> tuple[int, ...]:
        """The dimensions in which the members of a group differ. Unsupported where they are no line or plane of the grid."""
        places = [self.place(rank) for rank in members]
        axes = tuple(axis for axis in range(len(self.sizes)) if len({place[axis] for place in places}) > 1)
        if self.line(members[0], axes) != tuple(members):
            raise Unsupported(f"the group of ranks {told(members)} is no part of the grid {self}")
        return axes

    def grown(self, axis: int, size: int) -> Grid:
        """The grid with another size of one dimension."""
        return Grid(sizes=(*self.sizes[:axis], size, *self.sizes[axis + 1 :]))

    def __str__(self) -> str:
        return " x ".join(map(str, self.sizes))


def grid_of(ranks: int, groups: Iterable[Sequence[int]], offsets: Iterable[int]) -> Grid:
    """The grid that groups, by their members, and messages, by how far they go, tell of. Unsupported with the reason."""
    cuts = {1, ranks}
    for members in groups:
        if 1 < len(members) < ranks:
            cuts |= set(_cuts(members))
    if not _is_chain(cuts):
        inner = ", ".join(map(str, sorted(cuts - {1, ranks})))
        raise Unsupported(f"groups begin and end at distances of {inner} ranks, which make no grid of {ranks}")
    for offset in sorted(set(map(abs, offsets)) - {0}):
        if _is_chain(cuts | {offset}):
            cuts.add(offset)  # else it goes round the end of a dimension
    ordered = sorted(cuts)
    return Grid(sizes=tuple(outer // inner for inner, outer in pairwise(ordered)) or (1,))


def told(ranks: Sequence[int]) -> str:
    """Some ranks in a message."""
    return ", ".join(map(str, ranks[:_SHOWN])) + (", ..." if len(ranks) > _SHOWN else "")


def _cuts(members: Sequence[int]) -> Iterator[int]:
    """Where a dimension begins and ends: the distance of two members, and that times how many there are."""
    stride = members[1] - members[0]
    if stride <= 0 or any(after - before != stride for before, after in pairwise(members)):
        raise Unsupported(f"the group of ranks {told(members)} is neither contiguous nor of ranks at one distance")
    yield stride
    yield stride * len(members)


def _is_chain(cuts: set[int]) -> bool:
    return all(outer % inner == 0 for inner, outer in pairwise(sorted(cuts)))
