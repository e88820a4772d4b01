"""Requests of a trace, sent again: at another pace, at other moments, or fewer of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Flags, Ints, Prefixes
from gnomon.core.traffic.arrival_processes import ArrivalProcess, Recorded, check_pace
from gnomon.core.traffic.arrival_times import arrival_times_s, mean_rate_per_s
from gnomon.core.traffic.checks import MOST_REQUESTS, check_positive, check_whole
from gnomon.core.traffic.drawn import NONE, streams
from gnomon.core.traffic.lengths import Pairs
from gnomon.core.traffic.traffic import MOST_SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How a trace is sent again. Pace and moments are of requests that wait for no other; waiting stays as it is."""

    speed: float = 1.0  # 2: the same requests in half the time
    rate_per_s: float | None = None  # instead of a speed: so many a second on average, of the requests that are taken
    arrivals: ArrivalProcess | None = (
        None  # instead of both: the same requests in the same order, at moments drawn anew
    )
    requests: int | None = None  # the first so many, conversations whole but for the last; None: all
    duration_s: float | None = None  # nothing arrives after it, but for later turns; None: no bound
    seed: int = 0  # of moments that are drawn

    def __post_init__(self) -> None:
        check_pace(self.speed, self.rate_per_s)
        if self.arrivals is not None:
            if not isinstance(self.arrivals, ArrivalProcess):
                raise BadInput(f"{self.arrivals!r:.80} is no kind of stream", field="arrivals")
            if self.speed != 1 or self.rate_per_s is not None:
                raise BadInput("moments that are drawn anew have a pace of their own", field="arrivals")
        if self.requests is not None:
            check_whole(self.requests, "requests", most=MOST_REQUESTS)
        if self.duration_s is not None:
            check_positive(self.duration_s, "duration_s")
        check_whole(self.seed, "seed", least=0, most=MOST_SEED)


def replayed(arrivals: Arrivals, replay: Replay) -> Arrivals:
    """The requests as they are sent again. BadInput for a rate that the trace cannot be brought to."""
    if not len(arrivals):
        return arrivals
    first = _first_turns(arrivals)
    is_first = first == np.arange(len(arrivals))
    moments = arrivals.arrived_s.astype(float)
    kept = np.ones(len(arrivals), bool)
    if replay.requests is not None:
        in_talks = np.lexsort((np.arange(len(first)), first))
        kept[in_talks[replay.requests :]] = False
    if replay.arrivals is not None:
        count = int(is_first.sum())
        drawn = arrival_times_s(replay.arrivals, count, replay.duration_s, streams(replay.seed).arrivals)
        begun = np.flatnonzero(is_first)[: len(drawn)]
        moments[begun] = drawn
        kept &= np.isin(first, begun)
    else:
        moments[is_first] /= _speed(replay, moments[is_first & kept])
        if replay.duration_s is not None:
            kept &= (moments <= replay.duration_s)[first]
    return taken(replace(arrivals, arrived_s=moments), kept)


def recorded_moments(arrivals: Arrivals, *, speed: float = 1.0, rate_per_s: float | None = None) -> Recorded:
    """When the requests of a trace came that waited for no other: a stream to which other lengths may be given."""
    first = _first_turns(arrivals) == np.arange(len(arrivals))
    return Recorded(arrived_s=tuple(arrivals.arrived_s[first].tolist()), speed=speed, rate_per_s=rate_per_s)


def recorded_lengths(arrivals: Arrivals, *, is_shuffled: bool = False) -> Pairs:
    """How long prompts and answers of a trace are: lengths that another stream may have. A prompt counts with its history."""
    prompts, answers = arrivals.prefill_tokens.tolist(), arrivals.decode_tokens.tolist()
    return Pairs(prompts=tuple(prompts), answers=tuple(answers), is_shuffled=is_shuffled)


def taken(arrivals: Arrivals, kept: Flags) -> Arrivals:
    """Those of the requests; with each the one that it waits for has to be among them."""
    if kept.all():
        return arrivals
    places = np.full(len(arrivals) + 1, NONE, np.int64)  # the last: of no request
    places[:-1][kept] = np.arange(int(kept.sum()))
    return Arrivals(
        ids=arrivals.ids[kept],
        arrived_s=arrivals.arrived_s[kept],
        prefill_tokens=arrivals.prefill_tokens[kept],
        decode_tokens=arrivals.decode_tokens[kept],
        prefixes=None if arrivals.prefixes is None else _taken_prefixes(arrivals.prefixes, kept),
        after=None if arrivals.after is None else places[arrivals.after[kept]],
        priorities=None if arrivals.priorities is None else arrivals.priorities[kept],
        adapters=None if arrivals.adapters is None else arrivals.adapters[kept],
    )


def _taken_prefixes(prefixes: Prefixes, kept: Flags) -> Prefixes:
    lengths = np.diff(prefixes.starts)
    pieces = np.repeat(kept, lengths)
    return Prefixes(
        starts=np.concatenate([[0], np.cumsum(lengths[kept])]),
        segments=prefixes.segments[pieces],
        tokens=prefixes.tokens[pieces],
        answers=prefixes.answers[kept],
    )


def _first_turns(arrivals: Arrivals) -> Ints:
    """For each request the first of those that it waits for, directly or not; itself where it waits for none."""
    places = np.arange(len(arrivals), dtype=np.int64)
    if arrivals.after is None:
        return places
    first = np.where(arrivals.after == NONE, places, arrivals.after)
    while not np.array_equal(further := first[first], first):
        first = further
    return first


def _speed(replay: Replay, moments: np.ndarray) -> float:
    if replay.rate_per_s is None or len(moments) == 1:
        return replay.speed
    recorded = mean_rate_per_s(moments)
    if not 0 < recorded < np.inf:
        raise BadInput(
            "all requests of the trace come at once: they have no rate to be changed; say how they arrive instead",
            field="rate_per_s",
        )
    return replay.rate_per_s / recorded
