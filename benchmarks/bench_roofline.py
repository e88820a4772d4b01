"""The roofline's arrays against a plain Python loop over the same rules, and many scenarios in one process."""

from __future__ import annotations

import numpy as np

from benchmarks.conftest import median_ratio, seconds
from gnomon.api.answers import answer
from gnomon.api.questions import question
from gnomon.core.dtype import DTYPES
from gnomon.core.workload import OpTable
from gnomon.engines.roofline.engine import RooflineEngine
from gnomon.formats.device_file import catalogue_device, catalogue_names
from gnomon.zoo.models import models

ROWS = 200_000


def _table() -> OpTable:
    draw = np.random.default_rng(0)
    halves = np.array([DTYPES["fp32"].index, DTYPES["fp16"].index])
    return OpTable(
        flop=draw.lognormal(20, 3, ROWS),
        read_bytes=draw.lognormal(15, 3, ROWS),
        write_bytes=draw.lognormal(14, 3, ROWS),
        dtype=draw.choice(halves, ROWS),
        is_matrix=draw.random(ROWS) < 0.5,
        family=draw.integers(0, 8, ROWS),
        launches=np.ones(ROWS),
        repeat=np.ones(ROWS),
    )


def test_roofline_over_200_000_rows_is_30_times_a_python_loop(report) -> None:
    table, device, engine = _table(), catalogue_device("h100-sxm"), RooflineEngine()
    names = list(DTYPES)
    columns = zip(
        table.flop.tolist(),
        table.read_bytes.tolist(),
        table.write_bytes.tolist(),
        [names[index] for index in table.dtype],
        table.is_matrix.tolist(),
        table.launches.tolist(),
        strict=True,
    )
    rows = list(columns)

    peaks = {(d, m): device.peak(d, m).value for d in ("fp32", "fp16") for m in (False, True)}
    bandwidth, launch_s = device.memory_bytes_per_s.value, device.launch_s.value

    def operator_s(flop, read_bytes, write_bytes, peak, launches):
        """The rule of one operator."""
        return max(flop / peak, (read_bytes + write_bytes) / bandwidth) + launches * launch_s

    def plain_loop() -> list[float]:
        return [
            operator_s(flop, read, write, peaks[dtype, is_matrix], n) for flop, read, write, dtype, is_matrix, n in rows
        ]

    def tuned_loop() -> list[float]:
        """The same with the rule written out in the loop: the quickest that Python alone was made to be."""
        found = []
        for flop, read, write, dtype, is_matrix, n in rows:
            compute, memory = flop / peaks[dtype, is_matrix], (read + write) / bandwidth
            found.append((compute if compute > memory else memory) + n * launch_s)
        return found

    def arrays():
        return engine.times_s(table, device)

    np.testing.assert_allclose(arrays(), plain_loop(), rtol=1e-12)
    ratio, tuned = median_ratio(plain_loop, arrays, rounds=21), median_ratio(tuned_loop, arrays, rounds=21)
    report(
        f"roofline, {ROWS:,} rows: numpy is {ratio:.0f} times the plain Python loop (bar: 30), {tuned:.0f} times a tuned one"
    )
    assert ratio >= 30


def test_10_000_scenarios_take_10_seconds_at_most_on_one_core(report) -> None:
    engine = RooflineEngine()
    kinds = [(m, d, b) for m in models() for d in catalogue_names() for b in (1, 2, 4, 8, 16, 32, 64)][:10_000]

    def run() -> int:
        return sum(
            len(answer(question(model, device, batch=batch), "roofline", engine).outcomes)
            for model, device, batch in kinds
        )

    time_s = seconds(run)
    report(f"{len(kinds):,} (model, device, batch) questions: {time_s:.1f} s (bar: 10 s)")
    assert len(kinds) == 10_000
    assert time_s <= 10
