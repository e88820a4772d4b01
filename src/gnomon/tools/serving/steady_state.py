"""A service in its steady state: how many requests are under way, where a tool says how long one takes among so many.

Little's law: requests under way = arrivals per second * seconds that a request stays. [Little 1961]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BATCHES = tuple(2**at for at in range(11))  # sizes that a tool is asked for, up to the most that is allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a tool says of so many requests under way at once."""

    under_way: float
    ttft_s: float
    tpot_s: float
    e2e_s: float


def batches(most: int) -> tuple[int, ...]:
    """Sizes to ask for, in rising order; the most itself is the last."""
    return (*(size for size in BATCHES if size < most), most)


def settled(points: Sequence[Point], rate_per_s: float | None) -> tuple[Point, bool]:
    """The point at which as many requests are under way as the rate brings, and whether the service keeps up.

    Between points everything is linear in the requests under way. One request is the least, and the last point where the
    rate brings more than it holds, or where all come at once.
    """
    under_way = np.array([point.under_way for point in points])
    if rate_per_s is None:
        return points[-1], True
    stay_s = np.array([point.e2e_s for point in points])
    above = under_way - rate_per_s * stay_s  # negative: more come than go
    if above[0] >= 0:
        return points[0], True
    held = np.flatnonzero(above >= 0)
    if not len(held):
        return points[-1], False
    high = int(held[0])
    share = float(-above[high - 1] / (above[high] - above[high - 1]))

    def between(name: str) -> float:
        low, top = getattr(points[high - 1], name), getattr(points[high], name)
        return float(low + share * (top - low))

    found = Point(**{name: between(name) for name in ("under_way", "ttft_s", "tpot_s", "e2e_s")})
    return found, True
