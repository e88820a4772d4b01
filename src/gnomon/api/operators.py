"""The operators of a pass, one row each, with the roofs of the device that they ran under."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from gnomon.core.dtype import DTYPES
from gnomon.core.engine import Engine, OpBounds, OpTimer
from gnomon.core.op import FAMILIES
from gnomon.report.facts.operators import operator

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Outcome


def operator_fields(outcome: Outcome, engine: Engine) -> dict[str, Any]:
    """The fields `operators` and `roofs` of a pass; {} where it has no answer or the engine gives no operator times.

    An accelerator has no roofs: its memories stand in each other.
    """
    if outcome.prediction is None or not isinstance(engine, OpTimer):
        return {}
    rows = {"operators": operator_rows(outcome, engine)}
    return rows if outcome.scenario.system.device.design is not None else rows | {"roofs": roofs(outcome)}


def operator_rows(outcome: Outcome, engine: OpTimer) -> list[dict[str, Any]]:
    """A row for each node of the workload that the engine gives a time of, in its order.

    `flop`, `moved_bytes` and `time_s` are of one copy; `repeat` says how many there are. `bound` is there where the engine
    says what binds each operator.
    """
    workload, device = outcome.scenario.workload, outcome.scenario.system.device
    table = workload.table
    times_s = engine.times_s(table, device)
    bounds = engine.bounds(table, device) if isinstance(engine, OpBounds) else None
    dtypes = list(DTYPES)
    return [
        {
            "name": node.name,
            "family": FAMILIES[table.family[index]],
            "dtype": dtypes[table.dtype[index]],
            "phase": node.phase,
            "repeat": node.repeat,
            "flop": float(table.flop[index]),
            "moved_bytes": float(table.moved_bytes[index]),
            "time_s": float(times_s[index]),
        }
        | ({} if bounds is None else {"bound": bounds[index]})
        for index, node in enumerate(workload.nodes)
        if np.isfinite(times_s[index])
    ]


def roofs(outcome: Outcome) -> dict[str, Any]:
    """The device's bandwidth, and the peaks that some operator of the workload meets, the highest first."""
    workload, device = outcome.scenario.workload, outcome.scenario.system.device
    table, dtypes = workload.table, list(DTYPES)
    met = set(zip(table.dtype.tolist(), table.is_matrix.tolist(), strict=True))
    peaks = [
        {"dtype": dtypes[dtype], "unit": "matrix" if is_matrix else "vector", "flop_per_s": peak.value}
        for dtype, is_matrix in sorted(met)
        if (peak := device.peak(dtypes[dtype], is_matrix)) is not None
    ]
    return {
        "memory_bytes_per_s": device.memory_bytes_per_s.value,
        "peaks": sorted(peaks, key=lambda peak: -float(str(peak["flop_per_s"]))),
    }


def operator_table(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """A flat row for each operator of each answered pass: of which pass it is, then `gnomon.report.facts.operators`."""
    rows = []
    for answer in answers:
        for outcome in answer.outcomes:
            found = outcome.prediction
            fields = operator_fields(outcome, answer.asked_engine)
            if found is not None:
                rows += [head(answer, outcome) | operator(row, found.value) for row in fields.get("operators", ())]
    return rows


def head(answer: Answer, outcome: Outcome) -> dict[str, Any]:
    """Of which pass a row is."""
    return {
        "model": answer.question.model.name,
        "system": answer.question.system.name,
        "engine": answer.engine,
        "batch": outcome.scenario.plan.batch,
        "quantity": outcome.quantity,
        "mode": outcome.scenario.plan.mode,
        "pass": answer.pass_title(outcome),
    }
