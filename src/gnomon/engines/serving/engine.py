"""The serving engine: how requests of a stream fare at a service, from times of operators and exchanges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Bound, Interval, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals, Batching, Pool, Routing, Service
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.serving_plan import Quantity, ServingPlan
from gnomon.core.slo import Limit
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import Timeline
from gnomon.core.traffic.at_rate import at_rate
from gnomon.core.traffic.played import AnyTraffic, PlayedTrace, requests_of
from gnomon.core.version import version
from gnomon.engines.serving.capacity import DRAWS, PRECISION, Capacity, NoCapacity, Probed, capacity
from gnomon.engines.serving.defaults import layout_of, limits_of, replicas_of
from gnomon.engines.serving.drafting import OF_DRAFTS, draft_of, speculation_of
from gnomon.engines.serving.facts import RequestTimes, facts, is_overloaded, request_times
from gnomon.engines.serving.model_work import model_flop
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.simulate import check_drafts, check_policy_knows, policy_named, simulate
from gnomon.engines.serving.spans import timeline
from gnomon.engines.serving.step_times.adapters import OF_ADAPTERS, RANK, AdapterSizes, adapter_bytes, with_adapters
from gnomon.engines.serving.step_times.layout import Limits
from gnomon.engines.serving.step_times.memory import KvMemory, kv_memory
from gnomon.engines.serving.step_times.overheads import NO_OVERHEADS, Software, vllm_v1
from gnomon.engines.serving.step_times.times import step_times
from gnomon.engines.serving.validated import ELSEWHERE, outside

_SETTINGS = {
    "timer": "engine that gives operator times",
    "exchanges": "source of communication times: nccl (measured), or astra-sim (its rules, simulated)",
    "software": "what the host adds: vllm-v1 (as fitted to measured services), or none",
}
DEFAULTS = {"timer": "kernel", "exchanges": "nccl", "software": "vllm-v1"}
_SOFTWARE: Mapping[str, Callable[[], Software | None]] = {"vllm-v1": vllm_v1, "none": lambda: None}
_ASSUMPTIONS = (
    "every answer has as many tokens as its request says; none ends before",
    "replicas do not slow each other down; the network between clients and service takes no time",
)
_BAND = {"ttft": "ttft", "tpot": "itl", "e2e": "e2e"}  # quantity -> of Software.bands
_HOUR_S = 3600.0
_ONCE = "the first run on a machine compiles the simulation for about a minute"
_OF_A_PLAN = {"tensor": "tp", "sequence_tokens": "max_model_len"}  # field of a layout or of limits -> of a plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """A service ready to run."""

    service: Service
    arrivals: Arrivals
    memory: KvMemory
    software: Software | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A service that has run."""

    set_up: _Set
    made: Outcome
    times: RequestTimes
    facts: ServiceFacts
    flop: float  # of the model, for all requests that are through


