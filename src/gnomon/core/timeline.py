"""What runs when: spans of time on tracks, of engines that put their answers together from things that run beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from gnomon.core.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that takes a time of its own on a track."""

    track: str  # what runs one thing at a time, like "stage 0: computes"
    name: str
    kind: Literal["compute", "network", "idle"]
    start_s: float
    end_s: float
    details: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Spans by track, in order; those of one track may stand inside each other and do not overlap otherwise."""

    spans: tuple[Span, ...]
    left_out: int = 0  # spans beyond as many as were asked for: the latest to begin


@runtime_checkable
class HasTimeline(Protocol):
    """An engine that can tell what runs when."""

    def timeline(self, scenario: Scenario, most: int) -> Timeline:
        """At most `most` spans of the answer, from the beginning. Unsupported, BadInput as `predict`."""
        ...
