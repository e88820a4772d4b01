"""What a run costs and what its devices could have done: money, arithmetic and energy, added up over pools of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnomon.core.scenario import Scenario
from gnomon.core.service import Pool
from gnomon.core.service_facts import Energy, SharedDevices
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.system import System
from gnomon.engines.serving.model_work import model_flop
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.power import Draw, energy, together
from gnomon.engines.serving.step_times.memory import KvMemory

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Of all devices; None where something of one pool is not known."""

    flop: float  # of the model, for all requests that are through
    peak_flop_per_s: float | None
    usd_per_s: float | None
    energy: Energy | None


def account(scenario: Scenario, made: Outcome, memories: Sequence[KvMemory]) -> Account:
    """That of a run. `memories`: of a device of each pool."""
    plan = scenario.plan.serving
    assert plan is not None  # a service
    done = made.is_completed
    prompts, answers = made.arrivals.prefill_tokens[done], made.arrivals.decode_tokens[done]
    flop = model_flop(scenario.workload, prompts, answers)
    flops = [_computed_flop(scenario, made)]
    if made.handover is not None:
        computed = np.maximum(prompts - made.requests.found[done], 1)  # what a cache had was not
        of_prompts = model_flop(scenario.workload, computed, np.ones_like(answers))
        flops = [of_prompts, flops[0] - of_prompts]
    peaks, prices, drawn = [], [], []
    for run, work, memory, (system, price) in zip(
        made.by_pool, flops, memories, _machines(scenario, plan), strict=True
    ):
        devices = made.replicas_of(run) * run.pool.devices
        peak = system.device.peak(scenario.plan.dtype, is_matrix=True)
        peaks.append(None if peak is None else peak.value * devices)
        prices.append(None if price is None else price * devices / _HOUR_S)
        done_there = Draw(
            span_s=made.span_s,
            busy_s=run.busy_s * run.pool.tensor_parallel,
            devices=devices,
            flop=work,
            moved_bytes=_moved_bytes(run, memory),
        )
        own = peak.value if peak is not None and _is_all_told(run.pool) else None
        drawn.append(energy(system.device, own, done_there))
    return Account(flop=flop, peak_flop_per_s=_sum(peaks), usd_per_s=_sum(prices), energy=together(drawn))


def of_shared_devices(
    scenarios: Sequence[Scenario], runs: Sequence[Outcome], memories: Sequence[KvMemory]
) -> SharedDevices:
    """That of the devices of two models; each has one pool, the first is what the devices are rented for."""
    system, plan, together_, pool = scenarios[0].system, scenarios[0].plan.serving, runs[0].together, runs[0].pool
    assert plan is not None  # a service
    assert together_ is not None  # beside another
    devices = pool.replicas * pool.devices
    span_s = together_.end_s - min(float(run.requests.arrived_s.min()) for run in runs)
    peaks = [system.device.peak(one.plan.dtype, is_matrix=True) for one in scenarios]
    known = [peak.value for peak in peaks if peak is not None]
    drawn = None
    if len(known) == len(peaks) and all(_is_all_told(run.pool) for run in runs):
        flops = [_computed_flop(one, run) for one, run in zip(scenarios, runs, strict=True)]
        done = Draw(
            span_s=span_s,
            busy_s=together_.busy_s * pool.tensor_parallel,
            devices=devices,
            flop=sum(flop * known[0] / peak for flop, peak in zip(flops, known, strict=True)),  # shares of peaks add up
            moved_bytes=sum(_moved_bytes(run, memory) for run, memory in zip(runs, memories, strict=True)),
        )
        drawn = energy(system.device, known[0], done)
    price = plan.usd_per_device_hour
    return SharedDevices(
        span_s=span_s,
        busy=together_.busy_s / (pool.replicas * pool.stages * span_s),
        answer_tokens=sum(int(run.requests.asked[run.is_completed].sum()) for run in runs),
        energy=drawn,
        usd_per_s=None if price is None else price * devices / _HOUR_S,
    )


def _computed_flop(scenario: Scenario, made: Outcome) -> float:
    """Arithmetic of the requests that are through, but for what a cache had."""
    done = made.is_completed
    found = made.requests.found if made.tiered is None else made.requests.found + made.tiered.tokens
    prompts = made.arrivals.prefill_tokens[done] - found[done]
    return model_flop(scenario.workload, np.maximum(prompts, 1), made.arrivals.decode_tokens[done])


def _is_all_told(pool: Pool) -> bool:
    """Whether arithmetic and bytes are those of the model alone: of drafts and adapters they are not added up."""
    return pool.batching.speculation is None and pool.batching.most_adapters is None


def _machines(scenario: Scenario, plan: ServingPlan) -> list[tuple[System, float | None]]:
    """Of each pool its system, and what a device of it costs an hour."""
    found = [(scenario.system, plan.usd_per_device_hour)]
    if plan.has_prefill_pool:
        own = plan.prefill_usd_per_device_hour
        found.insert(0, (plan.prefill_on or scenario.system, plan.usd_per_device_hour if own is None else own))
    return found


def _moved_bytes(made: Outcome, memory: KvMemory) -> float:
    """Bytes that devices read: all weights in every step, and for each token of an answer what is in the cache before it."""
    done = made.is_completed
    prompts, further = made.arrivals.prefill_tokens[done], made.arrivals.decode_tokens[done] - 1
    seen = float((further * prompts + further * (further + 1) / 2).sum())
    read = made.batches * memory.weights_bytes + seen * memory.block_bytes / memory.block_tokens
    return made.pool.devices * read


def _sum(numbers: Sequence[float | None]) -> float | None:
    """None where one is not known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
