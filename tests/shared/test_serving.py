"""The measured services beside the repository: how near the serving simulation with the shipped overheads is."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.serving_predictions import predicted_s, shortened, timed
from benchmarks.serving_rows import METRICS, TABLE, rows

from gnomon.api import plugins
from gnomon.engines.nccl.timer import NcclTimer
from gnomon.engines.serving.step_times.overheads import vllm_v1

pytestmark = pytest.mark.slow
REQUESTS = 1500  # of each stage


def test_measured_stages_are_as_near_as_the_essay_says(shared):
    found = rows(shared / "truth" / TABLE)
    assert len(found) == 20
    errors: dict[str, list[float]] = {name: [] for name in METRICS}
    for row in found:
        one = shortened(timed(row, plugins.op_timer("kernel"), NcclTimer()), REQUESTS)
        told = predicted_s(one, vllm_v1().overheads)
        for name in METRICS:
            errors[name].append(abs(told[name] / row.measured_s[name] - 1))
    assert np.mean(errors["e2e"]) < 0.05
    assert np.mean(errors["itl"]) < 0.05
    assert np.mean(errors["ttft"]) < 0.15
