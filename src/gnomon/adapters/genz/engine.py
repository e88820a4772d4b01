"""GenZ as an engine: a service's prompt and decode steps by its rooflines, at the load that its rate brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnomon.adapters.genz.read import NAME, read
from gnomon.adapters.genz.run import run
from gnomon.adapters.genz.translate import missing, translate
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario
from gnomon.core.tool import Installed, Limits
from gnomon.tools.inside import installed
from gnomon.tools.pins import read_pin
from gnomon.tools.serving.answer import prediction
from gnomon.tools.serving.asked import Asked, Streams
from gnomon.tools.serving.once import Once
from gnomon.tools.serving.stream import said_in


class GenZ:
    """Answers services, as far as GenZ is installed."""

    name = NAME
    cites = (
        "Bambhaniya et al. 2024, Demystifying Platform Requirements for Diverse LLM Inference Use Cases, arXiv 2406.01698",
    )
    pin = read_pin(Path(__file__).parent)

    def __init__(self, streams: Streams = said_in) -> None:
        self._asked = Asked(name=self.name, streams=streams, missing=missing)
        self._once = Once()

    def installed(self) -> Installed | None:
        """Its environment."""
        return installed(self.name)

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons why it cannot answer; that it is not installed only where nothing else is in the way."""
        return self._asked.reasons(scenario, self.installed())

    def predict(self, scenario: Scenario) -> Prediction:
        """The answer. Unsupported with the reasons of `missing`; ToolError where the tool is missing or fails."""
        arrivals = self._asked.arrivals(scenario, self.installed())
        files = translate(scenario, arrivals)
        output = self._once.run(files, lambda given: run(self.name, self.pin, given, Limits()))
        return prediction(scenario, read(output, scenario, arrivals), engine=self.name, cites=self.cites)

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order; quantities of one service come from one run."""
        return [self.predict(scenario) for scenario in scenarios]
