"""Asking a tool of services: which requests come, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gnomon.core.errors import ToolMissing, Unsupported
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.tool import Installed
from gnomon.tools.serving.stream import of_the_warmup

Streams = Callable[[ServingPlan], Arrivals | None]  # the requests of a plan; None where it does not say what comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands between a scenario and a tool."""

    name: str
    streams: Streams
    missing: Callable[[Scenario, Arrivals], Iterable[str]]  # reasons that lie in the scenario

    def declined(self, scenario: Scenario) -> tuple[str, ...]:
        """Reasons that lie in the scenario."""
        plan = scenario.plan.serving
        if plan is None:
            return (f"{self.name} answers for services alone: use mode serve",)
        if plan.has_prefill_pool:
            return (f"{self.name} is not asked for services whose prompts are computed by replicas of their own",)
        if plan.has_kv_tiers:
            return (f"{self.name} is not asked for services with slower memories behind the KV cache",)
        if plan.warmup_s is not None:
            return (of_the_warmup(self.name),)
        if plan.beside is not None:
            return (f"{self.name} is not asked for services with another model on their devices",)
        arrivals = self.streams(plan)
        if arrivals is None:
            return (f"{self.name} needs the requests that come, and the scenario does not say them",)
        if plan.quantity == "tpot" and len(arrivals) and int(arrivals.decode_tokens.max()) < 2:
            return ("no answer has a second token, so there is no time per output token",)
        return tuple(self.missing(scenario, arrivals))

    def reasons(self, scenario: Scenario, installed: Installed | None) -> tuple[str, ...]:
        """The same; that it is not installed only where nothing else is in the way."""
        if reasons := self.declined(scenario):
            return reasons
        return () if installed else (f"{self.name} is not installed: run `gnomon tools install {self.name}`",)

    def arrivals(self, scenario: Scenario, installed: Installed | None) -> Arrivals:
        """The requests. Unsupported, or ToolMissing where nothing but the tool is missing."""
        if reasons := self.reasons(scenario, installed):
            raise (Unsupported if self.declined(scenario) else ToolMissing)("; ".join(reasons))
        plan = scenario.plan.serving
        found = None if plan is None else self.streams(plan)
        assert found is not None
        return found
