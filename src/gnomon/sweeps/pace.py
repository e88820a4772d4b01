"""How long a sweep will go on: a range, from the quickest and the slowest stretch so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRETCHES = 8  # that the rows so far are cut into
_FEWEST = 2 * STRETCHES  # stamps before anything is said


def left_s(stamps: Sequence[tuple[float, int]], left: int) -> tuple[float, float] | None:
    """Seconds for `left` further rows at the quickest and at the slowest pace so far; None while too little is known.

    stamps: (seconds, rows done by then), in order. What came before the first is the start of the workers and is no pace.
    Rows yet to come may be slower than any before: the range says what was seen, not what must be.
    """
    if len(stamps) < _FEWEST:
        return None
    times, rows = np.array(stamps, dtype=float).T
    ends = np.interp(np.linspace(rows[0], rows[-1], STRETCHES + 1), rows, times)
    per_row = np.diff(ends) / ((rows[-1] - rows[0]) / STRETCHES)
    return float(left * per_row.min()), float(left * per_row.max())
