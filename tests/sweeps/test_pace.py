"""The estimate of what is left: a range of what was seen."""

from __future__ import annotations

import pytest

from gnomon.sweeps.pace import left_s


def test_a_steady_pace_leaves_one_number() -> None:
    stamps = [(10.0 + second, 100 * second) for second in range(20)]
    assert left_s(stamps, 500) == pytest.approx((5.0, 5.0))


def test_a_pace_that_halves_gives_both() -> None:
    quick = [(float(second), 100 * second) for second in range(17)]
    slow = [(16.0 + 2 * second, 1600 + 100 * second) for second in range(1, 17)]
    assert left_s([*quick, *slow], 100) == pytest.approx((1.0, 2.0))


def test_of_a_few_stamps_nothing_is_said() -> None:
    assert left_s([(0.0, 10), (1.0, 20)], 100) is None