class ServingEngine:
    """Answers services of language models."""

    name = "serving"
    cites: tuple[str, ...] = (
        "Kwon et al. 2023, Efficient memory management for large language model serving with PagedAttention, SOSP",
        "Agrawal et al. 2024, Vidur: a large-scale simulation framework for LLM inference, MLSys",
        "Agrawal et al. 2024, Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve, OSDI",
    )

    def __init__(
        self,
        timers: Callable[[str], OpTimer] | None = None,
        exchanges: Callable[[str], ExchangeTimer] | None = None,
        chosen: Mapping[str, str] | None = None,
        tell: Tell = silent,
    ) -> None:
        self._timers, self._exchanges, self._given, self._tell = timers, exchanges, dict(chosen or {}), tell
        self._ready: tuple[str, _Set] | None = None  # asked for by each quantity of one service, and before each
        self._ran: tuple[str, _Run] | None = None

    def composed(self, timers: Callable[[str], OpTimer], exchanges: Callable[[str], ExchangeTimer]) -> ServingEngine:
        """The engine with these sources of times, by their names."""
        return ServingEngine(timers, exchanges, self._given)

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        return _SETTINGS

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> ServingEngine:
        """The engine with these settings. BadInput."""
        for name in settings:
            if name not in _SETTINGS:
                raise BadInput(
                    f"no setting of serving's{near_match(name, _SETTINGS)} (known: {', '.join(_SETTINGS)})",
                    field=f"serving.{name}",
                )
        tuned = ServingEngine(self._timers, self._exchanges, settings, tell)
        tuned._software()
        if self._timers and self._exchanges:
            for name, source in (("timer", tuned._timer), ("exchanges", tuned._exchange_timer)):
                try:
                    source()
                except BadInput as fault:
                    raise fault.at(field=f"serving.{name}") from None
        return tuned

    def _setting(self, name: str) -> str:
        return self._given.get(name) or DEFAULTS[name]

    def _timer(self) -> OpTimer:
        if self._timers is None:
            raise Unsupported("serving needs a source of operator times")
        return self._timers(self._setting("timer"))

    def _exchange_timer(self) -> ExchangeTimer:
        if self._exchanges is None:
            raise Unsupported("serving needs a source of communication times")
        return self._exchanges(self._setting("exchanges"))

    def _software(self) -> Software | None:
        name = self._setting("software")
        if name not in _SOFTWARE:
            raise BadInput(
                f"unknown {name!r}{near_match(name, _SOFTWARE)} (known: {', '.join(_SOFTWARE)})",
                field="serving.software",
            )
        return _SOFTWARE[name]()

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer. BadInput for a plan that the model or the system cannot have."""
        try:
            _check_second_tokens(scenario, self._set_up(scenario))
        except Unsupported as reason:
            return (str(reason),)
        return ()

    def predict(self, scenario: Scenario) -> Prediction:
        """The mean over requests of what the plan asks for. Raises Unsupported with the reasons of `missing`."""
        _check_second_tokens(scenario, self._set_up(scenario))
        return _prediction(scenario, self._run(scenario), self._provenance(scenario))

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]

    def outcome(self, scenario: Scenario, *, records: bool = False) -> Outcome:
        """What became of each request; with `records` every step, too. Unsupported, BadInput."""
        if not records:
            return self._run(scenario).made
        ready = self._set_up(scenario)
        return simulate(ready.service, ready.arrivals, records=True)

    def timeline(self, scenario: Scenario, most: int) -> Timeline:
        """What each replica runs when, in at most `most` spans. Raises Unsupported with the reasons of `missing`."""
        return timeline(self.outcome(scenario, records=True), most)

    def capacity(
        self, scenario: Scenario, limits: Sequence[Limit], *, precision: float = PRECISION, tell: Tell = silent
    ) -> Capacity | NoCapacity:
        """The highest rate of the scenario's traffic that keeps the limits. Unsupported, BadInput."""
        ready, plan = self._set_up(scenario), scenario.plan.serving
        assert plan is not None  # as it was set up
        assert plan.traffic is not None
        traffic, seed = plan.traffic, _seed(plan.traffic)

        def ran(arrivals: Arrivals) -> Probed:
            made = simulate(ready.service, arrivals)
            times = request_times(made)
            if not times.counts.any():
                raise Unsupported("; ".join(made.notes) or "no request is through when the run ends")
            span_s = made.end_s - float(made.requests.arrived_s.min())
            return Probed(times=times, completed_per_s=len(times.e2e) / span_s, is_overloaded=is_overloaded(times))

        def probe(rate_per_s: float, seed: int) -> Probed:
            return ran(requests_of(at_rate(traffic, rate_per_s, seed)))

        def saturated(seed: int) -> Probed:
            drawn = requests_of(at_rate(traffic, 1.0, seed))
            return ran(replace(drawn, arrived_s=np.zeros(len(drawn))))

        seeds = range(seed, seed + DRAWS)
        return capacity(probe, saturated, limits, seeds=seeds, precision=precision, tell=tell)

    def service(self, scenario: Scenario) -> tuple[Service, Arrivals]:
        """The service of a scenario and its requests, ready to be simulated, here or elsewhere. Unsupported, BadInput."""
        ready = self._set_up(scenario)
        return ready.service, ready.arrivals

    def _set_up(self, scenario: Scenario) -> _Set:
        """The service of a scenario. Unsupported, BadInput."""
        key = _key(scenario)
        if self._ready is None or self._ready[0] != key:
            self._ready = key, self._set(scenario)
        return self._ready[1]

    def _set(self, scenario: Scenario) -> _Set:
        workload, system, plan = scenario.workload, scenario.system, scenario.plan.serving
        if plan is None:
            raise Unsupported("serving simulates services only: use mode serve")
        if system.device.design is not None:
            raise Unsupported(f"serving knows devices with a data sheet; {system.device.name} is a spatial accelerator")
        if plan.traffic is None:
            raise BadInput("a service needs requests", field="traffic")
        policy_named(plan.policy)
        check_policy_knows(plan.policy, plan.scheduling, plan.max_loras)
        drafts = speculation_of(plan, _seed(plan.traffic))
        check_drafts(plan.policy, plan.pp, drafts)
        drafting = draft_of(scenario, plan)
        layout, limits = layout_of(plan), limits_of(plan, system, workload)
        replicas = replicas_of(plan, layout, system)
        arrivals = _checked(requests_of(plan.traffic), limits, plan)
        software = self._software()
        adapters = _adapters(plan)
        try:
            memory = kv_memory(
                workload,
                system.device,
                layout,
                limits,
                utilisation=plan.gpu_memory_utilization,
                block_tokens=plan.block_size,
                more_bytes=adapters.most * adapter_bytes(workload, layout, adapters.rank) if adapters else 0.0,
                draft=drafting,
            )
        except BadInput as fault:
            raise fault.at(field=_OF_A_PLAN.get(fault.field, fault.field)) from None
        overheads = NO_OVERHEADS if software is None else software.overheads
        exchanges = self._exchange_timer() if layout.tensor * layout.stages * layout.together > 1 else None
        times = step_times(workload, system, layout, limits, self._timer(), exchanges, overheads)
        draft_times = None
        if drafting is not None:  # one token of each request in a pass
            alone = replace(limits, decode_tokens=1)
            draft_times = step_times(drafting, system, layout, alone, self._timer(), exchanges, overheads)
        if adapters is not None and arrivals.adapters is not None:
            times = with_adapters(
                times, workload, system, layout, limits, self._timer(), adapters, overheads.kernel_share
            )
        pool = Pool(
            name="all",
            replicas=replicas,
            tensor_parallel=layout.tensor,
            stages=layout.stages,
            kv_blocks=memory.blocks if plan.kv_blocks is None else plan.kv_blocks,
            steps_ahead=software.steps_ahead if software is not None and plan.policy == "vllm-v1" and not drafts else 0,
            batching=replace(_batching(plan, limits), speculation=drafts),
            times=times,
            draft_times=draft_times,
        )
        service = Service(
            pools=(pool,),
            routing=Routing(name=plan.router, seed=_seed(plan.traffic)),
            sequence_tokens=limits.sequence_tokens,
            most_open=plan.traffic.most_open,
        )
        return _Set(service=service, arrivals=arrivals, memory=memory, software=software)

    def _run(self, scenario: Scenario) -> _Run:
        key = _key(scenario)
        if self._ran is None or self._ran[0] != key:
            ready = self._set_up(scenario)
            self._tell(f"simulating {len(ready.arrivals):,} requests; {_ONCE}")
            self._ran = key, _ran(scenario, ready)
        return self._ran[1]

    def _provenance(self, scenario: Scenario) -> Provenance:
        software = self._software()
        return Provenance(
            engine=self.name,
            version=version(),
            scenario=scenario.digest,
            cites=self.cites,
            calibration="" if software is None else software.data,
            calibration_sha256="" if software is None else software.sha256,
            overrides=scenario.system.device.overrides(),
            settings=tuple(f"{name}={self._setting(name)}" for name in _SETTINGS),
        )


