"""A trace as a service gets it, and the requests of either kind of traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

from gnomon.core.service import Arrivals
from gnomon.core.traffic.checks import check_whole
from gnomon.core.traffic.drawn import drawn
from gnomon.core.traffic.replay import Replay, replayed
from gnomon.core.traffic.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedTrace:
    """Requests of a file, sent again. Two are equal where their files' contents are, and how they are sent."""

    name: str  # of the file
    sha256: str  # of what is in it
    recorded: Arrivals = field(compare=False, repr=False)  # as they are in the file
    replay: Replay
    most_open: int | None = None  # requests under way at once; the next comes when one is through. None: no bound
    notes: tuple[str, ...] = ()  # what the reader took for granted

    def __post_init__(self) -> None:
        if self.most_open is not None:
            check_whole(self.most_open, "most_open")


AnyTraffic = Traffic | PlayedTrace


def requests_of(traffic: AnyTraffic) -> Arrivals:
    """The requests. BadInput where there are none, or none that could be sent so."""
    return drawn(traffic) if isinstance(traffic, Traffic) else replayed(traffic.recorded, traffic.replay)
