"""What a file of requests says."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.service import Arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """The requests of a file."""

    kind: str  # which format it is in
    arrivals: Arrivals
    notes: tuple[str, ...] = ()  # what was left out, estimated or not in the file
