"""How the benchmarks here measure: two things in turn, medians of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def median_ratio(slow: Callable[[], object], quick: Callable[[], object], rounds: int = 5) -> float:
    """Median over rounds of the time of `slow` over that of `quick`, after one warm-up of each."""
    slow(), quick()
    return statistics.median(seconds(slow) / seconds(quick) for _ in range(rounds))


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Print a figure although pytest captures output."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    yield line
