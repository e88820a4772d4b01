"""A simulated step as a timeline in the Trace Event Format: a process for each rank, a thread for each of its resources.

Times are written in microseconds, as the format wants them; they are whole nanoseconds.
[Trace Event Format, Google: complete events "X" and metadata events "M"]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NS_PER_US = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a rank did."""

    rank: int
    lane: str  # the resource that it occupied
    name: str
    start_ns: int
    end_ns: int
    details: Mapping[str, Any]


def step_trace(events: Iterable[Event], *, version: str) -> dict[str, Any]:
    """The trace as a JSON object."""
    lanes: dict[tuple[int, str], int] = {}
    written: list[dict[str, Any]] = []
    for event in events:
        key = event.rank, event.lane
        if key not in lanes:
            lanes[key] = len(lanes) + 1
            written += _named(event, lanes[key])
        written.append(
            {
                "ph": "X",
                "pid": event.rank,
                "tid": lanes[key],
                "name": event.name,
                "ts": event.start_ns / _NS_PER_US,
                "dur": (event.end_ns - event.start_ns) / _NS_PER_US,
                "args": dict(event.details),
            }
        )
    return {"traceEvents": written, "displayTimeUnit": "ns", "otherData": {"writer": "gnomon", "version": version}}


def _named(event: Event, lane: int) -> list[dict[str, Any]]:
    return [
        {"ph": "M", "pid": event.rank, "name": "process_name", "args": {"name": f"rank {event.rank}"}},
        {"ph": "M", "pid": event.rank, "tid": lane, "name": "thread_name", "args": {"name": event.lane}},
    ]
