"""How long a run has to go: what is left, at the median of the units that ended, and by which of the two estimates."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from gnomon.lab.journal import Record
from gnomon.lab.spec import Spec
from gnomon.lab.state import State


@dataclass(slots=True)
class Outlook:
    """Durations of the units of a run, by its journal."""

    spec: Spec
    durations_s: list[float] = field(default_factory=list)
    _read: int = 0  # bytes of the journal that `follow` has seen

    def take(self, record: Record) -> None:
        """See a record; only units that ended, other than sanity checks, say how long units take."""
        if record.get("kind") == "unit_done" and record.get("phase") != "sanity":
            self.durations_s.append(record["wall_s"])

    def follow(self, journal: Path) -> None:
        """See what came to a journal since the last time, by a runner at work: a line that is not whole yet is left."""
        try:
            with journal.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            if b'"unit_done"' in line:
                self.take(json.loads(line))

    def left_s(self, state: State) -> float | None:
        """Seconds that the units take that are left; None for a run that has ended or has not planned any yet."""
        left = state.planned - state.done - state.failed
        if state.end is not None or not state.planned:
            return None
        unit_s = statistics.median(self.durations_s) if self.durations_s else self.spec.protocol.unit_estimate
        return left * unit_s / self.spec.protocol.workers

    @property
    def basis(self) -> str:
        """What the estimate is by."""
        count = len(self.durations_s)
        return f"the median of {count} unit{'s' * (count != 1)}" if count else "the spec's estimate of a unit"
