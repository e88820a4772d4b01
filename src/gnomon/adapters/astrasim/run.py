"""Running a backend in a folder of its own."""

from __future__ import annotations

from gnomon.adapters.astrasim.binaries import Binary
from gnomon.adapters.astrasim.translate import Bytes
from gnomon.core.tool import Limits
from gnomon.tools.process import Ended, scratch
from gnomon.tools.process import run as run_program

_MOST_PRINTED = 2**30  # bytes; a rank prints some hundreds, and each must be read


def run(binary: Binary, arguments: list[str], files: Bytes, limits: Limits) -> Ended:
    """How it ended and what it printed. ToolError where it takes more time or memory than it may."""
    with scratch({}) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        called = [*binary.words(folder, limits), *arguments]
        return run_program("astra-sim", called, folder, limits, kept=_MOST_PRINTED)
