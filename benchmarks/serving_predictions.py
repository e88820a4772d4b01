"""What the simulation of vLLM says of a measured service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from benchmarks.serving_rows import CHUNKS_A_TOKEN, METRICS, Row, arrivals_s
from gnomon.core.engine import OpTimer
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.service import Arrivals, Batching, Pool, Prefixes, Routing, Service, StepTimes
from gnomon.engines.serving.simulate import simulate
from gnomon.engines.serving.step_times.layout import Limits
from gnomon.engines.serving.step_times.memory import BLOCK_TOKENS, kv_memory
from gnomon.engines.serving.step_times.overheads import Overheads
from gnomon.engines.serving.step_times.times import TimedSteps
from gnomon.stats.intervals import LEVEL, Labels, Numbers, RatioBand

STEPS_AHEAD = 1  # asynchronous scheduling, the default of vLLM from 0.14 on


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRow:
    """A row whose steps are timed, for any overheads."""

    row: Row
    steps: TimedSteps
    blocks: int
    arrivals: Arrivals


def timed(row: Row, timer: OpTimer, exchanges: ExchangeTimer) -> TimedRow:
    """The row with its kernels and exchanges timed."""
    return TimedRow(
        row=row,
        steps=TimedSteps(row.workload, row.system, row.layout, row.limits, timer, exchanges),
        blocks=kv_memory(row.workload, row.system.device, row.layout, row.limits).blocks,
        arrivals=arrivals(row, row.requests),
    )


def shortened(one: TimedRow, most: int) -> TimedRow:
    """The row with at most so many requests."""
    return replace(one, arrivals=arrivals(one.row, min(most, one.row.requests)))


def arrivals(row: Row, count: int) -> Arrivals:
    """The first requests of a stage: users in turn, each with the same prompt every time."""
    user = np.arange(count) % row.users
    # Lengths vary, and with them what is left of a prompt beside whole blocks.
    prompt = np.maximum(round(row.prompt_tokens) + user % BLOCK_TOKENS - BLOCK_TOKENS // 2, row.shared_tokens + 1)
    own = prompt - row.shared_tokens
    return Arrivals(
        ids=np.arange(count),
        arrived_s=np.array(arrivals_s(row, count)),
        prefill_tokens=prompt,
        decode_tokens=np.full(count, row.answer_tokens),
        prefixes=Prefixes(
            starts=2 * np.arange(count + 1),
            segments=np.stack([user % row.groups, row.groups + user], axis=1).reshape(-1),
            tokens=np.stack([np.full(count, row.shared_tokens), own], axis=1).reshape(-1),
            answers=np.full(count, -1),
        ),
    )


def service(times: StepTimes, limits: Limits, blocks: int, tensor: int, replicas: int = 1) -> Service:
    """Replicas of vLLM, to which requests go in turn."""
    pool = Pool(
        name="all",
        role="both",
        replicas=replicas,
        tensor_parallel=tensor,
        stages=1,
        kv_blocks=blocks,
        steps_ahead=STEPS_AHEAD,
        batching=Batching(
            policy="vllm-v1",
            most_requests=limits.requests,
            block_tokens=BLOCK_TOKENS,
            most_tokens=limits.step_tokens,
        ),
        times=times,
    )
    return Service(pools=(pool,), routing=Routing(name="round_robin"), sequence_tokens=limits.sequence_tokens)


def predicted_s(one: TimedRow, overheads: Overheads) -> dict[str, float]:
    """Means by METRICS."""
    row = one.row
    asked = service(one.steps.with_overheads(overheads), row.limits, one.blocks, row.layout.tensor)
    made = simulate(asked, one.arrivals)
    assert made.is_completed.all(), list(made.notes)
    e2e = float(np.mean(made.requests.completed_s - one.arrivals.arrived_s))
    ttft = float(np.mean(made.requests.first_token_s - one.arrivals.arrived_s))
    found = {"e2e": e2e, "itl": (e2e - ttft) / (CHUNKS_A_TOKEN * row.answer_tokens + 1), "ttft": ttft}
    assert tuple(found) == METRICS
    return found


def conformal_band(log_ratios: Numbers, groups: Labels) -> RatioBand:
    """The band within as much either way as the ceil((n + 1) 0.9)-th of these n residuals by size.

    [Lei et al. 2018, section 2.2: split conformal with absolute residuals] Either way alike, as a service that is unlike
    these errs to the one side or the other as a whole: of four models one is 3 % slow in all its stages, one 4 % fast.
    """
    sizes = np.sort(np.abs(log_ratios))
    widest = float(sizes[min(len(sizes), ceil((len(sizes) + 1) * LEVEL)) - 1])
    return RatioBand(low=-widest, high=widest, groups=len(np.unique(groups)), rows=len(sizes))
