"""Waiting for what another process does, not for ever."""

import time
from collections.abc import Callable


def until(is_so: Callable[[], bool], most_s: float = 60.0, every_s: float = 0.01) -> None:
    """Wait until something is so; AssertionError where it does not come to be."""
    ends = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < ends, f"waited for {most_s:g} s"
        time.sleep(every_s)
