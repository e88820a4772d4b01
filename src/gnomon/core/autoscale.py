"""How many replicas a service has from one moment to the next: as many as the requests under way want."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from gnomon.core.errors import BadInput

EVERY_S = 2.0  # Knative Serving's tick-interval
IDLE_S = 300.0  # Kubernetes' HorizontalPodAutoscaler: stabilizationWindowSeconds of scaling down


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscale:
    """When replicas start and go. Raises BadInput.

    Every `every_s` so many are wanted as keep `target_outstanding` requests each [concurrency target of Knative Serving and KServe];
    more start at once, fewer are kept only when for `idle_s` no more were wanted [scale-down-delay of Knative].
    """

    min: int = 1  # replicas
    max: int  # replicas
    target_outstanding: float  # requests of a replica that were sent and are not through
    every_s: float = EVERY_S
    start_s: float  # from the decision until requests are sent to a replica
    idle_s: float = IDLE_S

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInput(f"{value!r} is not a positive whole number", field=f"autoscale.{name}")
        for name in ("target_outstanding", "every_s", "start_s", "idle_s"):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value < math.inf
            may_be_0 = name in ("start_s", "idle_s")
            if not is_number or value < 0 or (value == 0 and not may_be_0):
                told = "a time of at least 0" if may_be_0 else "a number above 0"
                raise BadInput(f"{value!r} is not {told}", field=f"autoscale.{name}")
        if self.every_s < LEAST_EVERY_S:
            raise BadInput(f"{self.every_s:g} is less than {LEAST_EVERY_S:g} s", field="autoscale.every_s")
        if self.min > self.max:
            raise BadInput(f"{self.min} is more than the {self.max} of max", field="autoscale.min")
        if self.idle_s / self.every_s > MOST_TICKS:
            raise BadInput(f"{self.idle_s:g} s are more than {MOST_TICKS:,} times every_s", field="autoscale.idle_s")


LEAST_EVERY_S = 1e-3  # no autoscaler asks so often; each time is an event
MOST_TICKS = 1_000_000  # that are looked back on
FIELDS = tuple(field.name for field in fields(Autoscale))
