"""ASTRA-sim as an engine: a training step is divided and its operators are timed here, its exchanges are simulated there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from gnomon.adapters.astrasim.adapter import PIN, ask
from gnomon.adapters.astrasim.binaries import binary, installed, words_without
from gnomon.adapters.astrasim.cluster import ClusterAnswer, ClusterQuestion
from gnomon.adapters.astrasim.translate import declined_network
from gnomon.core.engine import OpTimer
from gnomon.core.errors import BadInput, ToolMissing, Unsupported, near_match
from gnomon.core.exchange import ExchangeTimer
from gnomon.core.fabric import BACKENDS, backend_of
from gnomon.core.prediction import Part, Prediction, Provenance
from gnomon.core.scenario import Scenario
from gnomon.core.step_facts import StageFacts, StepFacts
from gnomon.core.tell import Tell, silent
from gnomon.core.tool import Installed, Limits
from gnomon.core.version import version
from gnomon.formats.host import EAGER, MEANING, host_of
from gnomon.parallel.as_trace import TICK_PS, cluster_of, step_fabric
from gnomon.parallel.legal import step_share
from gnomon.parallel.memory import stage_memory
from gnomon.parallel.model_share import ModelShare
from gnomon.parallel.program import Program, programs
from gnomon.parallel.times import Numbers, computation_times_s, durations_ps, launched_times_s
from gnomon.parallel.work import step_work

_NS_PER_S = 1e9
_SETTINGS = {
    "timer": "engine that gives operator times",
    "host": MEANING,
    "backend": "unaware: messages do not meet (default); aware: links carry one at a time, in a network of one dimension",
    "ranks": "the most ranks of a step; it simulates every one of them, message by message",
}
# By default. 256 ranks took 15 to 31 s of a core (llama-2-7b dp 256, tp 8 dp 32; llama-2-70b tp 8 pp 4 dp 8), 512 23 and 44 s, and
# 1,024 (tp 8 dp 128) no answer in 400 s. [518bd51, a micro-batch a stage and replica]
_RANKS = 256
_ASSUMPTIONS = (
    "computations take what the operator times say, held up by the host that launches them, in whole microseconds and at least one; "
    "starting communication costs the host nothing",
    "a cycle of ASTRA-sim is a nanosecond; what a rank does not compute counts as exposed, whatever it waits for",
    "collectives are rings in four chunks, through the dimensions of the network one after another; a message between stages is "
    "charged the innermost dimension in which they differ",
    "nothing is charged for starting a collective, for NCCL's protocols, or for memory that the network uses",
    "ASTRA-sim's programs do not tell their version: the one that the adapter is made for is told",
)


class AstraSim:
    """Answers steps of training on two devices or more, as far as ASTRA-sim's programs are installed."""

    name = "astra-sim"
    cites = (
        "Won et al. 2023, ASTRA-sim2.0: Modeling Hierarchical Networks and Disaggregated Systems for Large-model Training at Scale, ISPASS",
        "Sridharan et al. 2023, Chakra: Advancing Performance Benchmarking and Co-design using Standardized Execution Traces, arXiv 2305.14516",
    )
    pin = PIN

    def __init__(
        self,
        timers: Callable[[str], OpTimer] | None = None,
        settings: Mapping[str, str] | None = None,
        tell: Tell = silent,
    ) -> None:
        self._timers, self._tell = timers, tell
        given = {"timer": "kernel", "host": EAGER, "backend": BACKENDS[0], "ranks": str(_RANKS)} | dict(settings or {})
        self._given, self._ranks = given, _whole(given["ranks"])
        try:
            self._backend, self._host = backend_of(given["backend"]), host_of(given["host"])
        except BadInput as fault:
            raise fault.at(field=f"astra-sim.{fault.field}") from None

    def composed(self, timers: Callable[[str], OpTimer], exchanges: Callable[[str], ExchangeTimer]) -> AstraSim:
        """The adapter with these sources of operator times; exchanges it times itself."""
        return AstraSim(timers, self._given, self._tell)

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        return _SETTINGS

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> AstraSim:
        """The adapter with these settings. BadInput."""
        for name in settings:
            if name not in _SETTINGS:
                raise BadInput(
                    f"no setting of astra-sim's{near_match(name, _SETTINGS)} (known: {', '.join(_SETTINGS)})",
                    field=f"astra-sim.{name}",
                )
        made = AstraSim(self._timers, settings, tell)
        if self._timers is not None:
            self._timers(made._given["timer"])
        return made

    def installed(self) -> Installed | None:
        """Its programs on the PATH or in the folder of tools, or its image."""
        return installed()

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer; that it is not installed only where nothing else is in the way. BadInput of a plan."""
        if reasons := self._declined(scenario):
            return reasons
        return () if binary(self._backend) else (words_without(self._backend, PIN.by_hand),)

    def _declined(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons that lie in the scenario and the settings."""
        system = scenario.system
        if system.count > self._ranks:
            return (
                f"{system.count:,} ranks: astra-sim simulates each of them, and astra-sim.ranks, which can be raised, is {self._ranks:,}",
            )
        try:
            model, _, _ = self._divided(scenario)
            return tuple(f"astra-sim: {one}" for one in declined_network(step_fabric(model, system), self._backend))
        except Unsupported as reason:
            return (str(reason),)

    def _divided(self, scenario: Scenario) -> tuple[ModelShare, tuple[Program, ...], tuple[Numbers, ...]]:
        """What each stage does, and how long its computations take. BadInput, Unsupported."""
        if self._timers is None:
            raise Unsupported("astra-sim needs a source of operator times")
        model = step_share(scenario, self.name)
        made = programs(model)
        times = computation_times_s(made, scenario.system.device, self._timers(self._given["timer"]))
        return model, made, launched_times_s(made, times, self._host)

    def predict(self, scenario: Scenario) -> Prediction:
        """When the last rank ends. Unsupported with the reasons of `missing`; ToolError where the tool is missing or fails."""
        if reasons := self.missing(scenario):
            self._decline(scenario, reasons)
        model, made, times = self._divided(scenario)
        asked = self._question(scenario, model, made, times)
        self._tell(f"astra-sim simulates {asked.fabric.npus:,} ranks")
        return self._prediction(scenario, model, made, ask(asked, Limits()))

    def question(self, scenario: Scenario) -> ClusterQuestion:
        """What the tool is asked. Unsupported, BadInput."""
        return self._question(scenario, *self._divided(scenario))

    def _question(
        self, scenario: Scenario, model: ModelShare, made: Sequence[Program], times: Sequence[Numbers]
    ) -> ClusterQuestion:
        trace, fabric, rules = cluster_of(model, made, durations_ps(made, times, TICK_PS), scenario.system)
        return ClusterQuestion(trace=trace, fabric=fabric, rules=rules, backend=self._backend)

    def _decline(self, scenario: Scenario, reasons: Sequence[str]) -> NoReturn:
        raise (Unsupported if self._declined(scenario) else ToolMissing)("; ".join(reasons))

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order; the tool takes one step at a time."""
        return [self.predict(scenario) for scenario in scenarios]

    def _prediction(
        self, scenario: Scenario, model: ModelShare, made: Sequence[Program], found: ClusterAnswer
    ) -> Prediction:
        last = max(range(len(found.cycles)), key=found.cycles.__getitem__)
        exposed = found.exposed[last]
        computing = found.cycles[last] - exposed
        stages = _stages(scenario, model, found)
        memory = max((stage.memory for stage in stages), key=lambda one: one.total_bytes)
        work = step_work(model, made)
        parts = (
            Part(name="computation", value=computing / _NS_PER_S, kind="compute"),
            Part(name="exposed communication", value=exposed / _NS_PER_S, kind="network"),
        )
        return Prediction(
            quantity="time",
            value=found.cycles[last] / _NS_PER_S,
            unit="s",
            interval=None,
            parts=tuple(sorted((part for part in parts if part.value), key=lambda part: -part.value)),
            bound="network" if exposed > computing else "compute",
            memory=memory,
            fits=memory.total_bytes <= scenario.system.device.memory_bytes.value,
            flop=work.flop,
            moved_bytes=work.moved_bytes,
            assumptions=(*scenario.workload.assumptions, *_ASSUMPTIONS, *found.notes),
            outside=scenario.workload.outside,
            provenance=Provenance(
                engine=self.name,
                version=f"{found.version}, driven by gnomon {version()}",
                scenario=scenario.digest,
                cites=self.cites,
                overrides=scenario.system.device.overrides(),
                settings=tuple(f"{name}={self._given[name]}" for name in _SETTINGS),
            ),
            step=StepFacts(
                microbatches=model.microbatches,
                replicas=model.sizes["dp"],
                sequences=model.microbatches * model.sizes["dp"] * scenario.plan.batch,
                hardware_flop=work.products_flop,
                bubble=None,
                exposed=(),
                stages=stages,
            ),
        )


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise BadInput(f"{text!r:.40} must be a whole number of at least 2", field="astra-sim.ranks")
    return int(text)


def _stages(scenario: Scenario, model: ModelShare, found: ClusterAnswer) -> tuple[StageFacts, ...]:
    """Of each stage, the rank that ends last; what it waits for before it ends counts as exposed."""
    per_stage = len(found.cycles) // len(model.stages)
    working = scenario.workload.gradient_dtype or scenario.workload.dtype
    made = []
    for at, stage in enumerate(model.stages):
        ranks = range(at * per_stage, (at + 1) * per_stage)
        last = max(ranks, key=found.cycles.__getitem__)
        made.append(
            StageFacts(
                stage=at,
                compute_s=(found.cycles[last] - found.exposed[last]) / _NS_PER_S,
                exposed_s=found.exposed[last] / _NS_PER_S,
                idle_s=(max(found.cycles) - found.cycles[last]) / _NS_PER_S,
                memory=stage_memory(model, stage, working),
            )
        )
    return tuple(made)
