"""The engine's own calibration, read from the data file beside this code."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gnomon.stats.calibration import Calibration, parse_calibrations


@cache
def calibration(kind: str) -> Calibration | None:
    """The bands of "models" or of "kernels"; None where the file holds none of that kind."""
    text = (files(__package__) / "calibration.json").read_text(encoding="utf-8")
    return parse_calibrations(text).get(kind)
