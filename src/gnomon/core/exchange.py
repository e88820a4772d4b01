"""What a group of devices exchanges, and who tells how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gnomon.core.system import System

ExchangeKind = Literal["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send"]
EXCHANGE_KINDS: tuple[ExchangeKind, ...] = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One collective of a group, or one message between two devices."""

    kind: ExchangeKind
    # Of one member. all-reduce: the array; all-gather: the array once gathered; reduce-scatter: the array before it is
    # scattered; all-to-all: what a member holds, its own share included; send: the message.
    size_bytes: float
    # Members that differ in each dimension of the system, innermost first; the product is the group.
    spread: tuple[int, ...]
    # The members as a grid, innermost first: how many differ in each direction, and which dimension of the system that is.
    # Of a message, the directions in which sender and receiver differ. Empty: as in `spread`.
    grid: tuple[tuple[int, int], ...] = ()
    dtype: str = "fp16"  # of what is exchanged: a reduction in a switch knows some formats only

    @property
    def members(self) -> int:
        """Devices in the group; of a message the two of them."""
        return prod(self.spread)


@runtime_checkable
class ExchangeTimer(Protocol):
    """A source of times of exchanges."""

    # Times by ASTRA-sim's rules, to be used by them: a device exchanges one thing at a time, computes whole microseconds, and
    # nobody launches what it exchanges.
    is_simulated: bool

    def exchange_times_s(self, exchanges: Sequence[Exchange], system: System) -> NDArray[np.float64]:
        """Seconds of each exchange alone `(exchanges,)`, from the last member's start to the last member's end.

        Zero for a group of one. Unsupported where the system's network is not described.
        """
        ...

    def exchange_intervals_s(
        self, exchanges: Sequence[Exchange], system: System, times_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Low and high ends `(exchanges,)` of the 90 % intervals around those times, or None without a calibration."""
        ...
