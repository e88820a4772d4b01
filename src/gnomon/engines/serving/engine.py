"""The serving engine: how requests of a stream fare at a service, from times of operators and exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gnomon.core.beside import Beside
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.in_words import counted
from gnomon.core.prediction import Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals, Service
from gnomon.core.service_facts import BesideFacts, ServiceFacts
from gnomon.core.slo import Limit
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import Timeline
from gnomon.core.traffic.at_rate import at_rate
from gnomon.core.traffic.played import requests_of
from gnomon.core.units import show
from gnomon.core.version import version
from gnomon.engines.serving.account import account, of_shared_devices
from gnomon.engines.serving.beside_for_long import simulate_beside
from gnomon.engines.serving.capacity import DRAWS, PRECISION, Capacity, NoCapacity, Probed, capacity
from gnomon.engines.serving.colocated import alone_notes, simulate_together
from gnomon.engines.serving.disaggregated import simulated
from gnomon.engines.serving.facts import FEWEST_JUDGED, RequestTimes, facts, is_overloaded, is_warm, request_times
from gnomon.engines.serving.outcome import Outcome
from gnomon.engines.serving.prediction import Grounds, Run, grounds, prediction
from gnomon.engines.serving.set_up import Ready, Sources, as_planned, of_beside, seed_of, set_up
from gnomon.engines.serving.spans import timeline
from gnomon.engines.serving.step_times.overheads import Software, vllm_v1

_SETTINGS = {
    "timer": "engine that gives operator times",
    "exchanges": "source of communication times: nccl (measured), or astra-sim (its rules, simulated)",
    "software": "what the host adds: vllm-v1 (as fitted to measured services), or none",
}
DEFAULTS = {"timer": "kernel", "exchanges": "nccl", "software": "vllm-v1"}
_SOFTWARE: Mapping[str, Callable[[], Software | None]] = {"vllm-v1": vllm_v1, "none": lambda: None}
_ONCE = "the first run on a machine compiles the simulation for about a minute"


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
        self._ready: tuple[str, Ready] | None = None  # asked for by each quantity of one service, and before each
        self._ran: tuple[str, Run] | None = None

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
        run = self._run(scenario)
        _check_counted(scenario, run)
        return prediction(scenario, run, self.grounds(scenario))

    def grounds(self, scenario: Scenario) -> Grounds:
        """What an answer to a scenario rests on, a capacity's too. Unsupported, BadInput."""
        settings = {name: self._setting(name) for name in _SETTINGS}
        return grounds(scenario, self._set_up(scenario), self._provenance(scenario), settings)

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]

    def outcome(self, scenario: Scenario, *, records: bool = False) -> Outcome:
        """What became of each request; with `records` every step, too. Unsupported, BadInput."""
        if not records:
            return self._run(scenario).made
        ready = self._set_up(scenario)
        return _simulated(ready, records=True)

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
        traffic, seed = plan.traffic, seed_of(plan.traffic)

        def ran(arrivals: Arrivals, service: Service, draw: int, warmup_s: float | None) -> Probed:
            asked, other = as_planned(arrivals, plan), plan.beside
            if ready.beside is None or other is None or other.serving.traffic is None:
                made = simulated(service, asked)
            else:
                its_seed = seed_of(other.serving.traffic) + draw - seed
                made = simulate_beside(service, asked, ready.beside, other.serving, its_seed)
            if not made.is_completed.any():
                raise Unsupported(_nobody(made))
            times = request_times(made, warmup_s)
            return Probed(
                times=times,
                completed_per_s=len(times.e2e) / made.span_s,
                is_overloaded=is_overloaded(times) or _is_other_overloaded(made),
                turns_away=bool((is_warm(made, warmup_s) & (made.requests.turned_away > 0)).any()),
            )

        def probe(rate_per_s: float, seed: int) -> Probed:
            found = ran(requests_of(at_rate(traffic, rate_per_s, seed)), ready.service, seed, plan.warmup_s)
            if plan.warmup_s is not None and len(found.times.e2e) < FEWEST_JUDGED:
                raise BadInput(
                    f"at {rate_per_s:.3g} requests per second {counted(len(found.times.e2e), 'request')} came after it and "
                    f"got through, and {FEWEST_JUDGED} tell whether a queue grows: give the traffic more requests",
                    field="warmup_s",
                )
            return found

        def saturated(seed: int) -> Probed:
            drawn = requests_of(at_rate(traffic, 1.0, seed))
            patient = replace(ready.service, most_waiting=None, most_wait_s=None)
            return ran(replace(drawn, arrived_s=np.zeros(len(drawn))), patient, seed, None)

        seeds = range(seed, seed + DRAWS)
        return capacity(probe, saturated, limits, seeds=seeds, precision=precision, tell=tell)

    def service(self, scenario: Scenario) -> tuple[Service, Arrivals]:
        """The service of a scenario and its requests, ready to be simulated, here or elsewhere. Unsupported, BadInput."""
        ready = self._set_up(scenario)
        if ready.beside is not None:
            raise Unsupported("a service for others to simulate has its devices alone: leave out beside")
        return ready.service, ready.arrivals

    def _set_up(self, scenario: Scenario) -> Ready:
        """The service of a scenario. Unsupported, BadInput."""
        key = _key(scenario)
        if self._ready is None or self._ready[0] != key:
            sources = Sources(timer=self._timer, exchanges=self._exchange_timer, software=self._software())
            self._ready = key, set_up(scenario, sources)
        return self._ready[1]

    def _run(self, scenario: Scenario) -> Run:
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


