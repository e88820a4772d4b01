"""A scenario: one workload on one system - the question that every engine is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gnomon.core.digest import digest
from gnomon.core.errors import BadInput
from gnomon.core.plan import Plan
from gnomon.core.system import System
from gnomon.core.workload import Workload


@dataclass(frozen=True, kw_only=True)  # no slots: the digest is kept once computed
class Scenario:
    """What runs, on what, how."""

    workload: Workload
    system: System
    plan: Plan

    def __post_init__(self) -> None:
        for field in ("mode", "batch", "dtype"):
            graph, plan = getattr(self.workload, field), getattr(self.plan, field)
            if graph != plan:
                raise BadInput(f"{self.workload.name}: the graph's {field} is {graph!r}, the plan's {plan!r}")

    def declined_by_a_pass(self, engine: str) -> tuple[str, ...]:
        """The reason of an engine that times single passes, where a service is asked for."""
        if self.plan.serving is None:
            return ()
        return (f"{engine} answers for one pass through the model; engine serving simulates a service",)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits over every value that can change an answer: the cache key.

        Equal digests are the same question, however its system was spelled. Names of nodes count, so a different digest
        does not promise a different answer.
        """
        parts = (self.workload.digest, self.system.digest, self.plan)
        serving = self.plan.serving
        if serving is None or serving.prefill_on is None:
            return digest(parts)
        return digest((*parts, self.system.scale_out))  # what joins it to another system
