"""What a run has used of its budget, and whether the next unit may begin.

Runs, GPU-hours and money are hard: a unit that cannot fit is not begun. Wall-clock time is loose: the phase in course
completes. Work beyond needs a justification, which money never has.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection
from dataclasses import dataclass

from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.state import State

AXES = ("runs", "gpu_hours", "wall_clock", "usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One axis of the ledger."""

    axis: str
    used: float
    allowed: float
    unit: str

    @property
    def is_over(self) -> bool:
        """Whether more was used than allowed."""
        return self.used > self.allowed


def ledger(spec: Spec, state: State) -> tuple[Line, ...]:
    """What was used of what is allowed."""
    budget = spec.budget
    return (
        Line(axis="runs", used=runs(state), allowed=budget.max_runs, unit=""),
        Line(axis="gpu_hours", used=state.gpu_hours, allowed=budget.gpu_hours, unit="h"),
        Line(axis="wall_clock", used=state.wall_s, allowed=budget.wall_clock, unit="s"),
        Line(axis="usd", used=0.0, allowed=budget.max_usd, unit="USD"),
    )


def runs(state: State) -> int:
    """Attempts that ended or are at work; one that was lost with its runner is begun anew and counts once."""
    return state.ended + state.at_work


def refuses_unit(spec: Spec, state: State, *, justified: Collection[str]) -> str:
    """Why the next unit may not begin; empty: it may. It is expected to take what the median of those that ended took."""
    budget, gpus = spec.budget, spec.compute_profile.gpus
    if runs(state) + 1 > budget.max_runs and "runs" not in justified:
        return f"runs: {runs(state)} of {budget.max_runs} used"
    if gpus and "gpu_hours" not in justified:
        unit_s = statistics.median(state.durations_s) if state.durations_s else spec.protocol.unit_estimate
        hours = gpus * unit_s / 3600
        if state.gpu_hours + hours > budget.gpu_hours:
            return f"gpu_hours: {state.gpu_hours:.4g} of {budget.gpu_hours:g} used, and the next unit takes {hours:.2g}"
    return ""


def refuses_phase(spec: Spec, state: State, *, justified: Collection[str]) -> str:
    """Why the next phase may not begin; empty: it may."""
    if state.wall_s > spec.budget.wall_clock and "wall_clock" not in justified:
        return f"wall_clock: {state.wall_s:.4g} s of {spec.budget.wall_clock:g} s used"
    return ""
