"""The Pareto set: points that no other is at least as good as in every objective and better in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pareto(values: NDArray[np.float64], goals: Sequence[str]) -> tuple[int, ...]:
    """Rows of `values` `(points, objectives)` that are not dominated, in order; goals: "min" or "max" for each column.

    Rows with a nan belong to no set; of equal rows all stay. The point with the smallest sum of ranks is
    dominated by none: it is kept, what it dominates goes, and so on with what is left. [Kung, Luccio & Preparata 1975, On finding the maxima of a set of vectors]
    """
    signs = np.array([1.0 if goal == "min" else -1.0 for goal in goals])
    costs = values * signs
    rows = np.flatnonzero(~np.isnan(costs).any(axis=1))
    distinct, where = np.unique(costs[rows], axis=0, return_inverse=True)
    ranks = np.array([np.unique(column, return_inverse=True)[1] for column in distinct.T]).sum(axis=0)
    left = np.argsort(ranks, kind="stable")
    kept: list[int] = []
    while left.size:
        kept.append(int(left[0]))
        left = left[~(distinct[left] >= distinct[left[0]]).all(axis=1)]
    return tuple(int(row) for row in rows[np.isin(where.reshape(-1), kept)])
