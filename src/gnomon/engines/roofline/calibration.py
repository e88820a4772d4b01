"""Intervals of the roofline: bands of measured / predicted, read from the data file beside this code."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from gnomon.core.prediction import Interval
from gnomon.stats.intervals import Labels, Numbers, RatioBand, band_of
from gnomon.stats.strata import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Bands by stratum, and where they come from."""

    data: str  # which rows
    bands: dict[str, RatioBand]

    def interval(self, value_s: float, stratum: str) -> Interval:
        """The interval around a predicted time."""
        band = band_of(self.bands, stratum)
        method = f"quantiles of measured / predicted over {band.groups} kinds of silicon, each weighing the same"
        return Interval(
            low=value_s * math.exp(band.low), high=value_s * math.exp(band.high), level=LEVEL, method=method
        )

    def ends_s(self, values_s: Numbers, strata: Labels) -> tuple[Numbers, Numbers]:
        """Low and high ends around predicted times `(ops,)` of those strata."""
        names, index = np.unique(strata, return_inverse=True)
        bands = [band_of(self.bands, str(name)) for name in names]
        low, high = np.array([b.low for b in bands]), np.array([b.high for b in bands])
        return values_s * np.exp(low[index]), values_s * np.exp(high[index])


@cache
def shipped(what: str) -> Calibration | None:
    """The calibration in the data file: `what` is "kernels" or "models". None where the file holds none."""
    file = files(__package__) / "calibration.json"
    if not file.is_file():
        return None
    found = json.loads(file.read_text(encoding="utf-8")).get(what)
    if found is None:
        return None
    bands = {stratum: RatioBand(**band) for stratum, band in found["bands"].items()}
    return Calibration(data=found["data"], bands=bands)
