"""A second model on the devices of a service, with a plan of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gnomon.core.workload import Workload

if TYPE_CHECKING:
    from gnomon.core.plan import Plan
    from gnomon.core.serving_plan import ServingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The model and how it is run: as many replicas, of as many devices, as the one that it is beside."""

    workload: Workload
    plan: Plan

    @property
    def name(self) -> str:
        """Of the model."""
        return self.workload.name

    @property
    def serving(self) -> ServingPlan:
        """How it is served."""
        found = self.plan.serving
        assert found is not None  # ServingPlan sees to it
        return found
