"""What the step times and an oracle of vLLM's scheduler say of a measured service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.engines.serving.vllm_v1_oracle import Request, simulate

from benchmarks.serving_rows import CHUNKS_A_TOKEN, METRICS, Row, arrivals_s
from gnomon.core.engine import OpTimer
from gnomon.core.exchange import ExchangeTimer
from gnomon.engines.serving.step_times.memory import kv_memory
from gnomon.engines.serving.step_times.overheads import Overheads
from gnomon.engines.serving.step_times.times import TimedSteps

BLOCK = 16
STEPS_AHEAD = 1  # asynchronous scheduling, the default of vLLM from 0.14 on
_WARM = 1.5  # of the mean time in the system, before requests of a shortened run count


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRow:
    """A row whose steps are timed, for any overheads."""

    row: Row
    steps: TimedSteps
    blocks: int


def timed(row: Row, timer: OpTimer, exchanges: ExchangeTimer) -> TimedRow:
    """The row with its kernels and exchanges timed."""
    return TimedRow(
        row=row,
        steps=TimedSteps(row.workload, row.system, row.layout, row.limits, timer, exchanges),
        blocks=kv_memory(row.workload, row.system.device, row.layout, row.limits).blocks,
    )


def requests_of(row: Row, count: int) -> list[Request]:
    """The first `count` requests: users in turn, each with the same prompt every time."""
    found = []
    mean, shared = round(row.prompt_tokens), row.shared_tokens // BLOCK
    for at, arrived_s in enumerate(arrivals_s(row, count)):
        user = at % row.users
        prompt = max(1, mean + user % BLOCK - BLOCK // 2)  # lengths vary, and with them what the last block holds
        keys = tuple(
            ("shared", user % row.groups, block) if block < shared else ("own", user, block)
            for block in range(prompt // BLOCK)
        )
        found.append(Request(arrived_s, prompt, row.answer_tokens, keys))
    return found


def predicted_s(one: TimedRow, overheads: Overheads, seconds: float | None = None) -> dict[str, float]:
    """Means by METRICS. `seconds`: of a shortened run whose start does not count; None: the run as it was measured."""
    row = one.row
    count = row.requests if seconds is None else round(row.rate_per_s * seconds)
    asked = requests_of(row, count)
    simulate(
        asked,
        one.steps.with_overheads(overheads),
        blocks=one.blocks,
        step_tokens=row.limits.step_tokens,
        most_requests=row.limits.requests,
        steps_ahead=STEPS_AHEAD,
    )
    if seconds is not None:
        warm = _WARM * row.measured_s["e2e"]
        asked = [request for request in asked if request.arrived_s > warm]
    e2e = float(np.mean([request.end_s - request.arrived_s for request in asked]))
    ttft = float(np.mean([request.first_s - request.arrived_s for request in asked]))
    found = {"e2e": e2e, "itl": (e2e - ttft) / (CHUNKS_A_TOKEN * row.answer_tokens + 1), "ttft": ttft}
    assert tuple(found) == METRICS
    return found
