"""The Pareto set, against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.sweeps.pareto import pareto

ROWS = st.integers(1, 3).flatmap(
    lambda width: st.tuples(
        st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, math.nan]), min_size=width, max_size=width), max_size=30),
        st.lists(st.sampled_from(["min", "max"]), min_size=width, max_size=width),
    )
)


def test_by_hand() -> None:
    values = np.array([[1, 9], [2, 5], [3, 5], [4, 1], [4, 9], [math.nan, 0]])
    assert pareto(values, ["min", "min"]) == (0, 1, 3)
    assert pareto(values, ["min", "max"]) == (0,)
    assert pareto(values, ["max", "max"]) == (4,)


def test_of_equal_points_all_stay() -> None:
    assert pareto(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 2.0]]), ["min", "min"]) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("width", [2, 3])
def test_a_set_of_thousands_is_found_block_by_block(width: int) -> None:
    values = np.random.default_rng(0).random((5000, width))
    values = np.column_stack([values, values.sum(axis=1) * -1])  # none is better in all
    goals = ["min"] * (width + 1)
    assert pareto(values, goals) == tuple(range(5000))
    assert pareto(np.vstack([values, values[:10] + np.eye(width + 1)[-1]]), goals) == tuple(range(5000))


@given(ROWS)
def test_it_is_what_no_other_point_dominates(drawn: tuple[list[list[float]], list[str]]) -> None:
    rows, goals = drawn
    signs = [1 if goal == "min" else -1 for goal in goals]
    costs = [[sign * value for sign, value in zip(signs, row, strict=True)] for row in rows]

    def dominates(one: list[float], other: list[float]) -> bool:
        return all(a <= b for a, b in zip(one, other, strict=True)) and one != other

    whole = [index for index, row in enumerate(costs) if not any(map(math.isnan, row))]
    wanted = [index for index in whole if not any(dominates(costs[other], costs[index]) for other in whole)]
    assert list(pareto(np.array(rows, dtype=float).reshape(len(rows), len(goals)), goals)) == wanted
