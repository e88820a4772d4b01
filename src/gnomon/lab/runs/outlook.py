"""How long a run has to go: what is left, at the median of the units that ended, and by which of the two estimates."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is left of a run."""

    left_s: float | None  # None: the run has ended, or has planned no unit yet
    basis: str  # what that is by


def outlook(spec: Spec, state: State) -> Outlook:
    """How long the units take that are left; sanity checks say nothing of how long the others take."""
    count = len(state.durations_s)
    basis = f"the median of {count} unit{'s' * (count != 1)}" if count else "the spec's estimate of a unit"
    if state.end is not None or not state.planned:
        return Outlook(left_s=None, basis=basis)
    unit_s = statistics.median(state.durations_s) if count else spec.protocol.unit_estimate
    left = state.planned - state.done - state.failed
    return Outlook(left_s=left * unit_s / spec.protocol.workers, basis=basis)
