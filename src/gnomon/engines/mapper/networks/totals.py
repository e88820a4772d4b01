"""From the layers to the network: sums over all copies, and how far they are from the least that there can be.

Layers run one after another, and nothing stays on the chip between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from gnomon.core.mapped import Mapped, MappedLayer


def network(layers: Sequence[MappedLayer], objective: str, conventions: str, clock_hz: float, units: int) -> Mapped:
    """The sums over all layers and their copies."""
    cycles = sum(layer.count * layer.cycles for layer in layers)
    by_part_j: dict[str, float] = {}
    for layer in layers:
        for part, energy_pj in layer.energy_pj.items():
            by_part_j[part] = by_part_j.get(part, 0.0) + layer.count * energy_pj * 1e-12
    energy_j = sum(by_part_j.values())
    least = network_least(layers, objective)
    return Mapped(
        objective=objective,
        conventions=conventions,
        clock_hz=clock_hz,
        layers=tuple(layers),
        cycles=cycles,
        energy_j=energy_j,
        energy_by_part_j=by_part_j,
        utilization=sum(layer.count * layer.macs for layer in layers) / (units * cycles),
        least=least,
        gap=gap(least, value_of(objective, cycles, energy_j * 1e12)),
    )


def network_least(layers: Sequence[MappedLayer], objective: str) -> float:
    """No choice of a mapping for every layer has less of the objective: cycles, picojoules or their product.

    Cycles and energies add up, and so do their bounds. Of the product of two sums, with d_i c_i >= b_i for each layer,
        (sum of d_i) (sum of c_i) >= (sum of sqrt(b_i))^2
    by the inequality of Cauchy and Schwarz.
    """
    if objective == "edp":
        return sum(layer.count * sqrt(layer.least) for layer in layers) ** 2
    return sum(layer.count * layer.least for layer in layers)


def value_of(objective: str, cycles: float, energy_pj: float) -> float:
    """The objective of a mapping or of a network."""
    return {"latency": cycles, "energy": energy_pj, "edp": cycles * energy_pj}[objective]


def gap(least: float, value: float) -> float:
    """Share of a value above the least; sums of the same numbers in another order are no gap."""
    share = 1 - least / value
    return share if share > 1e-9 else 0.0
