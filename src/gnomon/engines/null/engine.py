"""The engine that never answers: what a reason looks like, in the smallest class that fills the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.core.errors import Unsupported
from gnomon.core.prediction import Prediction
from gnomon.core.scenario import Scenario


class NullEngine:
    """Declines every scenario."""

    name = "null"
    cites: tuple[str, ...] = ()

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """One reason, always."""
        return (f"null answers nothing, so not {scenario.workload.name} either; it shows what a reason looks like",)

    def predict(self, scenario: Scenario) -> Prediction:
        """Raises Unsupported."""
        raise Unsupported("; ".join(self.missing(scenario)))

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """Raises Unsupported unless there is nothing to answer."""
        return [self.predict(scenario) for scenario in scenarios]
