"""What a search makes small."""

from __future__ import annotations

from enum import Enum

import numpy as np

from gnomon.engines.mapper.search import bounds
from gnomon.engines.mapper.search.bounds import Floats, Ints


class Objective(Enum):
    """One figure of a mapping; its value is the one that compiled functions know it by."""

    LATENCY = bounds.CYCLES
    ENERGY = bounds.ENERGY
    EDP = bounds.PRODUCT  # energy times time

    def of(self, cycles: float, energy_pj: float) -> float:
        """In cycles, picojoules, or their product."""
        return float(bounds.least(self.value, float(cycles), float(energy_pj)))

    def ranked(self, cycles: Ints, energy_pj: Floats) -> Ints:
        """Places of mappings, the best first; what is equal in the objective is ordered by the other figures."""
        if self is Objective.LATENCY:
            return np.lexsort((energy_pj, cycles))
        if self is Objective.ENERGY:
            return np.lexsort((cycles, energy_pj))
        return np.lexsort((cycles, energy_pj, cycles * energy_pj))
