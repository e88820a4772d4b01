"""What steps of a replica take -> the tables that Vidur looks its times up in. Pure.

Vidur adds up operators of a layer, multiplies by the layers of a stage and adds what sends to the next. Here a stage has one
layer, and all its operators but attention are one: the sum is the same, and no model is bound to Vidur's list of operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnomon.core.service import Floats, Ints, StepTimes

TOKEN_STEP = 8  # it rounds the tokens of a step up to a multiple
CHUNK_STEP = 32  # likewise those of a chunk of a prompt
_MS_PER_S = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The largest of what it will look up."""

    step_tokens: int
    decodes: int
    chunk: int
    request_tokens: int  # prompt and answer
    kv_step: int  # it rounds lengths in the cache up to a multiple
    starts_whole: bool  # a prompt is one chunk, with nothing before it in the cache


def tables(times: StepTimes, sizes: Sizes) -> dict[str, Any]:
    """The tables in ms. Between points of the grids, and beyond them, times are linear."""
    tokens = _multiples(TOKEN_STEP, sizes.step_tokens)
    lengths = _multiples(sizes.kv_step, sizes.request_tokens)
    decodes = np.arange(1, sizes.decodes + 1)
    return {
        "token_step": TOKEN_STEP,
        "stage_ms": _ms(along(tokens, times.tokens, times.by_tokens_s)),
        "send_ms": _ms(along(tokens, times.tokens, times.send_s)),
        "decode_kv": lengths.tolist(),
        "decode_ms": [_ms(row) for row in over(decodes, lengths, times.decodes, times.decode_kv, times.decode_s)],
        "prefill": _prefill(times, sizes, lengths),
    }


def _prefill(times: StepTimes, sizes: Sizes, lengths: Ints) -> list[tuple[int, int, float]]:
    """A row for each length in the cache, the chunk's own tokens counted, and each chunk that can be among them."""
    found: list[tuple[int, int, float]] = []
    for chunk in _multiples(CHUNK_STEP, sizes.chunk).tolist():
        own = (
            -(-max(chunk - CHUNK_STEP + 1, 1) // sizes.kv_step) * sizes.kv_step
        )  # of the shortest that counts as so long
        kv = lengths[lengths >= own]
        kv = kv[kv <= chunk + sizes.kv_step] if sizes.starts_whole else kv
        before = np.maximum(kv - chunk, 0)
        row = over(before, np.array([chunk]), times.before, times.chunks, times.prefill_s)[:, 0]
        found += zip(kv.tolist(), [chunk] * len(kv), _ms(row), strict=True)
    return found


def _multiples(step: int, least: int) -> Ints:
    """Multiples of a step up to the first that is not below the least."""
    return np.arange(1, -(-least // step) + 1, dtype=np.int64) * step


def _ms(seconds: Floats) -> list[float]:
    found: list[float] = (seconds * _MS_PER_S).tolist()
    return found


def along(at: Ints, grid: Ints, values: Floats) -> Floats:
    """Values at sizes, linear between the grid's points; before the first and beyond the last as between the two next to it.

    values: `(..., grid)`. Never below zero.
    """
    if len(grid) == 1:
        return np.repeat(values, len(at), axis=-1)
    high = np.clip(np.searchsorted(grid, at), 1, len(grid) - 1)
    low = high - 1
    share = (at - grid[low]) / (grid[high] - grid[low])
    found: Floats = np.maximum(values[..., low] * (1 - share) + values[..., high] * share, 0.0)
    return found


def over(rows: Ints, columns: Ints, row_grid: Ints, column_grid: Ints, values: Floats) -> Floats:
    """The same of two sizes: `(rows, columns)` of values `(row_grid, column_grid)`."""
    by_columns = along(columns, column_grid, values)
    return along(rows, row_grid, by_columns.T).T
