"""Sizes at which steps are timed: close together where kernels change their tiles, further apart where times are straight."""

from __future__ import annotations

import numpy as np

from gnomon.core.service import Ints

_TILE = 64  # rows of a tile of a product, mostly: products take a little longer past each multiple


def token_counts(most: int) -> Ints:
    """Tokens of a step, 1 to `most`: multiples of tiles from one tile on, a quarter further each time."""
    found = {1, 2, 4, 8, 16, 24, 32, 48, most}
    size = float(_TILE)
    while size < most:
        found.add(int(size // _TILE) * _TILE)
        found.add(int(size // _TILE) * _TILE + 1)
        size *= 1.25
    return _within(found, most)


def counts(most: int, growth: float = 1.5) -> Ints:
    """1 to `most`, each `growth` times the one before."""
    found, size = {1, most}, 1.0
    while size < most:
        found.add(int(size))
        size *= growth
    return _within(found, most)


def lengths(most: int) -> Ints:
    """0 to `most` tokens in a cache."""
    return np.concatenate([[0], counts(most, 2.0)]).astype(np.int64)


def _within(found: set[int], most: int) -> Ints:
    return np.array(sorted(size for size in found if size <= most), dtype=np.int64)
