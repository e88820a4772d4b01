"""A sign of life on standard error: a spinner on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.status import Status

from gnomon.core.tell import Tell

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


@contextmanager
def telling() -> Iterator[Tell]:
    """Show the last text that was told, as `working` does; until the first there is nothing to be seen."""
    last: list[str] = []
    with ExitStack() as shown:

        def tell(text: str) -> None:
            is_first = not last
            last[:] = [text]
            if not sys.stderr.isatty():
                if is_first:
                    shown.enter_context(lines(lambda: last[0]))
            elif is_first:
                spinners.append(shown.enter_context(Console(stderr=True).status(text)))
            else:
                spinners[0].update(text)

        spinners: list[Status] = []
        yield tell
