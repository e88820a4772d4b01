"""A grid: every combination once, the last axis fastest."""

from __future__ import annotations

from itertools import product

from gnomon.formats.sweep_file import Axis
from gnomon.sweeps import grid

AXES = (Axis(field="a", values=(1, 2)), Axis(field="b", values=("x", "y", "z")), Axis(field="c", values=(None, 0.5)))


def test_points_are_the_product_of_the_values_in_order() -> None:
    every = [tuple(grid.point(AXES, index).values()) for index in range(grid.size(AXES))]
    assert every == list(product((1, 2), ("x", "y", "z"), (None, 0.5)))


def test_a_point_names_its_fields_in_the_order_of_the_axes() -> None:
    assert list(grid.point(AXES, 0)) == ["a", "b", "c"]
