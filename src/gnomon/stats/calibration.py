"""Calibrations: bands of measured / predicted of one engine, with the data behind them, kept in a JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnomon.core.prediction import Interval
from gnomon.stats.intervals import LEVEL, Labels, Numbers, RatioBand, band_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Bands by stratum, and where they come from."""

    engine: str  # whose predictions the ratios divide by
    version: str  # of Gnomon when they were made
    data: str  # which rows: the table's file name and how many of them
    sha256: str  # of the table's file
    bands: Mapping[str, RatioBand]

    def interval(self, value_s: float, stratum: str) -> Interval:
        """The interval around a predicted time."""
        band = band_of(self.bands, stratum)
        method = f"split-conformal, pooled over {band.groups} kinds of silicon that weigh the same"
        return Interval(
            low=value_s * math.exp(band.low), high=value_s * math.exp(band.high), level=LEVEL, method=method
        )

    def ends_s(self, values_s: Numbers, strata: Labels) -> tuple[Numbers, Numbers]:
        """Low and high ends around predicted times `(ops,)` of those strata."""
        names, index = np.unique(strata, return_inverse=True)
        bands = [band_of(self.bands, str(name)) for name in names]
        low, high = np.array([b.low for b in bands]), np.array([b.high for b in bands])
        return values_s * np.exp(low[index]), values_s * np.exp(high[index])


def parse_calibrations(text: str) -> dict[str, Calibration]:
    """What a file holds, by kind of rows ("models", "kernels"). ValueError, KeyError or TypeError when it is damaged."""
    found: dict[str, Any] = json.loads(text)
    return {
        kind: Calibration(**{**one, "bands": {name: RatioBand(**band) for name, band in one["bands"].items()}})
        for kind, one in found.items()
    }


def calibrations_text(calibrations: Mapping[str, Calibration]) -> str:
    """The text of a file that holds them."""
    return json.dumps({kind: asdict(one) for kind, one in calibrations.items()}, indent=1) + "\n"