def _key(scenario: Scenario) -> str:
    """Equal for the quantities of one service."""
    plan = scenario.plan
    if plan.serving is None:
        return scenario.digest
    return replace(scenario, plan=replace(plan, serving=replace(plan.serving, quantity="e2e"))).digest


def _check_second_tokens(scenario: Scenario, ready: Ready) -> None:
    """Unsupported where the time of a further token is asked for, and no answer has one."""
    plan = scenario.plan.serving
    if plan is not None and plan.quantity == "tpot" and int(ready.arrivals.decode_tokens.max()) < 2:
        raise Unsupported("no answer has a second token, so there is no time per output token")


def _check_counted(scenario: Scenario, run: Run) -> None:
    """Unsupported where only answers that are left out have a second token."""
    plan = scenario.plan.serving
    if plan is not None and plan.quantity == "tpot" and np.isnan(run.times.tpot).all():
        raise Unsupported("no answer that counts has a second token, so there is no time per output token")


def _counted(made: Outcome, warmup_s: float | None) -> RequestTimes:
    """Times of the requests that count. Unsupported where none is through, BadInput where the warm-up takes them all."""
    times = request_times(made, warmup_s)
    if times.counts.any():
        return times
    if warmup_s is not None and made.is_completed.any():
        last_s = float(np.ptp(made.requests.arrived_s[made.is_completed]))
        raise BadInput(
            f"a warm-up of {show(warmup_s, 's')} leaves no request: of those that are through the last came {show(last_s, 's')} after the first",
            field="warmup_s",
        )
    raise Unsupported(_nobody(made))


def _nobody(made: Outcome) -> str:
    """Why no request is through."""
    return "; ".join(made.notes) or "no request is through when the run ends"


def _is_other_overloaded(made: Outcome) -> bool:
    """Whether the queue of another model on the same devices grows: at that rate it does not keep up with its own."""
    other = None if made.together is None else made.together.other
    return other is not None and is_overloaded(request_times(other))


def _simulated(ready: Ready, records: bool = False) -> Outcome:
    """What became of each request; beside another model of those of both."""
    if ready.beside is None:
        return simulated(ready.service, ready.arrivals, records=records)
    other = ready.beside
    return simulate_together(ready.service, ready.arrivals, other.service, other.arrivals, records=records)


def _ran(scenario: Scenario, ready: Ready) -> Run:
    plan = scenario.plan.serving
    assert plan is not None  # as it was set up
    made = _simulated(ready)
    times = _counted(made, plan.warmup_s)
    told = account(scenario, made, ready.memories)
    if plan.beside is not None and ready.beside is not None:
        found = _facts_of_two(scenario, plan.beside, ready, ready.beside, made, times)
    else:
        found = facts(
            made,
            times,
            usd_per_s=told.usd_per_s,
            flop=told.flop,
            peak_flop_per_s=told.peak_flop_per_s,
            energy=told.energy,
            warmup_s=plan.warmup_s,
        )
    return Run(ready=ready, made=made, times=times, facts=found, flop=told.flop)


def _facts_of_two(
    scenario: Scenario, beside: Beside, ready: Ready, other: Ready, made: Outcome, times: RequestTimes
) -> ServiceFacts:
    """The figures of a run beside another model; what devices cost and draw is told of both together."""
    second = None if made.together is None else made.together.other
    assert second is not None  # so they were simulated
    scenarios, runs = (scenario, of_beside(scenario, beside)), (made, second)
    if not second.is_completed.any():
        raise Unsupported(f"{beside.name}: {_nobody(second)}")
    warmup_s = None if scenario.plan.serving is None else scenario.plan.serving.warmup_s
    try:
        all_times = (times, _counted(second, warmup_s))
    except BadInput as fault:
        raise BadInput(f"{beside.name}: {fault.what}", field=fault.field) from None
    devices = of_shared_devices(scenarios, runs, (ready.memories[0], other.memories[0]))
    names = (scenario.workload.name, beside.name)
    told: BesideFacts | None = None
    for one, run, its, memories, notes in (
        (scenarios[1], runs[1], all_times[1], other.memories, ()),
        (scenario, made, times, ready.memories, tuple(alone_notes(made, names))),
    ):
        own = account(one, run, memories)
        found = facts(
            run,
            its,
            usd_per_s=None,
            flop=own.flop,
            peak_flop_per_s=own.peak_flop_per_s,
            energy=None,
            warmup_s=warmup_s,
            beside=told,
            further=notes,
        )
        told = BesideFacts(model=beside.name, service=found, devices=devices)
    return found
