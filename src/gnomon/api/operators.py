"""The operators behind an outcome, one row each, with the roofs of the device they ran under."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnomon.api.answers import Outcome
from gnomon.core.dtype import DTYPES
from gnomon.core.engine import Engine, OpTimer
from gnomon.core.op import FAMILIES
from gnomon.core.prediction import Bound

BOUNDS: tuple[Bound, ...] = ("compute", "memory", "overhead")


def operator_rows(outcome: Outcome, engine: Engine) -> list[dict[str, Any]] | None:
    """A row per node of the workload, in its order; None where the engine gives no operator times or no answer.

    `flop`, `moved_bytes` and `time_s` are of one copy; `repeat` says how many there are. `bound` is the longest of
    arithmetic at the device's peak, traffic at its bandwidth, and launches.
    """
    if outcome.prediction is None or not isinstance(engine, OpTimer):
        return None
    workload, device = outcome.scenario.workload, outcome.scenario.system.device
    table = workload.table
    times_s = engine.times_s(table, device)
    peaks = device.peaks_flop_per_s.take(table.peak_index)
    limits_s = np.vstack(
        [table.flop / peaks, table.moved_bytes / device.memory_bytes_per_s.value, table.launches * device.launch_s.value]
    )
    bound = limits_s.argmax(axis=0)
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
            "bound": BOUNDS[bound[index]],
            "peak_flop_per_s": float(peaks[index]),
        }
        for index, node in enumerate(workload.nodes)
    ]


def roofs(outcome: Outcome) -> dict[str, Any]:
    """The device's bandwidth, and the peaks that some operator of the workload meets, the highest first."""
    workload, device = outcome.scenario.workload, outcome.scenario.system.device
    table, dtypes = workload.table, list(DTYPES)
    met: dict[tuple[str, str], float] = {}
    for dtype, is_matrix, index in zip(table.dtype, table.is_matrix, table.peak_index, strict=True):
        peak = float(device.peaks_flop_per_s.take(index))
        if np.isfinite(peak):
            met[(dtypes[dtype], "matrix" if is_matrix else "vector")] = peak
    peaks = [{"dtype": d, "unit": u, "flop_per_s": p} for (d, u), p in met.items()]
    return {
        "memory_bytes_per_s": device.memory_bytes_per_s.value,
        "peaks": sorted(peaks, key=lambda peak: -float(str(peak["flop_per_s"]))),
    }
