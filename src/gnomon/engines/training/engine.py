"""The training engine: a step of training on any number of devices, put together from times of operators and exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gnomon.core.cluster_rules import ClusterRules
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.fabric import Fabric
from gnomon.core.prediction import Interval, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import Timeline
from gnomon.core.trace import ClusterTrace
from gnomon.core.version import version
from gnomon.engines.training.calibration import calibration
from gnomon.engines.training.step.answer import PS_PER_S, RanStep
from gnomon.engines.training.step.lanes import one_for_each_network, one_for_exchanges
from gnomon.engines.training.step.run import run
from gnomon.engines.training.step.spans import timeline
from gnomon.engines.training.validated import outside
from gnomon.formats.host import EAGER, MEANING, host_of
from gnomon.parallel.as_trace import TICK_PS, cluster_of
from gnomon.parallel.host import Host
from gnomon.parallel.legal import step_share
from gnomon.parallel.memory import stage_memory
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.program import Program, programs
from gnomon.parallel.times import Numbers, device_times_s, durations_ps, launched_times_s
from gnomon.parallel.work import step_work

_SETTINGS = {
    "timer": "engine that gives operator times",
    "exchanges": "source of communication times: nccl (measured), or astra-sim (its rules, simulated)",
    "host": MEANING,
}

DEFAULTS = {"timer": "kernel", "exchanges": "nccl", "host": EAGER}

_ASSUMPTIONS = (
    "devices of one pipeline stage do the same at the same time: none is slower than another",
    "a device computes one thing at a time and communicates one thing at a time on each level of its network; none slows another down",
    "operators run one after another; what happens between steps (data, logging, checkpoints) is not counted",
)

_Timed = tuple[ModelShare, tuple[Program, ...], tuple[Numbers, ...]]  # what each stage does, and seconds of its actions


class TrainingEngine:
    """Answers steps of training, on one device and on many."""

    name = "training"
    cites = (
        "Narayanan et al. 2021, Efficient large-scale language model training on GPU clusters using Megatron-LM, SC",
        "Korthikanti et al. 2022, Reducing activation recomputation in large transformer models, arXiv 2205.05198",
        "Rajbhandari et al. 2020, ZeRO: memory optimizations toward training trillion parameter models, SC",
        "Won et al. 2023, ASTRA-sim 2.0, ISPASS",
    )

    def __init__(
        self,
        timers: Callable[[str], OpTimer] | None = None,
        exchanges: Callable[[str], ExchangeTimer] | None = None,
        chosen: Mapping[str, str] | None = None,
    ) -> None:
        self._timers, self._exchanges, self._given = timers, exchanges, dict(chosen or {})
        self._last: tuple[Scenario, _Timed] | None = None  # asked for twice: whether there is an answer, and for it

    def composed(self, timers: Callable[[str], OpTimer], exchanges: Callable[[str], ExchangeTimer]) -> TrainingEngine:
        """The engine with these sources of times, by their names."""
        return TrainingEngine(timers, exchanges, self._given)

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        return _SETTINGS

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> TrainingEngine:
        """The engine with these settings. BadInput."""
        for name in settings:
            if name not in _SETTINGS:
                raise BadInput(
                    f"no setting of training's{near_match(name, _SETTINGS)} (known: {', '.join(_SETTINGS)})",
                    field=f"training.{name}",
                )
        tuned = TrainingEngine(self._timers, self._exchanges, settings)
        if self._timers and self._exchanges:
            for name, source in (("timer", tuned._timer), ("exchanges", tuned._exchange_timer)):
                try:
                    source()
                except BadInput as fault:
                    raise fault.at(field=f"training.{name}") from None
        tuned._host()
        return tuned

    def _setting(self, name: str) -> str:
        return self._given.get(name) or DEFAULTS[name]

    def _timer(self) -> OpTimer:
        if self._timers is None:
            raise Unsupported("training needs a source of operator times")
        return self._timers(self._setting("timer"))

    def _exchange_timer(self) -> ExchangeTimer:
        if self._exchanges is None:
            raise Unsupported("training needs a source of communication times")
        return self._exchanges(self._setting("exchanges"))

    def _host(self) -> Host:
        """What launches operators. BadInput."""
        try:
            return host_of(self._setting("host"))
        except BadInput as fault:
            raise fault.at(field="training.host") from None

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer. BadInput for a plan that the model or the system cannot have."""
        try:
            self._stepped(scenario)
        except Unsupported as reason:
            return (str(reason),)
        return ()

    def _stepped(self, scenario: Scenario) -> _Timed:
        """The step divided and timed, as if nobody launched it. Unsupported, BadInput."""
        last = self._last
        if last is None or last[0] is not scenario:
            self._last = last = scenario, self._divided(scenario)
        return last[1]

    def _divided(self, scenario: Scenario) -> _Timed:
        model = step_share(scenario, self.name)
        made = programs(model)
        exchanges = self._exchange_timer() if scenario.system.count > 1 else None
        return model, made, device_times_s(made, model, scenario.system, self._timer(), exchanges)

    def _launched(self, scenario: Scenario, made: Sequence[Program], times: Sequence[Numbers]) -> tuple[Numbers, ...]:
        """The times as the host launches them; exchanges that are simulated know no host."""
        host = self._host()
        if self._is_simulated(scenario):
            host = replace(host, exchange_s=0.0)
        return launched_times_s(made, times, host)

    def _is_simulated(self, scenario: Scenario) -> bool:
        return scenario.system.count > 1 and self._exchange_timer().is_simulated

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one step. Raises Unsupported with the reasons of `missing`."""
        return self._prediction(scenario, self._run(scenario))

    def timeline(self, scenario: Scenario, most: int) -> Timeline:
        """What each stage does when, in at most `most` spans. Raises Unsupported with the reasons of `missing`."""
        step = self._run(scenario)
        return timeline(step.programs, step.ran, step.lanes, most)

    def _run(self, scenario: Scenario) -> RanStep:
        model, made, times = self._stepped(scenario)
        is_simulated = self._is_simulated(scenario)
        tick_ps = TICK_PS if is_simulated else 1
        lanes = one_for_exchanges(made) if is_simulated else one_for_each_network(made, model, scenario.system)
        launched = durations_ps(made, self._launched(scenario, made, times), tick_ps)
        return RanStep(
            model=model,
            programs=made,
            device_ps=durations_ps(made, times, tick_ps),
            lanes=lanes,
            ran=run(made, launched, lanes),
        )

    def as_trace(self, scenario: Scenario) -> tuple[ClusterTrace, Fabric, ClusterRules]:
        """The step as ASTRA-sim takes it: what every rank does, on which network, by which rules. Unsupported, BadInput.

        Its computations take what the operator times say, in whole microseconds; ASTRA-sim times the exchanges.
        """
        model, made, times = self._stepped(scenario)
        launched = durations_ps(made, self._launched(scenario, made, times), TICK_PS)
        return cluster_of(model, made, launched, scenario.system)

    def _prediction(self, scenario: Scenario, step: RanStep) -> Prediction:
        value = step.end_ps / PS_PER_S
        unlike = outside(scenario)
        interval = self._interval(scenario, value, is_alike=not unlike)
        working = scenario.workload.gradient_dtype or scenario.workload.dtype
        memories = [stage_memory(step.model, stage, working) for stage in step.model.stages]
        largest = max(memories, key=lambda one: one.total_bytes)
        work = step_work(step.model, step.programs)
        return Prediction(
            quantity="time",
            value=value,
            unit="s",
            interval=interval,
            parts=step.parts(),
            bound=step.bound(),
            memory=largest,
            fits=largest.total_bytes <= scenario.system.device.memory_bytes.value,
            flop=work.flop,
            moved_bytes=work.moved_bytes,
            assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS),
            outside=(*scenario.workload.outside, *unlike),
            provenance=Provenance(
                engine=self.name,
                version=version(),
                scenario=scenario.digest,
                cites=self.cites,
                calibration="" if interval is None else calibration().data,
                calibration_sha256="" if interval is None else calibration().sha256,
                overrides=scenario.system.device.overrides(),
                settings=tuple(f"{name}={self._setting(name)}" for name in _SETTINGS),
            ),
            step=step.facts(scenario, memories, work.products_flop),
        )

    def _interval(self, scenario: Scenario, value: float, *, is_alike: bool) -> Interval | None:
        """The interval of the settings that were calibrated; None for others, or for numbers of the user's own."""
        is_calibrated = all(self._setting(name) == DEFAULTS[name] for name in _SETTINGS)
        if not is_calibrated or scenario.system.device.overrides():
            return None
        return calibration().interval(value, is_alike=is_alike)

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]
