"""The fitted numbers: few physical coefficients and a correction for each kind of kernel, kept in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gnomon.engines.kernel.correction import Axis, Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFit:
    """Coefficients of matrix products in one class of formats."""

    share: float  # of the peak, held at 1 pJ of power for an operation
    exponent: float  # how the held share grows with that power
    half_area: float  # elements of an output tile at which half of the held peak is reached
    prologue_s: float  # of each block: first loads and the write of its tile
    quantised: float  # between 0, a last wave costs its share, and 1, it costs a whole one
    l2_bytes_per_clock: float  # of one multiprocessor
    cache_share: float  # of the L2 that the operands of the kernel before are found in
    bandwidth_share: float  # of the memory's
    split_s: float  # of adding up a split contraction
    launch_share: float  # of the device's launch that a kernel's time contains
    floor_clocks: float  # of any kernel, beside the launch
    unshaped: float  # ratio of measured times to those without tiles and waves, for operators of unknown shape
    correction: Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFit:
    """Coefficients of fused attention in one class of formats."""

    share: float
    exponent: float
    prologue_s: float
    quantised: float
    l2_bytes_per_clock: float
    cache_share: float
    bandwidth_share: float
    launch_share: float
    floor_clocks: float
    unshaped: float
    correction: Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFit:
    """Coefficients of one kind of pass over arrays."""

    l2_bytes_per_clock: float
    cache_share: float
    bandwidth_share: float
    launch_share: float
    floor_clocks: float
    single_floor_s: float  # floor of the FP32 rows: their clock includes the host of an eager framework
    correction: Correction


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """All fitted numbers, and what they are fitted to."""

    data: str  # the table's file name and how many of its rows
    sha256: str  # of the table's file
    without: str  # the silicon left out; empty: none
    products: Mapping[str, ProductFit]  # by class of formats
    attentions: Mapping[str, AttentionFit]  # by class of formats
    passes: Mapping[str, PassFit]  # by kind

    @property
    def libraries(self) -> tuple[str, ...]:
        """Libraries that have a grid of their own on some silicon, in alphabetical order."""
        corrections = (
            *(fit.correction for fit in self.products.values()),
            *(fit.correction for fit in self.attentions.values()),
            *(fit.correction for fit in self.passes.values()),
        )
        return tuple(sorted({name.split(" on ")[0] for one in corrections for name in one.grid if " on " in name}))


def parse_fitted(text: str) -> Fitted:
    """What a file holds. ValueError, KeyError or TypeError when it is damaged."""
    found: dict[str, Any] = json.loads(text)
    kinds = {"products": ProductFit, "attentions": AttentionFit, "passes": PassFit}
    for field, kind in kinds.items():
        found[field] = {
            name: kind(**{**one, "correction": _correction(one["correction"])}) for name, one in found[field].items()
        }
    return Fitted(**found)


def _correction(one: dict[str, Any]) -> Correction:
    axes = tuple(Axis(name=axis["name"], knots=tuple(axis["knots"])) for axis in one["axes"])
    grid = {silicon: tuple(thousandth / 1000 for thousandth in values) for silicon, values in one["grid"].items()}
    return Correction(axes=axes, grid=grid, low=one["low"], high=one["high"])


def fitted_text(fitted: Fitted) -> str:
    """The text of a file that holds them: coefficients to four digits, corrections in thousandths."""
    found = asdict(fitted)
    for field in ("products", "attentions", "passes"):
        for one in found[field].values():
            for name, value in one.items():
                if isinstance(value, float):
                    one[name] = float(f"{value:.4g}")
            grid = one["correction"]["grid"]
            one["correction"]["grid"] = {
                silicon: [round(1000 * value) for value in values] for silicon, values in grid.items()
            }
    lines = json.dumps(found, indent=1)
    return _joined(lines) + "\n"


def _joined(text: str) -> str:
    """The same JSON with each list of numbers on one line."""
    joined: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside:
            joined[-1] += line.strip()
        else:
            joined.append(line)
        if line.endswith("[") and '"axes"' not in line:
            inside = True
        elif line.strip().startswith("]"):
            inside = False
    return "\n".join(joined)


@cache
def shipped() -> Fitted:
    """The numbers in the data file beside this code."""
    return parse_fitted((files(__package__) / "coefficients.json").read_text(encoding="utf-8"))
