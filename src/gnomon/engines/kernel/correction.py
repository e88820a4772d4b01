"""The learned part: a bounded ratio to the physical time, piecewise linear in logarithms of a kernel's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COMMON = ""  # the silicon of everything: what an unknown kind gets


def on_silicon(library: str, silicon: str) -> str:
    """The name of a library's own grid on a kind of silicon."""
    return f"{library} on {silicon}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One logarithmic axis of a grid."""

    name: str
    knots: tuple[float, ...]  # ascending; beyond the ends the ratio stays as it is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Logarithms of the ratio measured / physical at the crossings of a grid; between them linear in each logarithm.

    It knows shapes only, neither peak nor bandwidth: a faster device is never slower for it.
    """

    axes: tuple[Axis, ...]
    # Additions, one for each that is known: the common grid under COMMON, that of a kind of silicon under its name, that of
    # a library on it under `on_silicon`.
    grid: Mapping[str, tuple[float, ...]]
    low: float  # the least ratio
    high: float  # the largest ratio

    def ratio(self, features: Mapping[str, Array], silicon: str, library: str = "") -> Array:
        """The ratio for each kernel `(kernels,)`; silicon without a grid of its own takes the common one.

        Without a library, or with one that nobody measured on this silicon, it is the mean of those that were.
        """
        corners, weights = interpolation(self.axes, features)
        own = [name for name in (silicon, on_silicon(library, silicon)) if name != COMMON and name in self.grid]
        values = np.sum([self.grid[name] for name in (COMMON, *own)], axis=0)
        ratio: Array = np.clip(np.exp((values[corners] * weights).sum(axis=1)), self.low, self.high)
        return ratio


def interpolation(axes: Sequence[Axis], features: Mapping[str, Array]) -> tuple[NDArray[np.int64], Array]:
    """For each kernel the crossings around it and their weights, which add up to 1: two arrays `(kernels, 2^axes)`."""
    lower, share, stride = [], [], []
    size = 1
    for axis in reversed(axes):
        knots = np.log(np.array(axis.knots))
        place = np.clip(np.log(features[axis.name]), knots[0], knots[-1])
        index = np.clip(np.searchsorted(knots, place, side="right") - 1, 0, len(knots) - 2)
        lower.append(index)
        share.append((place - knots[index]) / (knots[index + 1] - knots[index]))
        stride.append(size)
        size *= len(knots)
    corners, weights = [], []
    for ends in product((0, 1), repeat=len(axes)):
        corner: NDArray[np.int64] = np.zeros_like(lower[0])
        weight = np.ones(len(corner))
        for end, index, part, step in zip(ends, lower, share, stride, strict=True):
            corner = corner + (index + end) * step
            weight = weight * (part if end else 1.0 - part)
        corners.append(corner)
        weights.append(weight)
    return np.stack(corners, axis=1), np.stack(weights, axis=1)