def _seed(traffic: AnyTraffic) -> int:
    return traffic.replay.seed if isinstance(traffic, PlayedTrace) else traffic.seed


def _key(scenario: Scenario) -> str:
    """Equal for the quantities of one service."""
    plan = scenario.plan
    if plan.serving is None:
        return scenario.digest
    return replace(scenario, plan=replace(plan, serving=replace(plan.serving, quantity="e2e"))).digest


def _batching(plan: ServingPlan, limits: Limits) -> Batching:
    return Batching(
        policy=plan.policy,
        most_requests=limits.requests,
        block_tokens=plan.block_size,
        watermark=0.01 if plan.policy in ("vidur-vllm", "sarathi") else 0.0,  # vLLM v0's and Vidur's
        most_tokens=limits.step_tokens,
        chunk_tokens=limits.step_tokens
        if plan.policy == "sarathi" and plan.chunk_tokens is None
        else plan.chunk_tokens,
        most_waits=10 if plan.policy == "lightllm" else None,  # LightLLM's and Vidur's
        scheduling=plan.scheduling,
        most_adapters=plan.max_loras,
    )


def _adapters(plan: ServingPlan) -> AdapterSizes | None:
    return None if plan.max_loras is None else AdapterSizes(rank=plan.max_lora_rank or RANK, most=plan.max_loras)


