"""Between an NPU's memory and the network: the delay of each hand-over, and the sums that a reduction costs.

A reduction reads two operands and writes one, each of which drops its fraction of a nanosecond. [astra-sim 518bd51,
PacketBundle.cc, MemBus.cc]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from gnomon.core.cluster_rules import ClusterRules
from gnomon.core.errors import BadInput
from gnomon.engines.training.simulate.clock import Agenda, Call
from gnomon.engines.training.simulate.shared_bus import Bus

LOCAL_DELAY_NS = 10  # in a group smaller than the cluster, whatever endpoint-delay says [MemBus.cc]


class HandOver(NamedTuple):
    """What passes between memory and network, and how."""

    message_bytes: int
    reduces: bool = False  # added to what is there
    to_memory: bool = False  # towards the side that sends
    is_local: bool = False  # in a group smaller than the cluster
    is_sent_back: bool = False  # over a shared bus it then crosses again


class Endpoint(Protocol):
    """Of one rank."""

    def pass_on(self, passed: HandOver, call: Call, argument: Any = None) -> None:
        """Have something done when it is through."""


class DelayedEndpoint:
    """A hand-over takes a fixed time."""

    __slots__ = ("_agenda", "_delays_ns", "_rules")

    def __init__(self, agenda: Agenda, rules: ClusterRules) -> None:
        self._agenda, self._rules = agenda, rules
        self._delays_ns = hand_over_ns(False, rules), hand_over_ns(True, rules)

    def pass_on(self, passed: HandOver, call: Call, argument: Any = None) -> None:
        delay_ns = self._delays_ns[passed.is_local]
        if passed.reduces:
            self._agenda.after(delay_ns, self._reduce, (passed, call, argument))
        else:
            self._agenda.after(delay_ns, call, argument)

    def _reduce(self, what: tuple[HandOver, Call, Any]) -> None:
        passed, call, argument = what
        self._agenda.after(reduction_ns(passed.message_bytes, self._rules), call, argument)


class BusEndpoint:
    """A hand-over crosses a bus that others use too; those of a group smaller than the cluster do not."""

    __slots__ = ("_agenda", "_bus", "_delayed", "_rules")

    def __init__(self, agenda: Agenda, rules: ClusterRules) -> None:
        assert rules.shared_bus is not None
        self._agenda, self._rules = agenda, rules
        self._bus = Bus(rules.shared_bus, agenda)
        self._delayed = DelayedEndpoint(agenda, rules)

    def pass_on(self, passed: HandOver, call: Call, argument: Any = None) -> None:
        if passed.is_local:
            self._delayed.pass_on(passed, call, argument)
            return
        side = self._bus.npu if passed.to_memory else self._bus.memory
        side.request(passed.message_bytes, passed.reduces, passed.is_sent_back, self._crossed, (passed, call, argument))

    def _crossed(self, what: tuple[HandOver, Call, Any]) -> None:
        passed, call, argument = what
        if passed.reduces:
            self._agenda.after(reduction_ns(passed.message_bytes, self._rules), call, argument)
        else:
            call(argument)


def hand_over_ns(is_local: bool, rules: ClusterRules) -> int:
    """Time of a hand-over without a sum, in ns."""
    return LOCAL_DELAY_NS if is_local else rules.endpoint_delay_ns


def reduction_ns(message_bytes: int, rules: ClusterRules) -> int:
    """Time to add a message to what is there, in ns: two reads and a write of local memory. BadInput without its speed."""
    if not rules.local_bytes_per_s:
        raise BadInput(
            "missing, and a reduction reads and writes local memory", field="local-mem-bw", where=rules.place
        )
    return 3 * int(message_bytes / rules.local_bytes_per_s * 1e9)
