"""Which rows share a band: operators by family and size, whole models all together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnomon.core.op import FAMILIES
from gnomon.stats.intervals import EVERYTHING, Labels, Numbers

# Decades of predicted time that share a band: below 10 us launches decide, above 1 ms tiles and waves average out.
_EDGES_S = (1e-5, 1e-4, 1e-3)

# Whole models share one band: their ten kinds of silicon are too few to be split further by what the clock covered.
MODEL_STRATUM = EVERYTHING


def kernel_strata(family: NDArray[np.int64], predicted_s: Numbers) -> Labels:
    """The stratum of each operator `(ops,)`: its family and the decade of its predicted time."""
    decade = np.digitize(predicted_s, _EDGES_S)
    names: Labels = np.array([f"{name}/{index}" for name in FAMILIES for index in range(len(_EDGES_S) + 1)])
    chosen: Labels = names[family * (len(_EDGES_S) + 1) + decade]
    return chosen
