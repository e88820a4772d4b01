"""A sign of life on standard error: a spinner on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

LINE_EVERY_S = 30.0


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that `text` is under way until the block ends."""
    if sys.stderr.isatty():
        with Console(stderr=True).status(text):
            yield
        return
    done = threading.Event()
    start = time.monotonic()

    def report() -> None:
        while not done.wait(LINE_EVERY_S):
            print(f"gnomon: {text}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
