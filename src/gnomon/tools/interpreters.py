"""The Python that a tool's environment is made with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator

from gnomon.core.errors import ToolError, UsageError

_NEWEST_MINOR = 20  # of the names python3.N that are looked for
_ANSWER_S = 20.0


def interpreter(tool: str, least: tuple[int, int], asked: str | None = None) -> str:
    """Path of a Python of at least this version: the one that is asked for, else Gnomon's own, else one on the PATH."""
    told = ".".join(map(str, least))
    if asked is not None:
        found = _version(asked)
        if found is None:
            raise UsageError(f"--python: {asked!r} is no Python that runs")
        if found < least:
            raise UsageError(f"--python: {asked!r} is Python {found[0]}.{found[1]}, and {tool} needs {told} or newer")
        return asked
    for candidate in _candidates(least):
        found = _version(candidate)
        if found is not None and found >= least:
            return candidate
    raise ToolError(
        f"{tool} needs Python {told} or newer, and there is none on the PATH: name one, like --python /path/to/python{told}"
    )


def _candidates(least: tuple[int, int]) -> Iterator[str]:
    yield str(getattr(sys, "_base_executable", None) or sys.executable)
    for minor in range(least[1], _NEWEST_MINOR):
        path = shutil.which(f"python{least[0]}.{minor}")
        if path:
            yield path


def _version(program: str) -> tuple[int, int] | None:
    """What it says of itself; None where it does not run."""
    try:
        done = subprocess.run(
            [program, "-I", "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=True,
        )
        major, minor = map(int, done.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return major, minor
