"""A sweep in two processes against the same in one: the whole command, start and tables included."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from benchmarks.conftest import median_ratio

SWEEP = """\
schema: gnomon/sweep/1
base: {dtype: fp16}
vary:
  model: [llama-2-7b, llama-3-8b, gpt2, bert-large, resnet-50]
  batch: {from: 1, to: 25, step: 1}
  seq: {from: 64, to: 2048, step: 64}
  on: [h100-sxm, a100-sxm-80gb, t4, l4, v100-sxm2-16gb]
objectives: {total_bytes: min, capacity_bytes: min}
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: two processes cannot be quicker")
def test_20_000_scenarios_in_two_processes_are_1_7_times_as_quick_as_in_one(report, tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text(SWEEP)
    numbers = count()

    def run(workers: int) -> Path:
        out = tmp_path / f"{workers}-{next(numbers)}"
        command = [sys.executable, "-m", "gnomon", "sweep", "large.yaml", "--out", str(out), "--workers", str(workers)]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return out

    one, two = run(1), run(2)
    for name in ("rows.parquet", "rows.csv", "sweep.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    ratio = median_ratio(lambda: run(1), lambda: run(2))
    report(f"a sweep of 20,000 scenarios: two processes are {ratio:.2f} times as quick as one (bar: 1.7)")
    assert ratio >= 1.7
