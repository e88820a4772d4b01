"""How far predicted steps lie from measured ones. What a host adds, fitted on the same rows, is `parallel/host.json`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

from gnomon.core.prediction import Interval
from gnomon.stats.intervals import LEVEL, RatioBand


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCalibration:
    """Made by `python -m benchmarks.fit_training`."""

    data: str  # which rows
    sha256: str  # of their table
    silicon: tuple[str, ...]  # of the devices on which they were measured
    band: RatioBand  # log ratios measured / predicted of models that were left out of the fit
    elsewhere: RatioBand  # of whole models by the kernel engine, their silicon left out: for steps of another kind

    def interval(self, value_s: float, *, is_alike: bool) -> Interval:
        """The interval around a predicted step; `is_alike`: steps of its kind were measured."""
        band = self.band if is_alike else self.elsewhere
        left_out = "models" if is_alike else "devices, of whole models and not of steps,"
        return Interval(
            low=value_s * math.exp(band.low),
            high=value_s * math.exp(band.high),
            level=LEVEL,
            method=f"split-conformal, pooled over {band.groups} {left_out} that were left out and weigh the same",
        )


def parse_step_calibration(text: str) -> StepCalibration:
    """What a file holds. ValueError, KeyError or TypeError when it is damaged."""
    found = json.loads(text)
    return StepCalibration(
        data=found["data"],
        sha256=found["sha256"],
        silicon=tuple(found["silicon"]),
        band=RatioBand(**found["band"]),
        elsewhere=RatioBand(**found["elsewhere"]),
    )


def step_calibration_text(made: StepCalibration) -> str:
    """The text of a file that holds it."""
    return json.dumps(asdict(made), indent=1) + "\n"


@cache
def calibration() -> StepCalibration:
    """The engine's own, from the data file beside this code."""
    return parse_step_calibration((files(__package__) / "calibration.json").read_text(encoding="utf-8"))
