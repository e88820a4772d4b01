"""The measured steps beside the repository: how near the training engine is, and how many its intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.training_accuracy import predictions
from benchmarks.training_rows import published_steps, vtrain

pytestmark = pytest.mark.slow
EVERY = 60  # of vTrain's rows of one node: 24 of 1,440


def test_measured_steps_of_korthikanti_are_within_five_percent_and_inside_their_intervals(shared):
    rows = [row for row in published_steps(shared / "truth") if row.group.startswith("Korthikanti")]
    assert len(rows) == 8
    for row in rows:
        (found,) = predictions(row, "kernel")
        assert found.value == pytest.approx(row.measured_s, rel=0.05), row.name
        assert found.interval is not None
        assert found.interval.low <= row.measured_s <= found.interval.high


def test_measured_steps_of_vtrain_are_as_near_as_the_essay_says_and_nearer_than_the_roofline_s(shared):
    rows = [row for row in vtrain(shared / "truth") if row.group == "single"][::EVERY]
    assert len(rows) == 24
    errors = {
        timer: [abs(predictions(row, timer)[0].value / row.measured_s - 1) for row in rows]
        for timer in ("kernel", "roofline")
    }
    assert np.mean(errors["kernel"]) <= 0.10
    assert np.mean(errors["kernel"]) < np.mean(errors["roofline"]) / 2
