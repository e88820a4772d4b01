"""The serving engine: how requests of a stream fare at a service, from times of operators and exchanges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Bound, Interval, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals, Floats, KvTransfer, Pool, PoolRole, Prefixes, Routing, Service
from gnomon.core.service_facts import ServiceFacts
from gnomon.core.serving_plan import Quantity, ServingPlan
from gnomon.core.slo import Limit
from gnomon.core.step_limits import most_running
from gnomon.core.system import System
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import Timeline
from gnomon.core.traffic.at_rate import at_rate
from gnomon.core.traffic.played import AnyTraffic, PlayedTrace, requests_of
from gnomon.core.version import version
from gnomon.core.workload import Workload
from gnomon.engines.serving.account import account, devices_of_replica
from gnomon.engines.serving.capacity import DRAWS, PRECISION, Capacity, NoCapacity, Probed, capacity
from gnomon.engines.serving.defaults import (
    batching_of,
    block_tokens_of,
    layout_of,
    limits_of,
    prefill_plan,
    replicas_of,
)
from gnomon.engines.serving.disaggregated import ASSUMPTIONS as OF_TWO_POOLS
from gnomon.engines.serving.disaggregated import check_pools, simulated
from gnomon.engines.serving.drafting import OF_DRAFTS, draft_of, speculation_of
from gnomon.engines.serving.facts import RequestTimes, facts, is_overloaded, request_times
from gnomon.engines.serving.kv_link import at_rate_s, kv_transfer, link_bytes, network_s
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.policies import check, policy_named
from gnomon.engines.serving.routers import routing_of
from gnomon.engines.serving.spans import timeline
from gnomon.engines.serving.step_times.adapters import OF_ADAPTERS, RANK, AdapterSizes, adapter_bytes, with_adapters
from gnomon.engines.serving.step_times.device_share import device_share
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
_OF_SGLANG = (
    "steps take as long as with vLLM, with what its host adds to them: nothing was fitted to SGLang",
    "gpu_memory_utilization stands for SGLang's mem_fraction_static, the share of weights and KV cache: activations come on top",
    "SGLang, which guesses the room that answers will need, is told how long each may get: as long as it does",
)
_BAND = {"ttft": "ttft", "tpot": "itl", "e2e": "e2e"}  # quantity -> of Software.bands
_ONCE = "the first run on a machine compiles the simulation for about a minute"
_OF_PROMPTS = {
    name: f"prefill_{name}" for name in ("tp", "pp", "replicas")
}  # field of a plan of prompts -> of the plan
_OF_A_PLAN = {"tensor": "tp", "sequence_tokens": "max_model_len"}  # field of a layout or of limits -> of a plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """A service ready to run."""

    service: Service
    arrivals: Arrivals
    memories: tuple[KvMemory, ...]  # of a device of each pool
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
        "Zheng et al. 2024, SGLang: efficient execution of structured language model programs, NeurIPS",
        "Agrawal et al. 2024, Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve, OSDI",
        "Patel et al. 2024, Splitwise: efficient generative LLM inference using phase splitting, ISCA",
        "Zhong et al. 2024, DistServe: disaggregating prefill and decoding for goodput-optimized LLM serving, OSDI",
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
        return simulated(ready.service, ready.arrivals, records=True)

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
        if plan.autoscale is not None:
            raise Unsupported(
                "what a service takes whose replicas come and go depends on how the load came to be: ask with `replicas` and "
                "without autoscale"
            )
        traffic, seed = plan.traffic, _seed(plan.traffic)

        def ran(arrivals: Arrivals, service: Service) -> Probed:
            made = simulated(service, _as_planned(arrivals, plan))
            times = request_times(made)
            if not times.counts.any():
                raise Unsupported("; ".join(made.notes) or "no request is through when the run ends")
            span_s = made.end_s - float(made.requests.arrived_s.min())
            return Probed(
                times=times,
                completed_per_s=len(times.e2e) / span_s,
                is_overloaded=is_overloaded(times),
                turns_away=made.found_full + made.waited_too_long > 0,
            )

        def probe(rate_per_s: float, seed: int) -> Probed:
            return ran(requests_of(at_rate(traffic, rate_per_s, seed)), ready.service)

        def saturated(seed: int) -> Probed:
            drawn = requests_of(at_rate(traffic, 1.0, seed))
            patient = replace(ready.service, most_waiting=None, most_wait_s=None)
            return ran(replace(drawn, arrived_s=np.zeros(len(drawn))), patient)

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
        if plan.autoscale is not None and plan.max_loras is not None:
            raise Unsupported("where replicas come and go, serving does not simulate which LoRA adapters a new one has")
        drafting = draft_of(scenario, plan)
        limits, taken = limits_of(plan, system, workload), 0
        arrivals = _checked(requests_of(plan.traffic), limits, plan)
        service = Service(
            pools=(),
            routing=Routing(name=plan.router),
            sequence_tokens=limits.sequence_tokens,
            most_open=plan.traffic.most_open,
            autoscale=plan.autoscale,
            replicas_at_start=None if plan.autoscale is None else plan.replicas or plan.autoscale.min,
            most_waiting=plan.max_waiting,
            most_wait_s=plan.max_wait_s,
        )
        made: list[tuple[Pool, KvMemory]] = []
        if plan.has_prefill_pool:
            check_pools(plan.policy, service, arrivals)
            if plan.scheduling != "fcfs" or plan.max_loras is not None or plan.num_speculative_tokens is not None:
                raise Unsupported("of two pools neither priorities nor LoRA adapters nor drafts are simulated")
            try:
                machine, own = plan.prefill_on or system, prefill_plan(plan)
                made.append(self._pool(workload, machine, own, "prefill", 0, arrivals, None))
            except BadInput as fault:
                raise _of_prompts(fault) from None
            taken = _devices(made[0][0]) if plan.prefill_on is None else 0
        made.append(self._pool(workload, system, plan, "decode" if made else "both", taken, arrivals, drafting))
        pools = tuple(pool for pool, _ in made)
        memories = tuple(memory for _, memory in made)
        transfer = self._transfer(workload, system, plan, pools, memories) if len(pools) > 1 else None
        return _Set(
            service=replace(
                service,
                pools=pools,
                transfer=transfer,
                routing=routing_of(plan, pools[0].replicas, _seed(plan.traffic)),
            ),
            arrivals=arrivals,
            memories=memories,
            software=self._software(),
        )

    def _pool(
        self,
        workload: Workload,
        system: System,
        plan: ServingPlan,
        role: PoolRole,
        taken: int,
        arrivals: Arrivals,
        drafting: Workload | None,
    ) -> tuple[Pool, KvMemory]:
        """Replicas that are alike, and the memory of one of their devices. Unsupported, BadInput."""
        assert plan.traffic is not None  # checked
        layout, limits, software = layout_of(plan), limits_of(plan, system, workload), self._software()
        replicas, adapters = replicas_of(plan, layout, system, taken), _adapters(plan)
        try:
            memory = kv_memory(
                workload,
                system.device,
                layout,
                limits,
                utilisation=plan.gpu_memory_utilization,
                block_tokens=block_tokens_of(plan),
                is_static=plan.policy == "sglang",
                more_bytes=adapters.most * adapter_bytes(workload, layout, adapters.rank) if adapters else 0.0,
                draft=drafting,
            )
        except BadInput as fault:
            raise fault.at(field=_OF_A_PLAN.get(fault.field, fault.field)) from None
        blocks = memory.blocks if plan.kv_blocks is None else plan.kv_blocks
        if plan.policy == "sglang" and plan.max_num_seqs is None:
            limits = replace(limits, requests=most_running(blocks, limits.sequence_tokens))
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
            name="all" if role == "both" else role,
            role=role,
            replicas=replicas,
            tensor_parallel=layout.tensor,
            stages=layout.stages,
            kv_blocks=blocks,
            steps_ahead=_steps_ahead(plan, software),
            batching=batching_of(plan, limits, speculation_of(plan, _seed(plan.traffic))),
            times=times,
            draft_times=draft_times,
            device=system.device.name,
        )
        check(pool)
        return pool, memory

    def _transfer(
        self,
        workload: Workload,
        system: System,
        plan: ServingPlan,
        pools: Sequence[Pool],
        memories: Sequence[KvMemory],
    ) -> KvTransfer:
        """What KV caches take from the first pool to the second. Unsupported."""
        sender, receiver = layout_of(prefill_plan(plan)), layout_of(plan)
        bytes_of_one = link_bytes(memories[1].block_bytes, sender, receiver)
        if plan.kv_transfer_gbit_per_s is not None:
            times_s = partial(at_rate_s, bytes_of_one=bytes_of_one, gbit_per_s=plan.kv_transfer_gbit_per_s)
        else:
            times_s = partial(
                network_s,
                bytes_of_one=bytes_of_one,
                systems=(system,) if plan.prefill_on is None else (plan.prefill_on, system),
                devices=sum(map(_devices, pools)),
                timer=self._exchange_timer(),
            )
        most_blocks = -(-limits_of(plan, system, workload).sequence_tokens // plan.block_size)
        layers = device_share(workload, sender).layer_count
        return kv_transfer(most_blocks, times_s, plan.kv_transfer, layers, sender.stages)

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


def _steps_ahead(plan: ServingPlan, software: Software | None) -> int:
    """Steps that are made up before the one under way has ended: of SGLang one, unless it is told not to overlap."""
    if plan.policy == "sglang":
        return 1
    is_vllm = plan.policy == "vllm-v1" and plan.num_speculative_tokens is None
    return software.steps_ahead if software is not None and is_vllm else 0


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
    return _as_planned(arrivals, plan)


def _as_planned(arrivals: Arrivals, plan: ServingPlan) -> Arrivals:
    """The requests with what a cache knows them by, or without.

    SGLang's tree also holds prompts that have nothing in common: who had to go finds his own again.
    """
    if not plan.prefix_caching:
        return replace(arrivals, prefixes=None)
    if plan.policy != "sglang" or arrivals.prefixes is not None:
        return arrivals
    count = len(arrivals)
    own = Prefixes(
        starts=np.arange(count + 1),
        segments=np.arange(count),
        tokens=arrivals.prefill_tokens,
        answers=np.full(count, -1),
    )
    return replace(arrivals, prefixes=own)


def _check_said(arrivals: Arrivals, plan: ServingPlan) -> None:
    """BadInput for traffic of which the plan has to say how it is followed."""
    if arrivals.adapters is not None and plan.max_loras is None:
        raise BadInput("the requests ask for LoRA adapters: say how many of them a step may have", field="max_loras")
    if arrivals.priorities is not None and plan.policy != "vllm-v1":
        raise Unsupported(f"{plan.policy} knows no priorities; vllm-v1 does")
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
    made = simulated(ready.service, ready.arrivals)
    times = request_times(made)
    if not times.counts.any():
        raise Unsupported("; ".join(made.notes) or "no request is through when the run ends")
    told = account(scenario, made, ready.memories)
    found = facts(
        made, times, usd_per_s=told.usd_per_s, flop=told.flop, peak_flop_per_s=told.peak_flop_per_s, energy=told.energy
    )
    return _Run(set_up=ready, made=made, times=times, facts=found, flop=told.flop)


def _of_prompts(fault: BadInput) -> BadInput:
    """A fault of the plan of prompts as one of the plan."""
    remedies = [(_OF_PROMPTS.get(field, field), values) for field, values in fault.remedies]
    field = _OF_PROMPTS.get(fault.field, fault.field)
    return BadInput(fault.what, where=fault.where, field=field, further=fault.further, remedies=remedies)


def _devices(pool: Pool) -> int:
    return pool.replicas * devices_of_replica(pool)


def _prediction(scenario: Scenario, run: _Run, provenance: Provenance) -> Prediction:
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    value = float(np.nanmean(getattr(run.times, plan.quantity)))
    parts, unlike = _parts(plan.quantity, run), outside(scenario, plan)
    memory = run.set_up.memories[-1]
    cache = memory.block_bytes * run.made.pool.kv_blocks
    fits = all(
        one.weights_bytes + one.block_bytes * pool.kv_blocks + one.activations_bytes + one.runtime_bytes
        <= one.usable_bytes / plan.gpu_memory_utilization
        for one, pool in zip(run.set_up.memories, run.made.service.pools, strict=True)
    )
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
        fits=fits,
        flop=run.flop,
        moved_bytes=0.0,
        assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS, *_of_pools(plan), *_notes(plan)),
        outside=(*scenario.workload.outside, *unlike, *run.made.outside),
        provenance=provenance,
        service=run.facts,
    )


def _of_pools(plan: ServingPlan) -> tuple[str, ...]:
    """What is taken for granted of two pools."""
    return (*OF_TWO_POOLS, "memory is that of a device of the decode pool") if plan.has_prefill_pool else ()


def _notes(plan: ServingPlan) -> tuple[str, ...]:
    """What the reader of a trace took for granted, and whoever takes vLLM's figures for another's; what is of adapters and drafts."""
    found = list(plan.traffic.notes) if isinstance(plan.traffic, PlayedTrace) else []
    if plan.policy == "sglang":
        found += _OF_SGLANG
    if plan.max_loras is not None:
        found.append(OF_ADAPTERS)
    if plan.num_speculative_tokens is not None:
        found.append(OF_DRAFTS)
    return tuple(found)


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
    """Waiting, prompt and answer: they add up to the mean. Of two pools also what lies between prompt and answer."""
    times = run.times
    waits, first = float(times.queueing.mean()), float(times.ttft.mean())
    prompt = (Part(name="waiting", value=waits, kind="idle"), Part(name="prompt", value=first - waits, kind="compute"))
    if quantity == "ttft":
        return prompt
    if quantity == "e2e":
        between = _between(times, np.ones(len(times.e2e)))
        rest = float(times.e2e.mean()) - first - sum(part.value for part in between)
        return (*prompt, *between, Part(name="answer", value=rest, kind="memory"))
    between = _between(times, (times.e2e - times.ttft) / times.tpot)  # tokens after the first
    rest = float(np.nanmean(times.tpot)) - sum(part.value for part in between)
    return (*between, Part(name="answer", value=rest, kind="memory"))


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


def _bound(parts: Sequence[Part]) -> Bound:
    """What the largest part waits for."""
    largest = max(parts, key=lambda one: one.value)
    return {"idle": "overhead", "compute": "compute", "memory": "memory", "network": "network"}[largest.kind]  # type: ignore[return-value]
