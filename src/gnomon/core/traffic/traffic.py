"""Traffic: what a user says of a stream of requests."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.core.traffic.arrival_processes import AllAtOnce, ArrivalProcess, RateSteps, Recorded
from gnomon.core.traffic.checks import MOST_REQUESTS, check_not_negative, check_positive, check_whole
from gnomon.core.traffic.lengths import Lengths, Pairs
from gnomon.core.traffic.sharing import MOST_EXPONENT, Conversations, Repetition, SystemPrompts

MOST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """LoRA adapters that requests ask for."""

    count: int
    exponent: float = 0.0  # of popularity: the n-th is n^exponent times as rare as the first; 0: all alike
    bare_share: float = 0.0  # of the requests: they ask for none

    def __post_init__(self) -> None:
        check_whole(self.count, "count", most=MOST_REQUESTS)
        check_not_negative(self.exponent, "exponent", most=MOST_EXPONENT)
        check_not_negative(self.bare_share, "bare_share", most=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A stream of requests. BadInput for what cannot be."""

    arrivals: ArrivalProcess  # of requests; of conversations where there are any
    lengths: Lengths | Pairs
    requests: int | None = None  # at most, all turns counted; None: as many as come in the duration
    duration_s: float | None = None  # nothing arrives after it, but for later turns; None: no bound
    system_prompts: SystemPrompts | None = None
    conversations: Conversations | None = None
    repetition: Repetition | None = None
    priorities: tuple[tuple[int, float], ...] = ()  # each with its weight; the lowest goes first. Empty: all are alike
    adapters: Adapters | None = None
    most_open: int | None = None  # requests under way at once; the next comes when one is through. None: no bound
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.arrivals, ArrivalProcess):
            raise BadInput(f"{self.arrivals!r:.80} is no kind of stream", field="arrivals")
        if not isinstance(self.lengths, Lengths | Pairs):
            raise BadInput(f"{self.lengths!r:.80} is no kind of lengths", field="lengths")
        if self.requests is not None:
            check_whole(self.requests, "requests", most=MOST_REQUESTS)
        if self.duration_s is not None:
            check_positive(self.duration_s, "duration_s")
        if self.most_open is not None:
            check_whole(self.most_open, "most_open")
        check_whole(self.seed, "seed", least=0, most=MOST_SEED)
        self._check_size()
        self._check_priorities()
        if self.repetition is not None and self.conversations is not None:
            raise BadInput("prompts that are sent again have no turns: leave conversations out", field="repetition")

    def _check_size(self) -> None:
        is_finite = isinstance(self.arrivals, Recorded) or (
            isinstance(self.arrivals, RateSteps) and not self.arrivals.repeats
        )
        if self.requests is None and isinstance(self.arrivals, AllAtOnce):
            raise BadInput("how many come at once is not said", field="requests")
        if self.requests is None and self.duration_s is None and not is_finite:
            raise BadInput("neither requests nor duration_s is said", field="requests")

    def _check_priorities(self) -> None:
        for place, entry in enumerate(self.priorities):
            if not isinstance(entry, tuple) or len(entry) != 2:
                raise BadInput(f"{entry!r} is not a priority and a weight", field=f"priorities.{place}")
            check_whole(entry[0], f"priorities.{place}", least=-MOST_REQUESTS)
            check_not_negative(entry[1], f"priorities.{place}.weight")
            if entry[0] in (before for before, _ in self.priorities[:place]):
                raise BadInput(f"priority {entry[0]} is listed twice", field=f"priorities.{place}")
        if self.priorities and not any(weight for _, weight in self.priorities):
            raise BadInput("no priority has any weight", field="priorities")
