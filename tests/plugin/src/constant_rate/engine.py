"""time = flop / 1e12 + bytes / 1e12, whatever the device."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.core.errors import Unsupported
from gnomon.core.prediction import Part, Prediction, Provenance
from gnomon.core.scenario import Scenario

RATE_PER_S = 1e12  # made up: a round number of flop and of bytes


class ConstantRate:
    """Answers everything on one device."""

    name = "constant-rate"
    cites: tuple[str, ...] = ()

    def missing(self, scenario: Scenario) -> tuple[str, ...]:
        """A reason where there are several devices."""
        count = scenario.system.count
        return () if count == 1 else (f"constant-rate knows one device, not {count}",)

    def predict(self, scenario: Scenario) -> Prediction:
        """The time of one pass. Raises Unsupported with the reasons of `missing`."""
        if reasons := self.missing(scenario):
            raise Unsupported("; ".join(reasons))
        workload, table = scenario.workload, scenario.workload.table
        flop = float((table.flop * table.repeat).sum())
        moved = float(((table.read_bytes + table.write_bytes) * table.repeat).sum())
        compute = Part(name="arithmetic", value=flop / RATE_PER_S, kind="compute")
        traffic = Part(name="traffic", value=moved / RATE_PER_S, kind="memory")
        need = workload.footprint
        return Prediction(
            quantity="time",
            value=compute.value + traffic.value,
            unit="s",
            interval=None,
            parts=(compute, traffic),
            bound="compute" if compute.value >= traffic.value else "memory",
            memory=need,
            fits=need.total_bytes <= scenario.system.device.memory_bytes.value,
            flop=flop,
            moved_bytes=moved,
            assumptions=workload.assumptions,
            outside=("a made-up rate: nothing was ever validated",),
            provenance=Provenance(engine=self.name, version="1.2.3", scenario=scenario.digest, cites=self.cites),
        )

    def predict_many(self, scenarios: Sequence[Scenario]) -> list[Prediction]:
        """The answers in order."""
        return [self.predict(scenario) for scenario in scenarios]