def _checked(arrivals: Arrivals, limits: Limits, plan: ServingPlan) -> Arrivals:
    """The requests as the plan has them. BadInput where one is longer than a sequence may be, Unsupported."""
    _check_said(arrivals, plan)
    whole = arrivals.prefill_tokens + arrivals.decode_tokens
    longest = int(np.argmax(whole))
    if whole[longest] > limits.sequence_tokens:
        raise BadInput(
            f"request {arrivals.ids[longest]} has {arrivals.prefill_tokens[longest]:,} tokens in its prompt and "
            f"{arrivals.decode_tokens[longest]:,} in its answer, more than the {limits.sequence_tokens:,} of a sequence"
            f"{'' if plan.max_model_len else ' that the model was made for'}",
            field="traffic.trace" if isinstance(plan.traffic, PlayedTrace) else "traffic.prompts",
        )
    return arrivals if plan.prefix_caching else replace(arrivals, prefixes=None)


def _check_said(arrivals: Arrivals, plan: ServingPlan) -> None:
    """BadInput for traffic of which the plan has to say how it is followed."""
    if arrivals.adapters is not None and plan.max_loras is None:
        raise BadInput("the requests ask for LoRA adapters: say how many of them a step may have", field="max_loras")
    if arrivals.priorities is not None and plan.scheduling == "fcfs":  # vLLM refuses such requests, too
        raise BadInput(
            "the requests have priorities, of which first come first served takes no account",
            field="scheduling",
            remedies=[("scheduling", "priority")],
        )


def _check_second_tokens(scenario: Scenario, ready: _Set) -> None:
    """Unsupported where the time of a further token is asked for, and no answer has one."""
    plan = scenario.plan.serving
    if plan is not None and plan.quantity == "tpot" and int(ready.arrivals.decode_tokens.max()) < 2:
        raise Unsupported("no answer has a second token, so there is no time per output token")


def _ran(scenario: Scenario, ready: _Set) -> _Run:
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    made = simulate(ready.service, ready.arrivals)
    times = request_times(made)
    if not times.counts.any():
        raise Unsupported("; ".join(made.notes) or "no request is through when the run ends")
    done = made.is_completed
    flop = model_flop(scenario.workload, ready.arrivals.prefill_tokens[done], ready.arrivals.decode_tokens[done])
    price, peak = plan.usd_per_device_hour, scenario.system.device.peak(scenario.plan.dtype, is_matrix=True)
    devices = made.pool.replicas * made.pool.tensor_parallel * made.pool.stages
    told = facts(
        made,
        times,
        usd_per_s=None if price is None else price * devices / _HOUR_S,
        flop=flop,
        peak_flop_per_s=None if peak is None else peak.value * devices,
    )
    return _Run(set_up=ready, made=made, times=times, facts=told, flop=flop)


