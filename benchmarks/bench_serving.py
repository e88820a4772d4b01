"""What a simulated service costs, in CPU seconds on one core, beside those of Vidur itself as they were recorded.

Vidur's are of 7d47513: run 11.3 s and with its output 12.1 s for 10,000 requests; of the other runs only wall-clock seconds were
recorded, on a machine that several jobs shared, and their ratio is shown but held to nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import pytest
from tests.engines.serving.cases import SHARED, shared_runs

from gnomon.api.serving_simulation import ServingSimulation, simulate_service
from gnomon.core.service import Arrivals, Routing, Service
from gnomon.engines.serving.memory import planned
from gnomon.engines.serving.simulate import simulate
from gnomon.formats.vidur.config import read_vidur_config
from gnomon.formats.vidur.tables import read_stage_times
from gnomon.formats.vidur.trace import read_trace

_RUN_CPU_S, _WHOLE_CPU_S = 11.3, 12.1  # Vidur: 10,000 requests, vllm, 4 per second
_LEAST = 40  # of the ratios, a third of the smaller (209 and 110 when this was written): others may run beside
_CASE = SHARED / "bench" / "X10k_vllm_qps4"
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


def _ten_thousand() -> tuple[Service, Arrivals]:
    """The service and the requests of Vidur's longest recorded run."""
    table = SHARED / json.loads((_CASE / "summary.json").read_text())["table"]
    configured = read_vidur_config(_CASE / "vidur_config.json")
    times = read_stage_times(table, configured.tables)
    given, plan = read_trace(_CASE / "trace.csv", configured.sequence_tokens), planned(configured.room)
    return configured.service(len(given), times, kv_sequences=plan.sequences, kv_blocks=plan.blocks), given


def test_ten_thousand_requests_cost_a_fortieth_of_vidurs_at_most_with_their_files_too(report, tmp_path):
    service, given = _ten_thousand()

    def whole():
        made = simulate(service, read_trace(_CASE / "trace.csv", service.sequence_tokens), has_defects=True)
        ServingSimulation(outcome=made).write_requests(tmp_path / "requests.csv")

    alone_s, whole_s = _cpu_s(lambda: simulate(service, given, has_defects=True)), _cpu_s(whole)
    end_s = simulate(service, given, has_defects=True).end_s
    report(
        f"10,000 requests: {alone_s * 1e3:.1f} ms ({_RUN_CPU_S / alone_s:.0f}x Vidur's), with trace and requests.csv "
        f"{whole_s * 1e3:.1f} ms ({_WHOLE_CPU_S / whole_s:.0f}x), {end_s / alone_s:,.0f} simulated s per CPU s"
    )
    assert (tmp_path / "requests.csv").read_bytes() == (_CASE / "requests.csv").read_bytes()
    assert _RUN_CPU_S / alone_s > _LEAST
    assert _WHOLE_CPU_S / whole_s > _LEAST


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("policy", ["vidur-vllm", "sarathi", "orca", "vllm-v1"])
def test_the_same_requests_under_other_policies(report, policy, stages):
    """Prompts in chunks of 512 where the policy has chunks; of Vidur no CPU seconds of such runs were recorded."""
    service, given = _ten_thousand()
    pool = service.pools[0]
    most = 2048 if policy == "vllm-v1" else pool.batching.most_tokens
    chunk = 512 if policy == "sarathi" else None
    batching = replace(pool.batching, policy=policy, chunk_tokens=chunk, most_tokens=most)
    other = replace(service, pools=(replace(pool, batching=batching, stages=stages),))
    end_s = simulate(other, given).end_s
    alone_s = _cpu_s(lambda: simulate(other, given))
    report(
        f"{policy}, {stages} stages: {alone_s * 1e3:.0f} ms, {end_s / alone_s:,.0f} simulated s per CPU s, {_RUN_CPU_S / alone_s:.0f}x "
        "Vidur's time for vllm"
    )
    assert policy == "vllm-v1" or _RUN_CPU_S / alone_s > _LEAST  # Vidur has no vllm-v1


def test_a_million_requests_cost_no_more_each(report):
    service, given = _ten_thousand()
    four = replace(service, pools=(replace(service.pools[0], replicas=4),), routing=Routing(name="round_robin"))
    each_s = {}
    for copies in (1, 10, 100):
        asked = _again(given, copies)
        simulate(four, _again(given, 1))
        start = time.process_time()
        simulate(four, asked)
        took_s = time.process_time() - start
        each_s[copies] = took_s / len(asked)
        memory_gb = getrusage(RUSAGE_SELF).ru_maxrss / 1e6
        report(
            f"{len(asked):,} requests on four replicas: {took_s:.2f} s, {each_s[copies] * 1e6:.1f} us each, {memory_gb:.2f} GB at most"
        )
    assert each_s[100] < 2 * each_s[1]


def _again(given: Arrivals, copies: int) -> Arrivals:
    """The same requests so many times one after another, four times as fast."""
    span_s = float(given.arrived_s[-1])
    moments = np.concatenate([given.arrived_s + span_s * copy for copy in range(copies)])
    return Arrivals(
        ids=np.arange(len(moments)),
        arrived_s=np.sort(moments) / 4,
        prefill_tokens=np.tile(given.prefill_tokens, copies),
        decode_tokens=np.tile(given.decode_tokens, copies),
    )


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
