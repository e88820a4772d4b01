"""The equations of the roofline. Arrays in, arrays out; `(ops,)` throughout. See README.md for the argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = float | NDArray[np.float64]  # arrays have one shape with the other arguments


def compute_s(flop: Array, peak_flop_per_s: Array) -> Array:
    """Seconds of arithmetic at the peak rate: W / P. [Williams, Waterman & Patterson 2009]"""
    return flop / peak_flop_per_s


def memory_s(moved_bytes: Array, bandwidth_bytes_per_s: Array) -> Array:
    """Seconds of compulsory traffic at the memory's bandwidth: Q / B. [Williams et al. 2009]"""
    return moved_bytes / bandwidth_bytes_per_s


def roofline_s(compute: Array, memory: Array) -> Array:
    """Seconds of an operator whose arithmetic and traffic overlap fully: max(W / P, Q / B).

    The attainable rate min(P, I B) of [Williams et al. 2009], for intensity I = W / Q, written as a time.
    """
    return np.maximum(compute, memory)


def launched_s(roofline: Array, launches: Array, launch_s: Array) -> Array:
    """Seconds with the launches, which do not overlap with the kernel they start: T + l L.

    The additive term is ours; Williams et al. have none. A sum of maxima over hundreds of small kernels is meaningless
    without it.
    """
    return roofline + launches * launch_s
