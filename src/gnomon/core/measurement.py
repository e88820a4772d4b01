"""A measurement: what somebody's clock said of one model on one system, and what that clock covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gnomon.core.workload import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured time of one pass."""

    device: str  # catalogue name
    devices: int  # how many of them
    model: str  # zoo name
    mode: Mode  # what the clock covered
    batch: int
    seq: int | None  # tokens of each input sequence; decode: of the context
    dtype: str
    weight_dtype: str | None
    kv_dtype: str | None  # storage of the KV cache; None: not said, or as the activations
    head: str  # plan's spelling; "default" where the source does not say
    classes: int | None
    attention: Literal["fused", "eager"] | None  # eager: scores travelled through memory; None: the source does not say
    time_s: float
    statistic: str = ""  # mean, median, best of ...; empty: unstated
    software: str = ""
    power_w: float | None = None  # a power cap, where it was set
    clock_hz: float | None = None  # a locked clock, where it was set
    quality: str = ""  # why the row is doubted; empty: it is not
    conditions: str = ""
    source: str = ""
    line: int = 0  # in the file it was read from
