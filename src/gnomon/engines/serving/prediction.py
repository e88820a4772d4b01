"""A service that has run -> the prediction: the mean that was asked for, its interval, its parts, and what it takes for granted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Interval, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.service import Floats, Pool
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.serving_plan import Quantity, ServingPlan
from gnomon.core.traffic.played import PlayedTrace
from gnomon.engines.serving.colocated import ASSUMPTIONS as OF_TWO_MODELS
from gnomon.engines.serving.disaggregated import ASSUMPTIONS as OF_TWO_POOLS
from gnomon.engines.serving.drafting import OF_DRAFTS
from gnomon.engines.serving.facts import RequestTimes, is_overloaded
from gnomon.engines.serving.kv_tiers import ASSUMPTIONS as OF_TIERS
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.set_up import Ready
from gnomon.engines.serving.step_times.adapters import OF_ADAPTERS
from gnomon.engines.serving.step_times.memory import KvMemory
from gnomon.engines.serving.validated import no_interval, unlike, widening

_ASSUMPTIONS = (
    "every answer has as many tokens as its request says; none ends before",
    "replicas do not slow each other down; the network between clients and service takes no time",
)
_OF_SGLANG = (
    "steps take as long as with vLLM, with what its host adds to them: nothing was fitted to SGLang",
    "gpu_memory_utilization stands for SGLang's mem_fraction_static, the share of weights and KV cache: activations come on top",
    "SGLang, which guesses the room that answers will need, is told how long each may get: as long as it does",
)
_OF_SHARED_EXPERTS = (
    "replicas that share experts step each by itself; in truth all wait for the longest step, and the answer is too fast where "
    "their steps differ"
)
_SATURATED = ("services were measured below saturation, and here the queue grows as long as requests come",)
_FOR_THE_OTHER = "waits for the other model"  # that has the devices
BAND = {"ttft": "ttft", "tpot": "itl", "e2e": "e2e"}  # quantity -> of Software.bands


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A service that has run."""

    ready: Ready
    made: Outcome
    times: RequestTimes
    facts: ServiceFacts
    flop: float  # of the model, for all requests that are through


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What an answer rests on, whatever its requests come to."""

    assumptions: tuple[str, ...]
    void: tuple[str, ...]  # why the residuals of measured services say nothing of it
    unlike: tuple[str, ...]  # why it is none of the kind that was measured
    outside: tuple[str, ...]  # these, and what the model itself is outside of
    provenance: Provenance


def grounds(scenario: Scenario, ready: Ready, provenance: Provenance, settings: Mapping[str, str]) -> Grounds:
    """Those of a scenario's service. `settings`: the engine's own, all of them."""
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    void, other = no_interval(scenario, plan, ready, settings), unlike(scenario, plan, ready)
    return Grounds(
        assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS, *_of_pools(plan), *_notes(plan)),
        void=void,
        unlike=other,
        outside=(*scenario.workload.outside, *void, *other),
        provenance=provenance,
    )


def prediction(scenario: Scenario, run: Run, on: Grounds) -> Prediction:
    """The mean over requests of what the plan asks for."""
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    value = float(np.nanmean(getattr(run.times, plan.quantity)))
    parts, saturated = _parts(plan.quantity, run), _SATURATED if is_overloaded(run.times) else ()
    interval = None if on.void else _interval(plan.quantity, run, widening(plan, is_alike=not (on.unlike or saturated)))
    memory = run.ready.memories[-1]
    cache = memory.block_bytes * run.made.pool.kv_blocks
    other = run.ready.beside
    beside_bytes = 0.0 if other is None else _held_bytes(other.memories[0], other.service.pools[0])
    fits = all(
        _held_bytes(one, pool) + beside_bytes <= one.usable_bytes / plan.gpu_memory_utilization
        for one, pool in zip(run.ready.memories, run.made.service.pools, strict=True)
    )
    return Prediction(
        quantity=plan.quantity,
        value=value,
        unit="s",
        interval=interval,
        parts=parts,
        bound=None,  # steps are of prompts and answers, and what each of them waits for is not kept
        memory=Footprint(
            weights_bytes=memory.weights_bytes,
            kv_cache_bytes=cache,
            activations_bytes=memory.activations_bytes,
            overhead_bytes=memory.runtime_bytes,
        ),
        fits=fits,
        flop=run.flop,
        moved_bytes=None,
        assumptions=on.assumptions,
        outside=(*on.outside, *saturated, *run.made.outside),
        provenance=on.provenance if interval else replace(on.provenance, calibration="", calibration_sha256=""),
        service=run.facts,
    )


def _held_bytes(memory: KvMemory, pool: Pool) -> float:
    """Of a device."""
    cache = memory.block_bytes * pool.kv_blocks
    return memory.weights_bytes + cache + memory.activations_bytes + memory.runtime_bytes


def _of_pools(plan: ServingPlan) -> tuple[str, ...]:
    """What is taken for granted of two pools."""
    return (*OF_TWO_POOLS, "memory is that of a device of the decode pool") if plan.has_prefill_pool else ()


def _notes(plan: ServingPlan) -> tuple[str, ...]:
    """What the reader of a trace took for granted, and whoever takes vLLM's figures for another's; of shared experts, adapters, drafts."""
    found = list(plan.traffic.notes) if isinstance(plan.traffic, PlayedTrace) else []
    if plan.policy == "sglang":
        found += _OF_SGLANG
    if plan.ep > plan.tp:
        found.append(_OF_SHARED_EXPERTS)
    if plan.max_loras is not None:
        found.append(OF_ADAPTERS)
    if plan.num_speculative_tokens is not None:
        found.append(OF_DRAFTS)
    if plan.beside is not None:
        found += [*OF_TWO_MODELS, f"memory is that of the model itself, without {plan.beside.name}"]
    if plan.has_kv_tiers:
        found += OF_TIERS
    return tuple(found)


def _interval(quantity: Quantity, run: Run, factor: float) -> Interval | None:
    """Of measured stages whose model was left out of the fit, wider for those that are not like them; None without a fit.

    Measured services had long answers: a whole request is no better known than its first token, which counts where answers are short.
    """
    software = run.ready.software
    if software is None:
        return None

    def ends(name: Quantity) -> tuple[float, float, float]:
        value, band = float(np.nanmean(getattr(run.times, name))), software.bands[BAND[name]]
        return value, value * math.exp(factor * band.low), value * math.exp(factor * band.high)

    (value, low, high), band = ends(quantity), software.bands[BAND[quantity]]
    if quantity == "e2e":
        first, first_low, first_high = ends("ttft")
        low, high = min(low, value - first + first_low), max(high, value - first + first_high)
    method = (
        f"split-conformal over {band.rows} stages of {band.groups} models, each model left out of the fit: for another one no "
        f"more than {band.groups} in {band.groups + 1} is promised"
    )
    return Interval(
        low=low,
        high=high,
        method=method if factor == 1.0 else f"{method}; {factor:g} times as wide: unlike those",
    )


def _parts(quantity: Quantity, run: Run) -> tuple[Part, ...]:
    """Waiting, prompt and answer: they add up to the mean. Of two pools also what lies between prompt and answer, and of slower
    memories what passes before a first step until blocks are there."""
    times = run.times
    waits, first = float(times.queueing.mean()), float(times.ttft.mean())
    before = 0.0 if times.device_wait_first is None else float(times.device_wait_first.mean())
    loads = () if times.first_kv_load is None else (float(times.first_kv_load.mean()),)
    prompt = (
        Part(name="waiting", value=waits - sum(loads), kind="idle"),
        *(Part(name="KV load", value=load, kind="network") for load in loads),
        Part(name="prompt", value=first - waits - before, kind="mixed"),
    )
    if quantity == "ttft":
        return prompt if times.device_wait is None else (*prompt, Part(name=_FOR_THE_OTHER, value=before, kind="idle"))
    if quantity == "e2e":
        between = _between(times, np.ones(len(times.e2e)))
        if times.device_wait is not None:
            whole = float(times.device_wait.mean())
            between = (Part(name=_FOR_THE_OTHER, value=whole, kind="idle"),)
            rest = float(times.e2e.mean()) - (first - before) - whole
            return (*prompt, *between, Part(name="answer", value=rest, kind="mixed"))
        rest = float(times.e2e.mean()) - first - sum(part.value for part in between)
        return (*prompt, *between, Part(name="answer", value=rest, kind="mixed"))
    between = _between(times, (times.e2e - times.ttft) / times.tpot)  # tokens after the first
    if times.device_wait is not None:
        between = (Part(name=_FOR_THE_OTHER, value=_further_wait_s(times), kind="idle"),)
    rest = float(np.nanmean(times.tpot)) - sum(part.value for part in between)
    return (*between, Part(name="answer", value=rest, kind="mixed"))


def _further_wait_s(times: RequestTimes) -> float:
    """For the other model, by each token after the first."""
    assert times.device_wait is not None  # beside another model
    assert times.device_wait_first is not None
    further = np.round((times.e2e - times.ttft) / times.tpot)
    return float(np.nanmean((times.device_wait - times.device_wait_first) / further))


def _between(times: RequestTimes, over: Floats) -> tuple[Part, ...]:
    """Means of what lies between prompt and answer, of each request over some number; none of one pool."""
    if times.kv_transfer is None or times.decode_queueing is None:
        return ()

    def mean(series: Floats) -> float:
        each = np.nan_to_num(series) / over  # nothing is sent of an answer of one token
        return float(np.nanmean(each))

    return (
        Part(name="KV transfer", value=mean(times.kv_transfer), kind="network"),
        Part(name="waiting to decode", value=mean(times.decode_queueing), kind="idle"),
    )
