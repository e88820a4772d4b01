"""A step of training on a cluster -> when each rank ends, and what it did."""

from __future__ import annotations

from gnomon.engines.training.simulate.events import by_events
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.outcome import Simulation
from gnomon.engines.training.simulate.symmetry.alike import NotAlike
from gnomon.engines.training.simulate.symmetry.classes import by_classes


def simulate(given: Given, *, exact_events: bool = False) -> Simulation:
    """Simulate one rank of each class of equal ranks, or each rank where that is not exact, or asked for. BadInput, Unsupported."""
    if exact_events:
        return by_events(given, "asked for")
    try:
        return by_classes(given)
    except NotAlike as reason:
        return by_events(given, str(reason))
