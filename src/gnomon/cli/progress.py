"""A sign of life on standard error: a spinner on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

LINE_EVERY_S = 30.0


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that `text` is under way until the block ends."""
    start = time.monotonic()
    with (
        Console(stderr=True).status(text)
        if sys.stderr.isatty()
        else lines(lambda: f"{text}, {time.monotonic() - start:.0f} s")
    ):
        yield


@contextmanager
def lines(text: Callable[[], str]) -> Iterator[None]:
    """A line of what `text` gives every 30 s, until the block ends."""
    done = threading.Event()

    def report() -> None:
        while not done.wait(LINE_EVERY_S):
            print(f"gnomon: {text()}", file=sys.stderr, flush=True)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
