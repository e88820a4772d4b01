"""The training engine: a step of training on any number of devices, put together from times of operators and exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gnomon.core.cluster_rules import ClusterRules
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.fabric import Fabric
from gnomon.core.footprint import Footprint
from gnomon.core.prediction import Bound, Interval, Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.step_facts import Exposed, StageFacts, StepFacts
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import Timeline
from gnomon.core.trace import ClusterTrace
from gnomon.core.version import version
from gnomon.engines.training.calibration import calibration
from gnomon.engines.training.step.accounts import Account, Line, account, line_of
from gnomon.engines.training.step.lanes import Lanes, one_for_each_network, one_for_exchanges
from gnomon.engines.training.step.run import Ran, run
from gnomon.engines.training.step.spans import timeline
from gnomon.formats.host import EAGER, MEANING, host_of
from gnomon.parallel.as_trace import TICK_PS, cluster_of
from gnomon.parallel.host import Host
from gnomon.parallel.legal import checked_share
from gnomon.parallel.memory import stage_memory
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.passes import Compute
from gnomon.parallel.program import Program, programs
from gnomon.parallel.times import Numbers, action_times, computation_times_s, durations_ps, exchange_of
from gnomon.parallel.work import step_work

_PS_PER_S = 1e12

_SETTINGS = {
    "timer": "which engine tells operators' times",
    "exchanges": "whose times exchanges have: nccl (measured), or astra-sim (its rules, simulated)",
    "host": MEANING,
}

DEFAULTS = {"timer": "kernel", "exchanges": "nccl", "host": EAGER}

_ASSUMPTIONS = (
    "devices that differ along tp, cp and dp alone do the same at the same time: none is slower than another",
    "a device computes one thing at a time and exchanges one thing at a time on each level of its network; none slows another down",
    "operators run one after another; what happens between steps (data, logging, checkpoints) is not counted",
)
_ROLES = {"forward": "forward", "backward": "backward", "recompute": "computed again", "update": "optimizer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A step as it was run."""

    model: ModelShare
    programs: tuple[Program, ...]
    times_s: tuple[Numbers, ...]
    lanes: Lanes
    ran: tuple[Ran, ...]

    @property
    def end_ps(self) -> int:
        return max(one.last_ps for one in self.ran)


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
            raise Unsupported("training needs a source of times of exchanges")
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

    def _stepped(self, scenario: Scenario) -> tuple[ModelShare, tuple[Program, ...], tuple[Numbers, ...]]:
        """The step divided and timed. Unsupported, BadInput."""
        workload, system = scenario.workload, scenario.system
        if not workload.mode.endswith("+optimizer"):
            raise Unsupported("training answers whole steps alone: ask for mode train")
        if system.device.design is not None:
            raise Unsupported(f"training answers for data sheets, and {system.device.name} is a spatial accelerator")
        if system.count > 1 and not system.dimensions:
            raise Unsupported(
                f"the network between the {system.count} of {system.name} is not described: "
                "`gnomon list systems` shows machines whose network is"
            )
        model = checked_share(scenario.workload, scenario.plan, scenario.system.count)
        made = programs(model)
        exchanges = self._exchange_timer() if scenario.system.count > 1 else None
        host = self._host()
        if self._tick_ps(scenario) > 1:
            host = replace(host, exchange_s=0.0)  # a simulation of rules knows no host
        return model, made, action_times(made, model, scenario.system, self._timer(), exchanges, host)

    def _tick_ps(self, scenario: Scenario) -> int:
        """What computations take whole multiples of."""
        return getattr(self._exchange_timer(), "tick_ps", 1) if scenario.system.count > 1 else 1

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one step. Raises Unsupported with the reasons of `missing`."""
        return self._prediction(scenario, self._run(scenario))

    def timeline(self, scenario: Scenario, most: int) -> Timeline:
        """What each stage does when, in at most `most` spans. Raises Unsupported with the reasons of `missing`."""
        step = self._run(scenario)
        return timeline(step.programs, step.ran, step.lanes, most)

    def _run(self, scenario: Scenario) -> _Step:
        model, made, times = self._stepped(scenario)
        is_simulated = self._tick_ps(scenario) > 1
        lanes = one_for_exchanges(made) if is_simulated else one_for_each_network(made, model, scenario.system)
        ran = run(made, durations_ps(made, times, self._tick_ps(scenario)), lanes)
        return _Step(model=model, programs=made, times_s=times, lanes=lanes, ran=ran)

    def as_trace(self, scenario: Scenario) -> tuple[ClusterTrace, Fabric, ClusterRules]:
        """The step as ASTRA-sim takes it: what every rank does, on which network, by which rules. Unsupported, BadInput.

        Its computations take what the operator times say, in whole microseconds; ASTRA-sim times the exchanges.
        """
        model, made, times = self._stepped(scenario)
        return cluster_of(model, made, durations_ps(made, times, TICK_PS), scenario.system)

    def _prediction(self, scenario: Scenario, step: _Step) -> Prediction:
        end_ps = step.end_ps
        alone_s = computation_times_s(step.programs, scenario.system.device, self._timer())
        alone_ps = durations_ps(step.programs, alone_s, self._tick_ps(scenario))
        accounts = [
            account(program, ran, lanes, device_ps, end_ps)
            for program, ran, lanes, device_ps in zip(step.programs, step.ran, step.lanes.of, alone_ps, strict=True)
        ]
        slowest = max(range(len(accounts)), key=lambda at: step.ran[at].last_ps)
        working = scenario.workload.gradient_dtype or scenario.workload.dtype
        memories = [stage_memory(step.model, stage, working) for stage in step.model.stages]
        largest = max(memories, key=lambda one: one.total_bytes)
        value = end_ps / _PS_PER_S
        capacity = scenario.system.device.memory_bytes.value
        work = step_work(step.model, step.programs)
        return Prediction(
            quantity="time",
            value=value,
            unit="s",
            interval=self._interval(scenario, value),
            parts=_parts(accounts[slowest]),
            bound=_bound(accounts[slowest]),
            memory=largest,
            fits=largest.total_bytes <= capacity,
            flop=work.flop,
            moved_bytes=work.moved_bytes,
            assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS),
            outside=(*scenario.workload.outside, *_outside(scenario)),
            provenance=Provenance(
                engine=self.name,
                version=version(),
                scenario=scenario.digest,
                cites=self.cites,
                overrides=scenario.system.device.overrides(),
                settings=tuple(f"{name}={self._setting(name)}" for name in _SETTINGS),
            ),
            step=_facts(scenario, step, accounts, memories, slowest, work.products_flop),
        )

    def _interval(self, scenario: Scenario, value: float) -> Interval | None:
        """The interval of the settings that were calibrated; None for others, or for numbers of the user's own."""
        is_calibrated = all(self._setting(name) == DEFAULTS[name] for name in _SETTINGS)
        return calibration().interval(value) if is_calibrated and not scenario.system.device.overrides() else None

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]


