"""Evaluators for the tests: what a worker imports must be a module's function."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnomon.sweeps.pool import Rows


def squares(setup: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, Any]]], Rows]:
    """y = x * x + setup; no answer where x is a multiple of 7, no room where it is above 90."""

    def row(x: int) -> dict[str, Any]:
        if x % 7 == 0:
            return {"reason": "sevens are refused"}
        return {"y": float(x * x + setup["add"]), "z": float(-x), "fits": x <= 90}

    return lambda points: [row(point["x"]) for point in points]


def printing(setup: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, Any]]], Rows]:
    """The same by a part that prints."""
    sys.stdout.write("a plug-in says hello\n")
    evaluate = squares(setup)

    def loudly(points: Sequence[Mapping[str, Any]]) -> Rows:
        sys.stdout.write("and again\n")
        return evaluate(points)

    return loudly


def dying(setup: Mapping[str, Any]) -> Callable[[Sequence[Mapping[str, Any]]], Rows]:
    """Ends its process at x = 50, as one that the system kills."""
    evaluate = squares(setup)

    def until_fifty(points: Sequence[Mapping[str, Any]]) -> Rows:
        if any(point["x"] == 50 for point in points):
            os.kill(os.getpid(), 9)
        return evaluate(points)

    return until_fifty
