"""What the units of a run come to by name: the series that criteria, gates and aggregates are made of."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from gnomon.lab.specs.expression import Value
from gnomon.lab.specs.plan import Phase, Unit
from gnomon.lab.specs.spec import Metric, Spec
from gnomon.lab.store.state import State

_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
    "sum": math.fsum,
}


def series(spec: Spec, planned: Iterable[Unit], state: State, treatment: Phase = "full") -> dict[str, Value]:
    """Every name that a criterion can use, with a value for each unit: baseline arms of the baseline phase, the others of
    `treatment`. A unit without a value makes a series undecidable: None stands in it.
    """
    roles = {arm.name: arm.role for arm in spec.protocol.arms}
    by_name: dict[str, list[float | None]] = {}
    alone = [name for name, role in roles.items() if role == "treatment"]
    for unit in planned:
        if unit.phase != ("baseline" if roles.get(unit.arm) == "baseline" else treatment):
            continue
        ended = state.units.get(unit.id)
        for metric in spec.metrics.every:
            value = ended.metrics.get(metric.name) if ended is not None else None
            names = [f"{unit.arm}.{metric.name}"]
            names += [f"{unit.arm}.{unit.cell}.{metric.name}"] if unit.cell else []
            names += [metric.name] if alone == [unit.arm] else []
            for name in names:
                by_name.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in by_name.items()}  # type: ignore[arg-type]


def aggregated(metric: Metric, values: Value) -> float | None:
    """One number of a series, as the spec takes it together; None where a value is missing."""
    if not isinstance(values, tuple) or not values or any(value is None for value in values):
        return None
    return _AGGREGATES[metric.aggregate](values)


def of_arm(spec: Spec, arm: str, values: Mapping[str, Value]) -> dict[str, float | None]:
    """Every metric of an arm, over its cells and seeds."""
    return {metric.name: aggregated(metric, values.get(f"{arm}.{metric.name}")) for metric in spec.metrics.every}
