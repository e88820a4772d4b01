"""A device: what its data sheet promises and what one kernel costs to start, each number with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gnomon.core.digest import digest
from gnomon.core.dtype import DTYPES
from gnomon.core.units import show

if TYPE_CHECKING:
    from gnomon.core.design import Design

Kind = Literal["datasheet", "measured", "paper", "assumed", "override"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """A number in SI and where it comes from."""

    value: float
    source: str  # title of the document, run or reasoning
    kind: Kind
    note: str = ""  # what a reader must know to use the number

    def scaled(self, factor: float, unit: str, why: str) -> Sourced:
        """The number multiplied, marked as an override that says from what and why; itself where the factor is 1."""
        if factor == 1.0:
            return self
        given = f" ({self.source})" if self.kind == "override" else ""
        source = f"{show(self.value, unit)}{given} x {factor:g} ({why})"
        return Sourced(value=self.value * factor, source=source, kind="override")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """All links of one kind on a device, taken together."""

    name: str
    bandwidth_bytes_per_s: Sourced  # per direction


@dataclass(frozen=True, kw_only=True)  # no slots: the peaks as an array are kept once computed
class Device:
    """One device as software sees it (for a board of two, one of them)."""

    name: str
    title: str
    vendor: str
    architecture: str
    silicon: str  # devices of the same silicon are one group when a device is left out
    kind: Literal["gpu", "cpu", "accelerator"]
    covers: str = ""  # what "one device" is, where it is not the whole board
    matrix_flop_per_s: Mapping[str, Sourced]  # dense peak per dtype of the matrix unit
    vector_flop_per_s: Mapping[str, Sourced]  # peak per dtype of the vector unit
    memory_kind: str = ""
    memory_bytes: Sourced
    memory_bytes_per_s: Sourced
    l2_bytes: Sourced | None = None
    unit_name: str = "SM"
    unit_count: Sourced | None = None  # SMs, CUs or cores
    base_hz: Sourced | None = None
    boost_hz: Sourced | None = None
    links: tuple[Link, ...] = ()
    power_w: Sourced | None = None
    launch_s: Sourced  # time that one kernel launch adds when the host runs ahead
    notes: tuple[str, ...] = ()
    design: Design | None = None  # of a spatial accelerator: what a mapping needs to know of it

    @cached_property
    def digest(self) -> str:
        """Digest of what can change an answer: names, silicon and values, not titles, sources and notes."""
        values = {path: number.value for path, (number, _) in self.numbers().items()}
        of_design = () if self.design is None else (self.design.digest,)
        return digest((self.name, self.silicon, self.kind, values, *of_design))

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def capacity_bytes(self) -> float | None:
        """Of the memory; None: it has no end."""
        return self.memory_bytes.value if math.isfinite(self.memory_bytes.value) else None

    def peak(self, dtype: str, is_matrix: bool) -> Sourced | None:
        """The peak that an operator in `dtype` meets; None where the device has no unit for it.

        Products run on the matrix unit if it knows the format, else on the vector unit if that does. Vector operators
        in a format that the vector unit lacks are computed in fp32, as frameworks do.
        """
        vector = self.vector_flop_per_s.get(dtype)
        if is_matrix:
            matrix = self.matrix_flop_per_s.get(dtype)
            if matrix is None or vector is None:
                return matrix or vector
            return max(matrix, vector, key=lambda sourced: sourced.value)
        return vector or self.vector_flop_per_s.get("fp32")

    @cached_property
    def peaks_flop_per_s(self) -> NDArray[np.float64]:
        """`peak` as an array `(2, dtypes)`: row 0 vector operators, row 1 products; nan where there is no unit."""
        table = np.full((2, len(DTYPES)), np.nan)
        for is_matrix in (False, True):
            for dtype in DTYPES.values():
                if (peak := self.peak(dtype.name, is_matrix)) is not None:
                    table[int(is_matrix), dtype.index] = peak.value
        return table

    def overrides(self) -> tuple[str, ...]:
        """Numbers that a user put in place of the device's own, each as "field = what was written"."""
        return tuple(f"{path} = {n.source}" for path, (n, _) in self.numbers().items() if n.kind == "override")

    def scaled(self, *, peak: float = 1.0, bandwidth: float = 1.0, launch: float = 1.0, why: str) -> Device:
        """The device with every peak, the memory's bandwidth and the launch overhead multiplied, each marked as an override.

        Numbers multiplied by 1 stay the device's own.
        """
        return replace(
            self,
            matrix_flop_per_s={d: n.scaled(peak, "flop/s", why) for d, n in self.matrix_flop_per_s.items()},
            vector_flop_per_s={d: n.scaled(peak, "flop/s", why) for d, n in self.vector_flop_per_s.items()},
            memory_bytes_per_s=self.memory_bytes_per_s.scaled(bandwidth, "B/s", why),
            launch_s=self.launch_s.scaled(launch, "s", why),
        )

    @property
    def product_dtypes(self) -> tuple[str, ...]:
        """Formats in which products can run."""
        return tuple(name for name in DTYPES if self.peak(name, is_matrix=True) is not None)

    def numbers(self) -> dict[str, tuple[Sourced, str]]:
        """Every number by its field path, with its SI unit."""
        found: dict[str, tuple[Sourced | None, str]] = {}
        for dtype, peak in self.matrix_flop_per_s.items():
            found[f"compute.matrix.{dtype}"] = (peak, "flop/s")
        for dtype, peak in self.vector_flop_per_s.items():
            found[f"compute.vector.{dtype}"] = (peak, "flop/s")
        found["memory.capacity"] = (self.memory_bytes, "B")
        found["memory.bandwidth"] = (self.memory_bytes_per_s, "B/s")
        found["l2.capacity"] = (self.l2_bytes, "B")
        found["units.count"] = (self.unit_count, "")
        found["clocks.base"] = (self.base_hz, "Hz")
        found["clocks.boost"] = (self.boost_hz, "Hz")
        for link in self.links:
            found[f"links.{link.name}"] = (link.bandwidth_bytes_per_s, "B/s")
        found["power"] = (self.power_w, "W")
        found["launch_overhead"] = (self.launch_s, "s")
        return {path: (sourced, unit) for path, (sourced, unit) in found.items() if sourced is not None}
