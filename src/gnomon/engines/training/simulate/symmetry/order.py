"""Whether what falls on one nanosecond happens in the same order on every rank of a class.

What was asked for earlier comes first, everywhere. What was asked for at one time, by events of which some are another rank's,
comes in an order that may differ between the ranks; where it counts, the cluster is not simulated by classes.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from gnomon.core.trace import NodeKind
from gnomon.engines.training.simulate.clock import Agenda, Call, Clock
from gnomon.engines.training.simulate.rank import Rank
from gnomon.engines.training.simulate.symmetry.alike import NotAlike


class _Deed(NamedTuple):
    """Something that a rank does from its agenda."""

    number: int
    asked_ns: int
    asked_by: int | None  # the deed that asked for it; None: a message did


class WatchedAgenda(Agenda):
    """An agenda that knows when each of its deeds was asked for."""

    __slots__ = ("_count", "_deed", "_noted", "_noted_ns")

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._count = 0
        self._deed: _Deed | None = None  # under way
        self._noted_ns = 0
        self._noted: list[tuple[Hashable, Hashable, _Deed | None]] = []  # at that time

    def after(self, delay_ns: int, call: Call, argument: Any = None) -> None:
        self._count += 1
        asked_by = None if self._deed is None else self._deed.number
        super().after(delay_ns, self._run, (_Deed(self._count, self.clock.now, asked_by), call, argument))

    def _run(self, what: tuple[_Deed, Call, Any]) -> None:
        self._deed, call, argument = what
        call(argument)
        self._deed = None

    def note(self, place: Hashable, what: Hashable) -> None:
        """Something happens at a place where the order of different things counts. NotAlike where it is not known."""
        now = self.clock.now
        if now != self._noted_ns:
            self._noted_ns = now
            self._noted.clear()
        for other_place, other, deed in self._noted:
            if other_place == place and other != what and not _is_known(deed, self._deed, now):
                raise NotAlike(f"at {now:,} ns the order of events differs between equal ranks, and it counts")
        self._noted.append((place, what, self._deed))


def _is_known(one: _Deed | None, other: _Deed | None, now: int) -> bool:
    """Whether two deeds come in the same order on all ranks."""
    if one is other:
        return True
    if one is None or other is None:
        return False
    if one.asked_by is not None and one.asked_by == other.asked_by:
        return True
    return one.asked_ns != other.asked_ns and now not in (one.asked_ns, other.asked_ns)


class WatchedRank(Rank):
    """A rank that stands for others: the order in which a collective and another node end counts."""

    __slots__ = ()

    def _ended(self, at: int) -> None:
        is_collective = self.graph.nodes[at].kind is NodeKind.COLLECTIVE
        assert isinstance(self.agenda, WatchedAgenda)
        self.agenda.note("end", at if is_collective else None)
        super()._ended(at)
