"""A service as the serving engine sets it up, for tools that simulate one: pools, limits, memory and times of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from gnomon.core.engine import Engine
from gnomon.core.scenario import Scenario
from gnomon.core.service import Arrivals, Service

# The service of a scenario, and its requests. Unsupported, BadInput.
Services = Callable[[Scenario], tuple[Service, Arrivals]]
# The same by settings of the serving engine: timer, exchanges, software. BadInput.
ServicesBy = Callable[[Mapping[str, str]], Services]


@runtime_checkable
class SimulatesServices(Protocol):
    """An engine that simulates services that are set up elsewhere."""

    def of_services(self, services: ServicesBy) -> Engine:
        """The engine with that source of services."""
        ...
