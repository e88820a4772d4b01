"""What a message takes that every rank of a class sends at once, to the one so many places on: without meeting others.

Without congestion no messages meet. With it they do not, where each link carries one at a time: from each rank to the next
or to a partner, all in step, with one chunk under way. Those that go some way round a ring follow each other link by link.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from gnomon.core.cluster_rules import Algorithm, AlgorithmName
from gnomon.core.fabric import Wiring
from gnomon.engines.training.simulate.given import Given
from gnomon.engines.training.simulate.phase import Phase
from gnomon.engines.training.simulate.symmetry.fold import Fold


class Links(NamedTuple):
    """That messages cross at once."""

    traffic: int  # which class of links, of all
    after_ns: int  # since they were sent
    length_ns: int
    busy_ns: int
    is_half: bool = False  # half of the ranks alone send over this class
    towards: frozenset[tuple[bool, int]] = frozenset(
        {(False, 0)}
    )  # which of those at each NPU: whether to a partner, how far


class Crossing(NamedTuple):
    """Of a message of every rank."""

    time_ns: int
    links: tuple[Links, ...]


class _Way(NamedTuple):
    """How a message goes: the one dimension in which it does, how far, and whether anticlockwise."""

    dimension: int
    hops: int
    is_back: bool


class Crossings(Protocol):
    """Of a network."""

    def of(self, phase: Phase, distance: int, message_bytes: int) -> Crossing | None:
        """To the members so many places on, or all swapping with those so far off; None: they differ, or meet."""

    def for_all(self, phase: Phase, message_bytes: int) -> Mapping[Crossing, int]:
        """To all other members at once, how many of each kind; none: they meet."""


class UnawareCrossings:
    """Without congestion."""

    def __init__(self, given: Given, fold: Fold) -> None:
        self._given, self._ways = given, _Ways(given, is_aware=False)

    def of(self, phase: Phase, distance: int, message_bytes: int) -> Crossing | None:
        ways = self._ways.of(phase, distance)
        if len({way[:2] for way in ways}) != 1:
            return None
        way = next(iter(ways))
        dimension = self._given.fabric.dimensions[way.dimension]
        wire_ns = message_bytes / dimension.bytes_per_ns
        time_ns = int(way.hops * dimension.latency_ns + wire_ns)
        return Crossing(time_ns, (Links(way.dimension, 0, time_ns, int(wire_ns)),))

    def for_all(self, phase: Phase, message_bytes: int) -> Mapping[Crossing, int]:
        found = [self.of(phase, distance, message_bytes) for distance in range(1, len(phase.members))]
        known = Counter(one for one in found if one is not None)
        return known if known.total() == len(found) else {}


class AwareCrossings:
    """With congestion."""

    def __init__(self, given: Given, fold: Fold) -> None:
        self._given, self._fold, self._ways = given, fold, _Ways(given, is_aware=True)
        sides = [1 if one.wiring is Wiring.FULLY_CONNECTED else 2 for one in given.fabric.dimensions]
        self._first = [sum(sides[:at]) for at in range(len(sides))]  # class of links of each dimension

    def of(self, phase: Phase, distance: int, message_bytes: int) -> Crossing | None:
        if _spans(phase) and len(self._given.fabric.dimensions) > 1:
            return None  # to the next may be through several dimensions, for some
        ways = self._ways.of(phase, distance)
        if not ways or len({way[:2] for way in ways}) != 1:
            return None
        at, hops, _ = next(iter(ways))
        dimension, first = self._given.fabric.dimensions[at], self._first[at]
        wire_ns = message_bytes / dimension.bytes_per_ns
        hop_ns, busy_ns = int(dimension.latency_ns + wire_ns), int(wire_ns)
        match dimension.wiring:
            case Wiring.FULLY_CONNECTED:
                if phase.is_local:
                    return None  # which of the links are used, is not told by the place in the group
                towards = _towards(phase, [distance])
                return Crossing(hop_ns, (Links(first, 0, hop_ns, busy_ns, towards=towards),))
            case Wiring.SWITCH:
                both = (Links(first + side, side * hop_ns, hop_ns, busy_ns) for side in (0, 1))
                return Crossing(2 * hop_ns, tuple(both))
        if (hops > 1 or len(ways) > 1) and (phase.is_local or len(self._fold.ranks) > 1):
            return None
        parts = [
            Links(first + way.is_back, hop * hop_ns, hop_ns, busy_ns, len(ways) > 1)
            for way in sorted(ways)
            for hop in range(hops)
        ]
        return Crossing(hops * hop_ns, tuple(parts))

    def for_all(self, phase: Phase, message_bytes: int) -> Mapping[Crossing, int]:
        """Between two, or over links of their own."""
        one, distances = self.of(phase, 1, message_bytes), range(1, len(phase.members))
        if one is None:
            return {}
        if len(distances) == 1:
            return {one: 1}
        if self._given.fabric.dimensions[self._dimension(phase)].wiring is not Wiring.FULLY_CONNECTED:
            return {}
        parts = (part._replace(towards=_towards(phase, distances)) for part in one.links)
        return {one._replace(links=tuple(parts)): len(distances)}

    def _dimension(self, phase: Phase) -> int:
        return next(iter(self._ways.of(phase, 1))).dimension


def _towards(phase: Phase, distances: Iterable[int]) -> frozenset[tuple[bool, int]]:
    count, swaps = len(phase.members), _swaps(phase)
    return frozenset(
        (swaps and 2 * one != count, one if phase.is_clockwise or swaps else count - one) for one in distances
    )


def _swaps(phase: Phase) -> bool:
    """Whether partners swap, rather than each sending on."""
    return isinstance(phase.algorithm, Algorithm) and phase.algorithm.name is AlgorithmName.HALVING_DOUBLING


def _spans(phase: Phase) -> bool:
    return isinstance(phase.algorithm, Algorithm) and phase.algorithm.spans_all


class _Ways:
    """How the messages of a phase go, of all ranks together."""

    def __init__(self, given: Given, *, is_aware: bool) -> None:
        self._fabric, self._groups, self._is_aware = given.fabric, given.groups, is_aware
        self._known: dict[Hashable, frozenset[_Way]] = {}

    def of(self, phase: Phase, distance: int) -> frozenset[_Way]:
        """All that differ; none where one crosses several dimensions."""
        step = phase.members.step if isinstance(phase.members, range) and not phase.is_local else 0
        key = phase.algorithm, phase.is_clockwise, distance, len(phase.members), step
        if key not in self._known:
            ways = {self._way(*pair) for pair in self._pairs(phase, distance)}
            self._known[key] = frozenset() if None in ways else frozenset(way for way in ways if way is not None)
        return self._known[key]

    def _pairs(self, phase: Phase, distance: int) -> Iterator[tuple[int, int]]:
        """Senders and receivers: those of one circle stand for all circles, and of a group for nothing else."""
        swaps = _swaps(phase)
        if not phase.is_local:
            here, there = phase.members[0], phase.members[distance]
            if phase.is_clockwise or swaps:
                yield here, there
            if swaps or not phase.is_clockwise:
                yield there, here
            return
        for members in self._groups.values():
            count = len(members)
            if count == len(phase.members):
                step = distance if phase.is_clockwise else -distance
                for place, rank in enumerate(members):
                    other = place ^ distance if swaps else (place + step) % count
                    if other < count:
                        yield rank, members[other]

    def _way(self, source: int, destination: int) -> _Way | None:
        found: _Way | None = None
        for at, (stride, one) in enumerate(zip(self._fabric.strides, self._fabric.dimensions, strict=True)):
            here, there = source // stride % one.npus, destination // stride % one.npus
            if here == there:
                continue
            if found is not None:
                return None
            clockwise = (there - here) % one.npus
            is_back = one.wiring is Wiring.RING and one.npus - clockwise < clockwise
            found = _Way(at, one.hops(here, there), is_back)
            if not self._is_aware:
                return found
        return found
