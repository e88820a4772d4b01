"""The bus between an NPU and its memory where both sides share it: LogGP ends that send in turns.

Two ends face each other. What the NPU's end sends has first to cross a bus of its own to the memory behind it, and what it
receives crosses that bus too. After some sends in a row an end lets the other go first. The two ends, their states and what
they do at each event are those of ASTRA-sim's model-shared-bus. [astra-sim 518bd51, LogGP.cc, MemBus.cc, MemMovRequest.cc;
LogGP: Alexandrov et al., SPAA 1995]
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from gnomon.core.cluster_rules import SharedBus
from gnomon.engines.training.simulate.clock import Agenda, Call

_INNER_GAP_PER_BYTE_NS = 0.0038  # of the bus behind the NPU's end [MemBus.cc]
_TURNS = 8  # sends in a row before the other end may go first [LogGP.cc]
_REDUCTION_NS = 50  # of a reduction of any size, beside that of its bytes [LogGP.cc]


class _State(Enum):
    FREE = auto()
    SENDING = auto()
    RECEIVING = auto()


@dataclass(slots=True, kw_only=True)
class _Request:
    """Bytes that cross."""

    bytes: int
    is_reduced: bool  # on arrival, first
    is_sent_back: bool  # then
    call: Call  # when it is through
    argument: Any


class Bus:
    """Two ends, of which the NPU's has a bus behind it."""

    __slots__ = ("memory", "npu")

    def __init__(self, rules: SharedBus, agenda: Agenda, *, has_inner: bool = True) -> None:
        inner = replace(rules, gap_per_byte_ns=_INNER_GAP_PER_BYTE_NS)
        self.npu = End(rules, agenda, Bus(inner, agenda, has_inner=False) if has_inner else None)
        self.memory = End(rules, agenda, None)
        self.npu.partner, self.memory.partner = self.memory, self.npu


class End:
    """One end."""

    __slots__ = (
        "_agenda",
        "_before",
        "_inner",
        "_is_reducing",
        "_last_ns",
        "_receiving",
        "_reducing",
        "_rules",
        "_sending",
        "_sent",
        "_state",
        "partner",
    )

    def __init__(self, rules: SharedBus, agenda: Agenda, inner: Bus | None) -> None:
        self.partner = self
        self._rules, self._agenda, self._inner = rules, agenda, inner
        self._state = self._before = _State.FREE
        self._last_ns = 0  # when it last ended a crossing
        self._sent = 0  # in a row
        self._is_reducing = False
        self._sending: deque[_Request] = deque()
        self._receiving: deque[_Request] = deque()
        self._reducing: deque[_Request] = deque()

    def request(self, message_bytes: int, is_reduced: bool, is_sent_back: bool, call: Call, argument: Any) -> None:
        """Send bytes to the other end."""
        asked = _Request(
            bytes=message_bytes, is_reduced=is_reduced, is_sent_back=is_sent_back, call=call, argument=argument
        )
        if self._inner is not None:
            self._inner.memory.request(message_bytes, False, False, self._came_back, (self._sending.append, asked))
        else:
            self._sending.append(asked)
            self._go_on()

    def _go_on(self) -> None:
        """Send what waits, unless it is the other's turn."""
        if self._state is not _State.FREE or not self._sending:
            return
        partner = self.partner
        if self._sent > _TURNS and partner._sending and partner._sent <= _TURNS:
            partner._go_on()
        else:
            self._send_next()

    def _send_next(self) -> None:
        rules, now = self._rules, self._agenda.clock.now
        idle_ns = now - self._last_ns
        waits_gap = self._before is _State.SENDING and rules.overhead_ns + idle_ns <= rules.gap_ns
        offset_ns = rules.gap_ns - idle_ns if waits_gap else rules.overhead_ns
        asked = self._sending.popleft()
        self.partner._receive(asked, offset_ns)
        self._state = _State.SENDING
        self._agenda.after(int(offset_ns + rules.gap_per_byte_ns * (asked.bytes - 1)), self._sent_one)

    def _receive(self, asked: _Request, offset_ns: int) -> None:
        rules = self._rules
        self._receiving.append(asked)
        self._before, self._state, self._sent = self._state, _State.RECEIVING, 0
        wire_ns = (asked.bytes - 1) * rules.gap_per_byte_ns
        self._agenda.after(int(offset_ns + wire_ns + rules.latency_ns + rules.overhead_ns), self._received_one)

    def _sent_one(self, _: None) -> None:
        self._last_ns = self._agenda.clock.now
        self._before, self._state = self._state, _State.FREE
        self._sent += 1
        self._go_on()

    def _received_one(self, _: None) -> None:
        self._last_ns = self._agenda.clock.now
        self._before = self._state
        if len(self._receiving) < 2:
            self._state = _State.FREE
        asked = self._receiving.popleft()
        if asked.is_reduced:
            asked.is_reduced = False
            self._behind(asked, True, self._reduce)
        else:
            self._finish(asked)
        self._go_on()

    def _finish(self, asked: _Request) -> None:
        """What follows the crossing and the reduction."""
        if asked.is_sent_back:
            asked.is_sent_back = False
            self._behind(asked, True, self._sending.append)
        else:
            self._behind(asked, False, self._retire)

    def _behind(self, asked: _Request, is_sent_back: bool, then: Call) -> None:
        """Cross the bus behind this end, if it has one."""
        if self._inner is not None:
            self._inner.npu.request(asked.bytes, False, is_sent_back, self._came_back, (then, asked))
        else:
            then(asked)

    def _came_back(self, what: tuple[Call, _Request]) -> None:
        then, asked = what
        then(asked)
        self._go_on()

    @staticmethod
    def _retire(asked: _Request) -> None:
        asked.call(asked.argument)

    def _reduce(self, asked: _Request) -> None:
        self._reducing.append(asked)
        self._start_reduction()

    def _start_reduction(self) -> None:
        if self._is_reducing or not self._reducing:
            return
        self._is_reducing = True
        hundreds = self._reducing[0].bytes // 100
        self._agenda.after(hundreds * self._rules.reduction_ns_per_100_bytes + _REDUCTION_NS, self._reduced)

    def _reduced(self, _: None) -> None:
        self._is_reducing = False
        self._finish(self._reducing.popleft())
        self._start_reduction()
        self._go_on()
