"""A run's sign of life on standard error: on a terminal a bar with units, budget and time left, else a line every 30 s."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gnomon.cli.progress import lines
from gnomon.core.units import show
from gnomon.lab import doors
from gnomon.lab.runs.budget import ledger
from gnomon.lab.runs.outlook import outlook
from gnomon.lab.specs.spec import Spec
from gnomon.lab.store.state import State

_BAR = 30  # columns
_A_SECOND = 4  # times that the bar is drawn


@contextmanager
def progress(spec: Path, run: str | None = None) -> Iterator[Callable[[State], None]]:
    """What is called with each state of a run of a spec; shown until the block ends. run: a replicate by its name."""
    latest: list[tuple[Spec, State, float]] = []  # what was told last, and when; empty before the run has begun

    def tell(state: State) -> None:
        of = latest[0][0] if latest else doors.ran(spec, state.spec_sha256, run)
        latest[:] = [(of, state, time.monotonic())]

    def now() -> tuple[Spec, State, float] | None:
        """The spec as it runs, the state, and the seconds since it was told."""
        if not latest:
            return None
        of, state, told = latest[0]
        return of, state, time.monotonic() - told

    def line() -> str:
        found = now()
        return "starting" if found is None else f"{found[1].phase}: {counted(found[1])}; {_rest(*found)}"

    def drawn() -> Group | Text:
        found = now()
        return Text("starting") if found is None else _drawn(*found)

    if not sys.stderr.isatty():
        with lines(line):
            yield tell
        return
    with Live(
        get_renderable=drawn,
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=_A_SECOND,
        redirect_stdout=False,
    ):
        yield tell


def counted(state: State) -> str:
    """Units done and failed, of all."""
    failed = f", {state.failed} failed" if state.failed else ""
    return f"{state.done} of {state.planned} units{failed}"


def _rest(spec: Spec, state: State, since_s: float) -> str:
    """Runs and wall clock used of what is allowed, and how long it has to go, by what."""
    used = {one.axis: one for one in ledger(spec, state)}
    wall_s = state.wall_s + (since_s if state.end is None else 0.0)
    ahead = outlook(spec, state)
    left = f", about {show(ahead.left_s, 's', 2)} left by {ahead.basis}" if ahead.left_s else ""
    return (
        f"runs {used['runs'].used:g} of {used['runs'].allowed:g}, "
        f"wall clock {show(wall_s, 's', 2)} of {show(used['wall_clock'].allowed, 's')}{left}"
    )


def _drawn(spec: Spec, state: State, since_s: float) -> Group:
    top = Table.grid(padding=(0, 1))
    top.add_row(
        Text(state.phase),
        ProgressBar(total=max(state.planned, 1), completed=state.done + state.failed, width=_BAR),
        Text(counted(state)),
    )
    return Group(top, Text(_rest(spec, state, since_s), overflow="ellipsis", no_wrap=True))
