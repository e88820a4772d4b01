"""metrics.json: what was measured, in a fixed structure, from the journal's state alone.

Keys are those that readers of experiments know: experiment, timestamp, baseline, treatment, per_seed, sanity_checks,
resource_usage, abort_triggered, abort_reason, notes; everything of ours is under _protocol. A declared metric is always
there, as a number or null with a reason, and no other is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gnomon.lab.specs.plan import Unit, of_phase
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.series import of_arm, series
from gnomon.lab.store.state import State

SCHEMA = "gnomon/metrics/1"


def metrics_document(
    spec: Spec, planned: Sequence[Unit], state: State, *, time: str, head: str, executor: str
) -> dict[str, Any]:
    """The whole document; time: of writing, head: the journal's."""
    values = series(spec, planned, state)
    baselines = [arm.name for arm in spec.protocol.arms if arm.role == "baseline"]
    treatments = [arm.name for arm in spec.protocol.arms if arm.role == "treatment"]
    is_aborted = state.end == "aborted"
    return {
        "experiment": spec.id,
        "timestamp": time,
        "baseline": of_arm(spec, baselines[0], values),
        "treatment": of_arm(spec, treatments[0], values),
        "per_seed": [_of_unit(unit, state) for phase in ("baseline", "full") for unit in of_phase(planned, phase)],
        "sanity_checks": {unit.arm: state.is_done(unit.id) for unit in of_phase(planned, "sanity")},
        "resource_usage": {
            "gpu_hours": state.gpu_hours,
            "wall_clock_seconds": state.wall_s,
            "total_training_steps": state.steps,
            "total_runs": state.ended,
        },
        "abort_triggered": is_aborted,
        "abort_reason": state.reason if is_aborted else None,
        "notes": "\n".join(_notes(spec, planned, state)),
        "_protocol": {
            "schema": SCHEMA,
            "spec_sha256": state.spec_sha256,
            "run_id": state.run,
            "journal_head": head,
            "enforcement": state.enforcement,
            "enforcement_violations": [_event(record, planned) for record in state.violations],
            "status": state.end or state.phase,
            "reason": state.reason or None,
            "executor": executor,
            "attempts": state.attempts,
            "units": _counts(planned, state),
            "missing": list(_missing(planned, state)),
            "nonfinite": list(_nonfinite(planned, state)),
            "waived_criteria": [
                {key: record[key] for key in ("id", "threshold", "estimate", "reason")} for record in state.waived
            ],
            "overages": [{key: record[key] for key in ("axis", "text")} for record in state.overages],
            "stats": {arm: _stats(spec, arm, values) for arm in (*baselines, *treatments)},
            "arms": {arm: of_arm(spec, arm, values) for arm in (*baselines[1:], *treatments[1:])},
            "mve": [_of_unit(unit, state) for unit in of_phase(planned, "mve")],
        },
    }


def _of_unit(unit: Unit, state: State) -> dict[str, Any]:
    found = state.units.get(unit.id)
    numbers = dict(found.metrics) if found is not None and found.done is not None else {}
    return {"arm": unit.arm, "cell": unit.cell, "seed": unit.seed, **unit.values, "unit": unit.id, "metrics": numbers}


def _counts(planned: Sequence[Unit], state: State) -> dict[str, int]:
    done = sum(state.is_done(unit.id) for unit in planned)
    failed = sum(unit.id in state.given_up for unit in planned)
    return {"planned": len(planned), "done": done, "failed": failed, "skipped": len(planned) - done - failed}


def _missing(planned: Sequence[Unit], state: State) -> Iterator[dict[str, Any]]:
    """Every number that is not there, and why: a unit that did not end, or a metric that it did not give."""
    for unit in planned:
        if unit.phase == "sanity":
            continue
        found = state.units.get(unit.id)
        place = {"phase": unit.phase, "arm": unit.arm, "cell": unit.cell, "seed": unit.seed}
        if found is None or found.done is None:
            yield {**place, "metric": None, "reason": (found.failure if found is not None else "") or "not run"}
            continue
        for metric, reason in found.missing.items():
            yield {**place, "metric": metric, "reason": reason}


def _nonfinite(planned: Sequence[Unit], state: State) -> Iterator[dict[str, Any]]:
    for unit in planned:
        found = state.units.get(unit.id)
        for metric, word in (found.nonfinite if found is not None else {}).items():
            yield {"arm": unit.arm, "cell": unit.cell, "seed": unit.seed, "metric": metric, "nonfinite": word}


def _stats(spec: Spec, arm: str, values: Mapping[str, Any]) -> dict[str, dict[str, float | int | None]]:
    """Number, mean and standard deviation over the units of an arm, with what the mean is known to by Student's t."""
    found: dict[str, dict[str, float | int | None]] = {}
    for metric in spec.metrics.every:
        numbers = [value for value in values.get(f"{arm}.{metric.name}") or () if value is not None]
        deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
        found[metric.name] = {
            "n": len(numbers),
            "mean": statistics.fmean(numbers) if numbers else None,
            "std": deviation,
            "ci95": _half_width(deviation, len(numbers)) if deviation is not None else None,
        }
    return found


def _half_width(deviation: float, count: int) -> float:
    """Half of the 95 % interval of a mean. [Student 1908]"""
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)


def _event(record: Mapping[str, Any], planned: Iterable[Unit]) -> dict[str, Any]:
    """A protocol event without the moment at which it happened, or the attempt: a unit begun anew tries it again."""
    labels = {unit.id: unit.label for unit in planned}
    of_the_moment = ("seq", "prev", "hash", "time", "mono", "kind", "pid", "attempt")
    kept = {key: value for key, value in record.items() if key not in of_the_moment}
    return {**kept, "label": labels.get(record.get("unit", ""), "")}


def _notes(spec: Spec, planned: Sequence[Unit], state: State) -> Iterator[str]:
    """Facts that are no metric."""
    for unit in planned:
        found = state.units.get(unit.id)
        for fact in found.facts if found is not None else ():
            yield f"{unit.label}: {fact}"
    for record in state.waived:
        yield f"criterion {record['id']} was waived: {record['reason']}"
    for record in state.notes:
        yield str(record["text"])


def observations(spec: Spec, planned: Iterable[Unit], state: State) -> Iterator[tuple[Any, ...]]:
    """One row for each number of each unit that ended: the long form, first row the columns."""
    yield (
        "run",
        "phase",
        "arm",
        "cell",
        "seed",
        "unit",
        "attempt",
        "metric",
        "value",
        "metric_unit",
        "direction",
        "missing",
    )
    for unit in planned:
        found = state.units.get(unit.id)
        if unit.phase == "sanity" or found is None or found.done is None:
            continue
        for metric in spec.metrics.every:
            value = found.metrics.get(metric.name)
            yield (
                state.run,
                unit.phase,
                unit.arm,
                unit.cell or "",
                unit.seed,
                unit.id,
                found.done,
                metric.name,
                "" if value is None else repr(value),
                metric.unit,
                metric.direction,
                found.missing.get(metric.name, ""),
            )