def _outside(scenario: Scenario) -> tuple[str, ...]:
    """Why the answer is extrapolation."""
    silicon = scenario.system.device.silicon
    known = calibration().silicon
    if silicon in known:
        return ()
    return (
        f"steps were measured on {', '.join(known)} alone, and their interval stands for {scenario.system.device.name} too",
    )


def _parts(of: Account) -> tuple[Part, ...]:
    """The parts of the stage that ends last; they add up to the step."""
    found = [
        Part(name=_ROLES[role], value=time_ps / _PS_PER_S, kind="compute") for role, time_ps in of.compute_ps.items()
    ]
    found += [
        Part(name=_named(line), value=time_ps / _PS_PER_S, kind="network") for line, time_ps in of.exposed_ps.items()
    ]
    found.append(Part(name="launching", value=of.host_ps / _PS_PER_S, kind="overhead"))
    found.append(Part(name="waiting for other stages", value=of.idle_ps / _PS_PER_S, kind="idle"))
    return tuple(sorted((part for part in found if part.value > 0), key=lambda part: -part.value))


def _named(line: Line) -> str:
    return f"{line.axis} {line.kind}"


def _bound(of: Account) -> Bound:
    """What takes most of the stage that ends last."""
    network = sum(of.exposed_ps.values())
    return max(
        (("compute", of.device_ps), ("network", network), ("overhead", of.idle_ps + of.host_ps)),
        key=lambda pair: pair[1],
    )[0]  # type: ignore[return-value]


def _facts(
    scenario: Scenario,
    step: _Step,
    accounts: Sequence[Account],
    memories: Sequence[Footprint],
    slowest: int,
    products: float,
) -> StepFacts:
    model, last = step.model, accounts[slowest]
    names = _networks(scenario, step, slowest)
    exposed = tuple(
        Exposed(
            axis=line.axis,
            kind=line.kind,
            network=names[line],
            time_s=last.talk_ps[line] / _PS_PER_S,
            exposed_s=last.exposed_ps[line] / _PS_PER_S,
            size_bytes=last.talk_bytes[line],
        )
        for line in last.talk_ps
    )
    end_ps = step.end_ps
    return StepFacts(
        microbatches=model.microbatches,
        replicas=model.sizes["dp"],
        sequences=model.microbatches * model.sizes["dp"] * scenario.plan.batch,
        hardware_flop=products,
        bubble=sum(one.idle_ps for one in accounts) / (len(accounts) * end_ps) if end_ps else 0.0,
        exposed=exposed,
        stages=tuple(
            StageFacts(
                stage=at,
                compute_s=one.device_ps / _PS_PER_S,
                host_s=one.host_ps / _PS_PER_S,
                exposed_s=sum(one.exposed_ps.values()) / _PS_PER_S,
                idle_s=one.idle_ps / _PS_PER_S,
                memory=memories[at],
            )
            for at, one in enumerate(accounts)
        ),
    )


def _networks(scenario: Scenario, step: _Step, stage: int) -> dict[Line, str]:
    """The dimensions of the network that each exchange of a stage crosses."""
    found: dict[Line, str] = {}
    for action in step.programs[stage].actions:
        if isinstance(action, Compute):
            continue
        where = exchange_of(action, step.model, scenario.system).spread
        crossed = [one.name for one, count in zip(scenario.system.dimensions, where, strict=False) if count > 1]
        found.setdefault(line_of(action), " and ".join(crossed))
    return found
