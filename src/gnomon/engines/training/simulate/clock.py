"""Simulated time: integer nanoseconds; what falls on one nanosecond happens in the order in which it was asked for.

Two levels, because the order of ASTRA-sim has two: the clock of the cluster, and for each rank a list of what it does at a
time of its own. A rank's list is one event of the clock, so that what a rank adds to the present happens before what others
have asked for in between. [astra-network-analytical 599a047, EventQueue.cpp; astra-sim 518bd51, Sys.cc]
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from gnomon.core.cluster_rules import LAST_NS
from gnomon.core.errors import BadInput

Call = Callable[[Any], None]


class Clock:
    """The clock of the cluster."""

    __slots__ = ("_at", "_times", "now")

    def __init__(self) -> None:
        self.now = 0  # ns
        self._times: list[int] = []  # heap of the times at which something happens
        self._at: dict[int, list[tuple[Call, Any]]] = {}

    def at(self, time_ns: int, call: Call, argument: Any) -> None:
        """Have something done at a time, now or later. BadInput beyond what the tool counts."""
        events = self._at.get(time_ns)
        if events is None:
            if time_ns > LAST_NS:
                raise BadInput(
                    f"something takes until {time_ns:.4g} ns: to {LAST_NS:.4g} (292 years), as ASTRA-sim counts in 64-bit ns"
                )
            self._at[time_ns] = [(call, argument)]
            heappush(self._times, time_ns)
        else:
            events.append((call, argument))

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._times:
            self.now = self._times[0]
            for call, argument in self._at[self.now]:  # also what is added meanwhile
                call(argument)
            del self._at[self.now]
            heappop(self._times)


class Agenda:
    """What one rank does, and when."""

    __slots__ = ("_due", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: dict[int, list[tuple[Call, Any]]] = {}

    def after(self, delay_ns: int, call: Call, argument: Any = None) -> None:
        """Have something done in so many ns."""
        time_ns = self.clock.now + delay_ns
        due = self._due.get(time_ns)
        if due is None:
            self._due[time_ns] = [(call, argument)]
            self.clock.at(time_ns, self._do, time_ns)
        else:
            due.append((call, argument))

    def _do(self, time_ns: int) -> None:
        for call, argument in self._due[time_ns]:  # also what is added meanwhile
            call(argument)
        del self._due[time_ns]
