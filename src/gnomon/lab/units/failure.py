"""Why an attempt does not count, in words: its exit code with its last words, a signal, a limit."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from gnomon.lab.store.plain_file import end_of
from gnomon.lab.units.sandbox.messages import Ended

_TAIL_BYTES = 4096  # of a log, in which its last line is looked for
_LONGEST = 160  # characters of it


def failure(told: Ended, stderr: Path, killed_before: int) -> str:
    """Why an attempt does not count; empty: it ended with 0.

    stderr: what it wrote there. killed_before: `killed_for_memory` when it began.
    """
    if told.how == "exited":
        last = last_line(stderr) if told.exit_code else ""
        return "" if told.exit_code == 0 else f"exit {told.exit_code}{last and f': {last}'}"
    if told.how == "signalled" and told.signal is not None:
        name = signal.Signals(told.signal).name
        is_for_memory = name == "SIGKILL" and killed_for_memory() > killed_before
        return f"ended by {name}{': the kernel was out of memory and ended programs' if is_for_memory else ''}"
    return f"{told.how}: {told.reason}" if told.reason else told.how


def killed_for_memory() -> int:
    """How many programs the kernel has ended since it started because memory ran out; 0 where it does not say.

    [Linux, /proc/vmstat: oom_kill, of the whole machine]
    """
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def last_line(path: Path) -> str:
    """The last line with something on it, at its start where it is long; empty where there is none, or no plain file."""
    lines = end_of(path, _TAIL_BYTES)[0].decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in last[:_LONGEST])
