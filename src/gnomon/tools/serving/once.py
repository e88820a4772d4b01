"""One run of a tool for all quantities of a service: they differ in what is read, not in what is asked."""

from __future__ import annotations

from collections.abc import Callable

from gnomon.core.tool import Files


class Once:
    """A tool's last run."""

    def __init__(self) -> None:
        self._last: tuple[dict[str, str], Files] | None = None

    def run(self, files: Files, run: Callable[[Files], Files]) -> Files:
        """What the run gives; for the files of the last run what that gave."""
        if self._last is None or self._last[0] != files:
            self._last = dict(files), run(files)
        return self._last[1]
