"""A series -> its quantiles, by the one definition that all times of services share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def quantiles(series: Numbers, shares: Sequence[float] | Numbers) -> Numbers:
    """The smallest value of a series of at least one that at least such a share of it does not exceed: a value of the series."""
    found: Numbers = np.quantile(series, shares, method="inverted_cdf")
    return found
