"""Abort criteria over live numbers, and the one case in which a limit of time is set aside.

A limit of time is unrealistic where it is below 1.5 times what a unit takes: the median of the units that ended, or the
spec's own estimate before there are any. It is then waived before its first use, with the numbers, and nothing else ever
is: no criterion on a metric or a resource, no budget.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gnomon.lab.specs import expression
from gnomon.lab.specs.expression import Node, Value
from gnomon.lab.specs.spec import Abort
from gnomon.lab.specs.spec_rules import LIVE, time_limit

UNREALISTIC = 1.5  # times the estimate, below which a limit of time ends sound units
MEASURED = 3  # units that must have ended before their median replaces the spec's estimate


@dataclass(slots=True)
class Watch:
    """One criterion, and how often in a row it has held."""

    criterion: Abort
    expr: Node
    held: int = 0

    def is_asked(self, about: str | None) -> bool:
        """Whether a live criterion has something new to say; others are asked whenever their check is made."""
        if self.criterion.check != "live":
            return True
        named = {name.name for name in expression.names(self.expr)}
        return about in named if about is not None else named <= set(LIVE)

    def look(self, values: Mapping[str, Value]) -> bool:
        """Whether it fires on these values. What cannot be decided does not count, and breaks no row."""
        found = expression.evaluate(self.expr, values)
        if found is None:
            return False
        self.held = self.held + 1 if found else 0
        return self.held >= self.criterion.for_consecutive


@dataclass(slots=True)
class Criteria:
    """Every criterion in force."""

    watches: list[Watch] = field(default_factory=list)

    @classmethod
    def of(cls, criteria: Sequence[Abort], waived: Sequence[str], held: Mapping[str, int]) -> Criteria:
        """Those of a spec that were not waived; held: how often in a row each has held so far."""
        return cls(
            [Watch(one, expression.parse(one.expr), held.get(one.id, 0)) for one in criteria if one.id not in waived]
        )

    @property
    def held(self) -> dict[str, int]:
        """How often in a row each criterion on units or phases has held; those of live ones end with their unit."""
        return {one.criterion.id: one.held for one in self.watches if one.held and one.criterion.check != "live"}

    def fired(self, check: str, values: Mapping[str, Value], about: str | None = None) -> Abort | None:
        """The first criterion of that kind of check that fires.

        about: the metric that was just observed; criteria that do not name it are not asked. None: at a moment of no
        observation, when live criteria on metrics are not asked.
        """
        fired = [
            watch.criterion
            for watch in self.watches
            if watch.criterion.check == check and watch.is_asked(about) and watch.look(values)
        ]
        return fired[0] if fired else None

    def live(self) -> Criteria:
        """Those that are held against a unit at work: each unit has rows of its own."""
        return Criteria([replace(watch, held=0) for watch in self.watches if watch.criterion.check == "live"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A limit of time that is set aside, with the numbers that show why."""

    id: str
    limit_s: float
    estimate_s: float
    reason: str


def waivers(
    criteria: Sequence[Abort], *, unit_estimate_s: float, units: int, workers: int, durations_s: Sequence[float]
) -> list[Waiver]:
    """Criteria of kind time whose limit is unrealistic; durations_s: of the units that ended."""
    is_measured = len(durations_s) >= MEASURED
    unit_s = statistics.median(durations_s) if is_measured else unit_estimate_s
    basis = f"the median of {len(durations_s)} units" if is_measured else "the spec's estimate"
    found = []
    for one in criteria:
        limit = time_limit(one.expr) if one.kind == "time" and one.waivable else None
        if limit is None:
            continue
        estimate_s = unit_s if limit[0] == "elapsed" else unit_s * units / workers
        if limit[1] < UNREALISTIC * estimate_s:
            reason = f"{limit[0]} > {limit[1]:g} s is below {UNREALISTIC:g} times {estimate_s:g} s, by {basis}"
            found.append(Waiver(id=one.id, limit_s=limit[1], estimate_s=estimate_s, reason=reason))
    return found
