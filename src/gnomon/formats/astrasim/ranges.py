"""Numbers of ASTRA-sim's files, no larger than the tool can count: it has 64-bit nanoseconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gnomon.core.cluster_rules import LAST_NS

LEAST, MOST = 1e-9, 1e18  # of a speed in 1e9 or 2^30 bytes/s or 1e12 operations/s; times of 2^63 bytes stay numbers


def _time(value: float) -> float:
    if value > LAST_NS:
        raise ValueError(f"{value:.4g} ns: from 0 to {LAST_NS:.4g} (292 years), as ASTRA-sim counts in 64-bit ns")
    return value


def _speed(value: float) -> float:
    if value and not LEAST <= value <= MOST:
        raise ValueError(
            f"{value:.4g}: from {LEAST:g} to {MOST:g}; beyond, times are no 64-bit ns, which ASTRA-sim counts in"
        )
    return value


Time = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_time)]  # in ns
Speed = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_speed)]
SpeedIfSaid = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_speed)]  # 0: not said
