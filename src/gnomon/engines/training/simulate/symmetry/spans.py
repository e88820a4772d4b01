"""What crosses the network of a folded cluster: trains of messages, each for all ranks of a class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnomon.engines.training.simulate.symmetry.alike import NotAlike
from gnomon.engines.training.simulate.symmetry.course import Train
from gnomon.engines.training.simulate.symmetry.crossing import Links
from gnomon.engines.training.simulate.traffic import Traffic

_Times = npt.NDArray[np.int64]


class Spans(NamedTuple):
    """Times in which something is under way, one after the other."""

    start_ns: int
    period_ns: int  # from start to start
    length_ns: int
    repeats: int

    @property
    def end_ns(self) -> int:
        return self.start_ns + (self.repeats - 1) * self.period_ns + self.length_ns


class FoldedTraffic(Traffic):
    """Of one class of links, of which some ranks tell what all do."""

    __slots__ = ("_half_links", "_sent", "_spans", "_towards", "_weight")

    def __init__(self, dimension: int, name: str, weight: int) -> None:
        super().__init__(dimension, name)
        self._weight = weight
        self._spans: set[Spans] = set()
        self._sent: list[tuple[_Times, int]] = []  # starts and the length of each
        self._towards: dict[int, set[tuple[bool, int]]] = {}  # of each rank that tells, links of it and of its class
        self._half_links = 0

    def add(self, start_ns: int, end_ns: int, message_bytes: int, busy_ns: int) -> None:
        """A message of each rank of a class."""
        self._count(1, message_bytes, busy_ns)
        self._spans.add(Spans(start_ns, 0, end_ns - start_ns, 1))

    def add_train(self, rank: int, members: int, begin_ns: int, train: Train, links: Links) -> None:
        """Messages of each rank of a class, in closed form, over links of this class."""
        self._count(train.repeats * train.copies, train.message_bytes, links.busy_ns, halves=1 if links.is_half else 2)
        start_ns = begin_ns + train.first_ns + links.after_ns
        self._spans.add(Spans(start_ns, train.period_ns, links.length_ns, train.repeats))
        if links.is_half:  # all but two links of a ring, if there is more than one round
            self._half_links = self._weight // members * (members - 2)
        else:
            self._towards.setdefault(rank, set()).update(links.towards)

    def add_all(self, sent_ns: _Times, message_bytes: int, links: Links) -> None:
        """Messages of each rank of a class, sent at these times, without congestion."""
        self._count(sent_ns.size, message_bytes, links.busy_ns)
        self._sent.append((np.unique(sent_ns), links.length_ns))

    def _count(self, messages: int, message_bytes: int, busy_ns: int, halves: int = 2) -> None:
        count = messages * self._weight * halves // 2
        self.messages += count
        self.bytes += count * message_bytes
        self.busy_ns += count * busy_ns

    def settle(self, npus: int, *, has_links: bool) -> Traffic:
        """The figures of all. NotAlike where links cannot be counted."""
        made = Traffic(self.dimension, self.name)
        made.messages, made.bytes, made.busy_ns = self.messages, self.bytes, self.busy_ns
        made.active_ns = union_ns(self._spans, self._sent)
        if has_links:
            links = sum(_links(one, npus) for one in self._towards.values()) * self._weight
            made.links = max(links, self._half_links)
        return made


def _links(towards: set[tuple[bool, int]], npus: int) -> int:
    """At each NPU of a class: to partners and to those some places on are the same links, on some of them."""
    on = sum(not swaps for swaps, _ in towards)
    if 0 < on < len(towards):
        if on < npus - 1:
            raise NotAlike("some links are used by two algorithms")
        return on
    return len(towards)


def union_ns(spans: Iterable[Spans], more: Sequence[tuple[_Times, int]] = ()) -> int:
    """In which anything is under way, in ns; more: starts and the length of each."""
    if not more:
        return sum(_alone_ns(one[0]) if len(one) == 1 else _joined_ns(map(_starts, one)) for one in _overlapping(spans))
    return _joined_ns([*map(_starts, spans), *more])


def _overlapping(spans: Iterable[Spans]) -> Iterator[list[Spans]]:
    """Those that may overlap, together."""
    together: list[Spans] = []
    end_ns = -1
    for one in sorted(spans):
        if together and one.start_ns >= end_ns:
            yield together
            together = []
        end_ns = max(end_ns, one.end_ns) if together else one.end_ns
        together.append(one)
    if together:
        yield together


def _alone_ns(spans: Spans) -> int:
    is_apart = spans.repeats == 1 or spans.period_ns >= spans.length_ns
    return spans.repeats * spans.length_ns if is_apart else spans.end_ns - spans.start_ns


def _starts(spans: Spans) -> tuple[_Times, int]:
    return spans.start_ns + spans.period_ns * np.arange(spans.repeats, dtype=np.int64), spans.length_ns


def _joined_ns(runs: Iterable[tuple[_Times, int]]) -> int:
    """The length of the union: of each span, what lies beyond the ends of those that began before."""
    known = list(runs)
    starts = np.concatenate([one for one, _ in known])
    ends = np.concatenate([one + length_ns for one, length_ns in known])
    order = np.argsort(starts)
    starts, until = starts[order], np.maximum.accumulate(ends[order])
    before = np.concatenate([starts[:1], until[:-1]])
    return int(np.maximum(until - np.maximum(starts, before), 0).sum())
