"""Split-conformal intervals from residuals of held-out groups.

A prediction p gets the interval [p e^low, p e^high], with low and high quantiles of the log ratios ln(measured /
predicted) of rows that the prediction was not fitted to: split conformal prediction with the ratio as score [Vovk,
Gammerman & Shafer 2005; Lei et al. 2018]. Rows of one device err together, so a device counts as one draw: every group
weighs the same however many rows it has, by pooling the groups' distributions [Dunn, Wasserman & Ramdas 2022, "CDF
pooling"]. Pooling promises its level only as the number of groups grows; with K groups no method can promise more than
K / (K + 1) for a new one without assuming the shape of the tail. The level is therefore nominal, and the coverage on
groups left out is measured beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.str_]

LEVEL = 0.9  # of every interval here
FEWEST_GROUPS = 3  # a stratum seen in fewer groups borrows the quantiles of all rows


def weighted_quantile(values: Numbers, weights: Numbers, level: float) -> float:
    """The smallest value below or at which the share `level` of the weight lies."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    index = int(np.searchsorted(total, level * total[-1] * (1 - 1e-12)))
    return float(values[order][min(index, len(values) - 1)])


def group_weights(groups: Labels) -> Numbers:
    """Weights `(rows,)` that give every group the same total."""
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1.0 / counts[index].astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioBand:
    """Log ratios measured / predicted that the central share of a new group's rows is expected in."""

    low: float  # at most 0: the interval holds the prediction itself
    high: float  # at least 0
    groups: int
    rows: int


def ratio_band(log_ratios: Numbers, groups: Labels, level: float, *, by_row: bool = False) -> RatioBand:
    """The band of these rows; `by_row` weighs rows alike instead of groups."""
    weights = np.ones(len(log_ratios)) if by_row else group_weights(groups)
    tail = (1.0 - level) / 2
    return RatioBand(
        low=min(0.0, weighted_quantile(log_ratios, weights, tail)),
        high=max(0.0, weighted_quantile(log_ratios, weights, 1.0 - tail)),
        groups=len(np.unique(groups)),
        rows=len(log_ratios),
    )


EVERYTHING = ""  # the stratum of all rows, used where a row's own is too thin


def ratio_bands(
    log_ratios: Numbers, groups: Labels, strata: Labels, level: float, *, by_row: bool = False
) -> dict[str, RatioBand]:
    """A band per stratum that at least FEWEST_GROUPS groups share, and one of all rows under EVERYTHING."""
    bands = {EVERYTHING: ratio_band(log_ratios, groups, level, by_row=by_row)}
    for stratum in np.unique(strata):
        chosen = strata == stratum
        if len(np.unique(groups[chosen])) >= FEWEST_GROUPS:
            bands[str(stratum)] = ratio_band(log_ratios[chosen], groups[chosen], level, by_row=by_row)
    return bands


def band_of(bands: Mapping[str, RatioBand], stratum: str) -> RatioBand:
    """The band of a stratum, or that of all rows."""
    return bands.get(stratum, bands[EVERYTHING])


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What intervals calibrated on the other groups did on one group."""

    group: str
    rows: int
    coverage: float  # share of rows inside
    median_half_width: float  # half of high - low, as a share of the prediction


def leave_group_out(
    log_ratios: Numbers, groups: Labels, strata: Labels, level: float, *, by_row: bool = False
) -> list[HeldOut]:
    """Coverage and width on each group, from bands of the groups without it; empty with one group."""
    return leave_group_out_at(log_ratios, groups, strata, (level,), by_row=by_row)[0]


def leave_group_out_at(
    log_ratios: Numbers, groups: Labels, strata: Labels, levels: Sequence[float], *, by_row: bool = False
) -> list[list[HeldOut]]:
    """The same for each of several levels, in their order.

    The same bands as `ratio_bands` gives of the rows left in, from one sort of each stratum.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return [[] for _ in levels]
    _, stratum = np.unique(strata, return_inverse=True)
    order = np.argsort(log_ratios, kind="stable")
    everything = _Sorted(log_ratios[order], group[order], len(names))
    thin = [everything.bands_without(left_out, levels, by_row) for left_out in range(len(names))]
    ends = np.empty((2, len(levels), len(log_ratios)))  # low and high
    for index in range(stratum.max() + 1):
        chosen = order[stratum[order] == index]
        rows = _Sorted(log_ratios[chosen], group[chosen], len(names))
        for left_out in np.unique(group[chosen]):
            is_thick = rows.groups_without(left_out) >= FEWEST_GROUPS
            bands = rows.bands_without(left_out, levels, by_row) if is_thick else thin[left_out]
            ends[:, :, chosen[group[chosen] == left_out]] = bands[:, :, np.newaxis]
    return [_held_out(log_ratios, names, group, low, high) for low, high in zip(*ends, strict=True)]


def _held_out(
    log_ratios: Numbers, names: Labels, group: NDArray[np.intp], low: Numbers, high: Numbers
) -> list[HeldOut]:
    inside = (log_ratios >= low) & (log_ratios <= high)
    width = (np.exp(high) - np.exp(low)) / 2
    return [
        HeldOut(
            group=str(name),
            rows=int((group == index).sum()),
            coverage=float(inside[group == index].mean()),
            median_half_width=float(np.median(width[group == index])),
        )
        for index, name in enumerate(names)
    ]


class _Sorted:
    """Log ratios in ascending order with the group of each: quantiles without any one group in one pass."""

    def __init__(self, ratios: Numbers, group: NDArray[np.intp], count: int) -> None:
        self.ratios, self.group = ratios, group
        self.sizes = np.bincount(group, minlength=count)

    def groups_without(self, left_out: int) -> int:
        return int((self.sizes > 0).sum()) - int(self.sizes[left_out] > 0)

    def bands_without(self, left_out: int, levels: Sequence[float], by_row: bool) -> Numbers:
        """Low and high ends for each level, `(2, levels)`."""
        weight_of = np.ones(len(self.sizes)) if by_row else 1.0 / np.maximum(self.sizes, 1)
        weight_of[left_out] = 0.0
        total = np.cumsum(weight_of[self.group])
        tails = (1.0 - np.array(levels)) / 2
        shares = np.vstack([tails, 1.0 - tails]) * total[-1] * (1 - 1e-12)
        found = self.ratios[np.minimum(np.searchsorted(total, shares), len(total) - 1)]
        return np.vstack([np.minimum(0.0, found[0]), np.maximum(0.0, found[1])])