def _prediction(scenario: Scenario, run: _Run, provenance: Provenance) -> Prediction:
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    value = float(np.nanmean(getattr(run.times, plan.quantity)))
    parts, unlike = _parts(plan.quantity, run), outside(scenario, plan)
    memory = run.set_up.memory
    cache = memory.block_bytes * run.made.pool.kv_blocks
    used = memory.weights_bytes + cache + memory.activations_bytes + memory.runtime_bytes
    return Prediction(
        quantity=plan.quantity,
        value=value,
        unit="s",
        interval=_interval(plan.quantity, run, is_alike=not unlike),
        parts=parts,
        bound=_bound(parts),
        memory=Footprint(
            weights_bytes=memory.weights_bytes,
            kv_cache_bytes=cache,
            activations_bytes=memory.activations_bytes,
            overhead_bytes=memory.runtime_bytes,
        ),
        fits=used <= memory.usable_bytes / plan.gpu_memory_utilization,
        flop=run.flop,
        moved_bytes=0.0,
        assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS, *_notes(plan)),
        outside=(*scenario.workload.outside, *unlike, *run.made.outside),
        provenance=provenance,
        service=run.facts,
    )


def _notes(plan: ServingPlan) -> tuple[str, ...]:
    """What the reader of a trace took for granted, and what is of adapters and of drafts."""
    read = plan.traffic.notes if isinstance(plan.traffic, PlayedTrace) else ()
    adapters = () if plan.max_loras is None else (OF_ADAPTERS,)
    return (*read, *adapters) if plan.num_speculative_tokens is None else (*read, *adapters, OF_DRAFTS)


def _interval(quantity: Quantity, run: _Run, *, is_alike: bool) -> Interval | None:
    """Of measured services left out of the fit, wider for those that are not like them; None without a fit.

    Measured services had long answers: a whole request is no better known than its first token, which counts where answers are short.
    """
    software, factor = run.set_up.software, 1.0 if is_alike else ELSEWHERE
    if software is None:
        return None

    def ends(name: Quantity) -> tuple[float, float, float]:
        value, band = float(np.nanmean(getattr(run.times, name))), software.bands[_BAND[name]]
        return value, value * math.exp(factor * band.low), value * math.exp(factor * band.high)

    (value, low, high), band = ends(quantity), software.bands[_BAND[quantity]]
    if quantity == "e2e":
        first, first_low, first_high = ends("ttft")
        low, high = min(low, value - first + first_low), max(high, value - first + first_high)
    method = f"split-conformal, held out by model ({band.groups} models, {band.rows} measured services)"
    return Interval(
        low=low,
        high=high,
        method=method if is_alike else f"{method}, {ELSEWHERE:g} times as wide: unlike those",
    )


def _parts(quantity: Quantity, run: _Run) -> tuple[Part, ...]:
    """Waiting, prompt and answer: they add up to the mean."""
    times = run.times
    waits, first = float(times.queueing.mean()), float(times.ttft.mean())
    prompt = (Part(name="waiting", value=waits, kind="idle"), Part(name="prompt", value=first - waits, kind="compute"))
    if quantity == "ttft":
        return prompt
    if quantity == "e2e":
        return (*prompt, Part(name="answer", value=float(times.e2e.mean()) - first, kind="memory"))
    return (Part(name="answer", value=float(np.nanmean(times.tpot)), kind="memory"),)


def _bound(parts: Sequence[Part]) -> Bound:
    """What the largest part waits for."""
    largest = max(parts, key=lambda one: one.value)
    return {"idle": "overhead", "compute": "compute", "memory": "memory"}[largest.kind]  # type: ignore[return-value]
