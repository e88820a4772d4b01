"""The layers that an accelerator maps, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gnomon.api.operators import head

if TYPE_CHECKING:
    from gnomon.api.answers import Answer


def layer_table(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """A flat row for each layer of each pass that was mapped: of which pass it is, then its figures of one copy.

    `energy_NAME_j` is what that part of the machine takes, `gap` the share of the objective above the search's bound.
    """
    rows = []
    for answer in answers:
        for outcome in answer.outcomes:
            if outcome.prediction is None or outcome.prediction.mapped is None:
                continue
            mapped = outcome.prediction.mapped
            for layer in mapped.layers:
                rows.append(
                    head(answer, outcome)
                    | {
                        "name": layer.name,
                        "nodes": ";".join(layer.nodes),
                        "count": layer.count,
                        "macs": layer.macs,
                        "cycles": layer.cycles,
                        "time_s": layer.cycles / mapped.clock_hz,
                        "total_s": layer.count * layer.cycles / mapped.clock_hz,
                        "energy_j": layer.total_energy_pj * 1e-12,
                        "total_energy_j": layer.count * layer.total_energy_pj * 1e-12,
                        "utilization": layer.utilization,
                        "bound": layer.bound,
                        "bound_by": layer.bound_by,
                        "gap": layer.gap,
                        "effort": layer.effort,
                    }
                    | {f"energy_{part}_j": energy_pj * 1e-12 for part, energy_pj in layer.energy_pj.items()}
                )
    return rows
