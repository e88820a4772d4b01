"""The Pareto set: points that no other is at least as good as in every objective and better in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1024  # points compared at once: a few megabytes


def pareto(values: NDArray[np.float64], goals: Sequence[str]) -> tuple[int, ...]:
    """Rows of `values` `(points, objectives)` that are not dominated, in order; goals: "min" or "max" for each column.

    Rows with a nan belong to no set; of equal rows all stay. In the order of the first objective, then the next,
    none that comes later dominates one before it. [Kung, Luccio & Preparata 1975, On finding the maxima of a set of vectors]
    """
    signs = np.array([1.0 if goal == "min" else -1.0 for goal in goals])
    costs = values * signs
    rows = np.flatnonzero(~np.isnan(costs).any(axis=1))
    distinct, where = np.unique(costs[rows], axis=0, return_inverse=True)
    kept = _of_two(distinct) if len(goals) <= 2 else _of_many(distinct)
    return tuple(int(row) for row in rows[np.isin(where.reshape(-1), kept)])


def _of_two(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of the points of one or two objectives, in order, whose last is below those of all before them."""
    last = points[:, -1]
    return np.flatnonzero(last < np.minimum.accumulate(np.append(np.inf, last))[:-1])


def _of_many(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of the points, in order, that no other covers: each block is held against those kept, then against itself."""
    kept = np.empty(0, dtype=np.intp)
    for start in range(0, len(points), _BLOCK):
        left = np.arange(start, min(start + _BLOCK, len(points)))
        for begin in range(0, len(kept), _BLOCK):
            left = left[~_covers(points[kept[begin : begin + _BLOCK]], points[left]).any(axis=0)]
        inside = _covers(points[left], points[left])
        np.fill_diagonal(inside, False)
        kept = np.append(kept, left[~inside.any(axis=0)])
    return kept


def _covers(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of `ones` is at least as good in every objective as which of `others`, `(ones, others)`."""
    return np.asarray((ones[:, None, :] <= others[None, :, :]).all(axis=2))
