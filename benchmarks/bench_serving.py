"""What a simulated service costs, in CPU seconds on one core, beside those of Vidur itself as they were recorded.

Vidur's are of 7d47513: run 11.3 s and with its output 12.1 s for 10,000 requests; of the other runs only wall-clock seconds were
recorded, on a machine that several jobs shared, and their ratio is shown but held to nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines.serving.cases import SHARED, shared_runs

from gnomon.api.serving_simulation import ServingSimulation, simulate_service
from gnomon.engines.serving.memory import planned
from gnomon.engines.serving.simulate import simulate
from gnomon.formats.vidur.config import read_vidur_config
from gnomon.formats.vidur.tables import read_stage_times
from gnomon.formats.vidur.trace import read_trace

_RUN_CPU_S, _WHOLE_CPU_S = 11.3, 12.1  # Vidur: 10,000 requests, vllm, 4 per second
_LEAST = 40  # of the ratios; the machine is not ours alone
_ROUNDS = 7

pytestmark = pytest.mark.skipif(not shared_runs(), reason="no recorded runs of Vidur in ../shared/reference/vidur")


def _cpu_s(run: Callable[[], object]) -> float:
    """The fewest CPU seconds of several runs, after one that compiles."""
    run()
    found = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def test_ten_thousand_requests_cost_a_hundredth_of_vidurs(report, tmp_path):
    case = SHARED / "bench" / "X10k_vllm_qps4"
    table = SHARED / json.loads((case / "summary.json").read_text())["table"]
    configured = read_vidur_config(case / "vidur_config.json")
    times = read_stage_times(table, configured.tables)

    def arrivals():
        return read_trace(case / "trace.csv", configured.sequence_tokens)

    given = arrivals()
    plan = planned(configured.room)
    service = configured.service(len(given), times, kv_sequences=plan.sequences, kv_blocks=plan.blocks)

    def whole():
        made = simulate(service, arrivals(), has_defects=True)
        ServingSimulation(outcome=made).write_requests(tmp_path / "requests.csv")

    alone_s, whole_s = _cpu_s(lambda: simulate(service, given, has_defects=True)), _cpu_s(whole)
    end_s = simulate(service, given, has_defects=True).end_s
    report(
        f"10,000 requests: {alone_s * 1e3:.1f} ms ({_RUN_CPU_S / alone_s:.0f}x Vidur's), with trace and requests.csv "
        f"{whole_s * 1e3:.1f} ms ({_WHOLE_CPU_S / whole_s:.0f}x), {end_s / alone_s:,.0f} simulated s per CPU s"
    )
    assert (tmp_path / "requests.csv").read_bytes() == (case / "requests.csv").read_bytes()
    assert _RUN_CPU_S / alone_s > _LEAST


@pytest.mark.parametrize("run", [pytest.param(run, id=run.name) for run in shared_runs()])
def test_a_recorded_run_is_cheap(report, run: Path):
    summary = json.loads((run / "summary.json").read_text())
    files = {"trace": run / "trace.csv", "stage_times": SHARED / summary["table"]}
    made = simulate_service(run / "vidur_config.json", **files)
    service, arrivals = made.outcome.service, made.outcome.arrivals
    alone_s = _cpu_s(lambda: simulate(service, arrivals, has_defects=True))
    report(
        f"{run.name}: {alone_s * 1e3:.2f} ms, {alone_s / summary['batches'] * 1e6:.2f} us per batch, "
        f"{summary['end_time'] / alone_s:,.0f} simulated s per CPU s, Vidur's wall clock {summary['wall_run_s'] / alone_s:,.0f}x"
    )
    assert alone_s < summary["wall_run_s"]
