"""The equations of the kernel engine. Arrays in, arrays out; `(kernels,)` throughout. See README.md for the argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = float | Array  # arrays have one shape with the other arguments

PICOJOULE = 1e-12
SHARPNESS = 4.0  # of `overlapped_s`: at equal times the sum is 19 % above the larger; chosen, not fitted


def tiles(m: Numbers, n: Numbers, batch: Numbers, tile_m: float, tile_n: float, splits: float) -> Numbers:
    """Output tiles of `batch` products m x n, each computed by one thread block; `splits` blocks share a contraction."""
    return batch * np.ceil(np.divide(m, tile_m)) * np.ceil(np.divide(n, tile_n)) * splits


def waves(blocks: Numbers, units: Numbers, quantised: float) -> Numbers:
    """Rounds in which `units` multiprocessors work off `blocks`, between the whole number and the fraction.

    q ceil(b / u) + (1 - q) max(b / u, 1). A whole number is the law where all blocks take the same time [Lee et al.
    2025, NeuSight, section 4]; clocks that rise in a half-empty last round, and stream-K kernels, lie below it.
    """
    share = np.divide(blocks, units)
    return quantised * np.ceil(share) + (1.0 - quantised) * np.maximum(share, 1.0)


def tile_s(
    tile_m: float,
    tile_n: float,
    k: Numbers,
    element_bytes: Numbers,
    unit_flop_per_s: Numbers,
    unit_l2_bytes_per_s: Numbers,
    half_area: float,
    prologue_s: Numbers,
) -> Numbers:
    """Seconds of one block: 2 tm tn k / (r e) or the tile's edges through L2, whichever is longer, and a prologue.

    e = tm tn / (tm tn + half_area): a small tile keeps the matrix unit less busy.
    """
    area = tile_m * tile_n
    arithmetic = 2.0 * (area + half_area) * k / unit_flop_per_s
    edges = (tile_m + tile_n) * k * element_bytes / unit_l2_bytes_per_s
    return np.maximum(arithmetic, edges) + prologue_s


def sustained_flop_per_s(peak_flop_per_s: Numbers, energy_j: Numbers, share: float, exponent: float) -> Numbers:
    """The peak that a device holds: P s (E / 1 pJ)^a, at most P; it never falls as P grows, because E is a power over P.

    `energy_j` is what the power limit leaves for one operation at the peak, scaled to 16 bits. A part with little power
    for its peak lowers its clock. The form is ours, its two numbers are fitted.
    """
    held = share * peak_flop_per_s * np.power(energy_j / PICOJOULE, exponent)
    return np.minimum(peak_flop_per_s, held)


def overlapped_s(one: Numbers, other: Numbers) -> Numbers:
    """Seconds of two things that overlap but for the time that both are nearly as long: (a^p + b^p)^(1/p)."""
    larger = np.maximum(one, other)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(larger > 0, np.minimum(one, other) / larger, 0.0)
    return larger * np.power(1.0 + np.power(ratio, SHARPNESS), 1.0 / SHARPNESS)


def cached_share(moved_bytes: Numbers, cache_bytes: Numbers) -> Numbers:
    """The share of traffic that a cache of that size serves: 1 / (1 + (Q / C)^2), half where it is full.

    Ours: smooth where a kernel's operands begin to fall out of the cache that the kernel before left them in.
    """
    return 1.0 / (1.0 + np.square(np.divide(moved_bytes, cache_bytes)))


def traffic_s(
    moved_bytes: Numbers, memory_bytes_per_s: Numbers, l2_bytes_per_s: Numbers, from_cache: Numbers
) -> Numbers:
    """Seconds of traffic, part of it through memory and part through L2 at no less than the memory's rate."""
    fast = np.maximum(l2_bytes_per_s, memory_bytes_per_s)
    return moved_bytes * ((1.0 - from_cache) / memory_bytes_per_s + from_cache / fast)
