"""Vidur as an engine: it simulates the service that the serving engine sets up, with the same times of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gnomon.adapters.vidur.read import NAME, read
from gnomon.adapters.vidur.run import run
from gnomon.adapters.vidur.translate import is_grouped, missing, translate
from gnomon.core.errors import BadInput, ToolMissing, Unsupported, near_match
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.tell import Tell, silent
from gnomon.core.tool import Installed, Limits
from gnomon.tools.inside import installed
from gnomon.tools.pins import read_pin
from gnomon.tools.serving.answer import prediction
from gnomon.tools.serving.once import Once
from gnomon.tools.serving.services import Services, ServicesBy
from gnomon.tools.serving.stream import of_the_warmup

_KV_STEP = 256  # Vidur's own default
_OF_SERVING = ("timer", "exchanges", "software")  # handed on to the serving engine, which has the defaults
_SETTINGS = {
    "timer": "engine that gives operator times, as of the serving engine",
    "exchanges": "source of communication times, as of the serving engine",
    "software": "whose efficiencies are in the times of steps, as of the serving engine",
    "kv_step": f"tokens that lengths in the KV cache are rounded up to, a multiple of 32 (default {_KV_STEP}, as Vidur's)",
}
_LIMITS = Limits(time_s=1800.0)  # it takes some 80 s of a core for 100,000 requests


class Vidur:
    """Answers services under the policies that Vidur knows, as far as it is installed."""

    name = NAME
    cites = ("Agrawal et al. 2024, Vidur: a large-scale simulation framework for LLM inference, MLSys",)
    pin = read_pin(Path(__file__).parent)

    def __init__(self, services: ServicesBy | None = None, settings: Mapping[str, str] | None = None) -> None:
        self._by, self._given = services, dict(settings or {})
        self._kv_step = _multiple(self._given.get("kv_step", str(_KV_STEP)))
        self._services: Services | None = None  # made when it is first asked
        self._once = Once()

    def of_services(self, services: ServicesBy) -> Vidur:
        """The adapter with that source of services."""
        return Vidur(services, self._given)

    @property
    def settings(self) -> Mapping[str, str]:
        """What each setting means, by its name."""
        return _SETTINGS

    def tuned(self, settings: Mapping[str, str], tell: Tell = silent) -> Vidur:
        """The adapter with these settings. BadInput."""
        for name in settings:
            if name not in _SETTINGS:
                raise BadInput(
                    f"no setting of vidur's{near_match(name, _SETTINGS)} (known: {', '.join(_SETTINGS)})",
                    field=f"vidur.{name}",
                )
        try:
            made = Vidur(self._by, settings)
            if made._by is not None and made._of_serving():
                made._service_source()
        except BadInput as fault:
            raise fault.at(field=f"vidur.{fault.field.rpartition('.')[2]}") from None
        return made

    def _of_serving(self) -> dict[str, str]:
        return {name: self._given[name] for name in _OF_SERVING if name in self._given}

    def _service_source(self) -> Services:
        """Unsupported where there is none."""
        if self._by is None:
            raise Unsupported("vidur needs a source of services")
        if self._services is None:
            self._services = self._by(self._of_serving())
        return self._services

    def installed(self) -> Installed | None:
        """Its environment."""
        return installed(self.name)

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer; that it is not installed only where nothing else is in the way. BadInput of a plan."""
        if reasons := self._declined(scenario):
            return reasons
        return () if self.installed() else (f"{self.name} is not installed: run `gnomon tools install {self.name}`",)

    def _declined(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons that lie in the scenario."""
        if scenario.plan.serving is None:
            return ("vidur simulates services alone: use mode serve",)
        if scenario.plan.serving.warmup_s is not None:
            return (of_the_warmup(self.name),)
        try:
            return tuple(missing(*self._service_source()(scenario)))
        except Unsupported as reason:
            return (str(reason),)

    def predict(self, scenario: Scenario) -> Prediction:
        """The answer. Unsupported with the reasons of `missing`; ToolError where the tool is missing or fails."""
        if reasons := self.missing(scenario):
            raise (Unsupported if self._declined(scenario) else ToolMissing)("; ".join(reasons))
        service, arrivals = self._service_source()(scenario)
        files = translate(service, arrivals, scenario.workload, self._kv_step)
        output = self._once.run(files, lambda given: run(self.name, self.pin, given, _LIMITS))
        grouped = is_grouped(scenario.workload)
        return prediction(
            scenario,
            read(output, service, arrivals, kv_step=self._kv_step, is_grouped=grouped),
            engine=self.name,
            cites=self.cites,
            settings=tuple(f"{name}={self._given[name]}" for name in _SETTINGS if name in self._given),
        )

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order; quantities of one service come from one run."""
        return [self.predict(scenario) for scenario in scenarios]


def _multiple(text: str) -> int:
    if not text.isdecimal() or int(text) < 32 or int(text) % 32:
        raise BadInput(f"{text!r:.40} is not a multiple of 32", field="kv_step")
    return int(text)
