"""Messages: the sends and the receives of ranks, matched by tag, sender, receiver and size, in order.

A send is over when its message has arrived; a receive when it has arrived and is waited for. [astra-sim 518bd51,
CommonNetworkApi.cc, CongestionUnawareNetworkApi.cc] Under the rendezvous protocol a receiver first sends 8 KiB, and the message
leaves when they have arrived. [Sys.cc]
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, Protocol

from gnomon.core.errors import BadInput, Unsupported
from gnomon.engines.training.simulate.clock import Call, Clock
from gnomon.engines.training.simulate.traffic import Traffic

NATIVE, COLLECTIVE, RENDEZVOUS = 0, 500_000_000, 1_000_000_000  # where the tags of each begin [Sys.hh]
_RENDEZVOUS_BYTES = 8192  # [Sys.cc]
_RENDEZVOUS_LIMIT = 2**31  # of a message, held in an int there [SimSendCaller.hh]


class Key(NamedTuple):
    """By what a send and a receive find each other."""

    tag: int
    source: int
    destination: int
    message_bytes: int


class Network(Protocol):
    """What carries messages."""

    @property
    def traffic(self) -> list[Traffic]: ...

    def deliver(self, source: int, destination: int, message_bytes: int, call: Call, argument: Any) -> None: ...


def nothing(_: Any) -> None:
    """Do nothing when a send is over."""


class Messages:
    """All messages of the cluster that are under way or waited for."""

    def __init__(self, clock: Clock, network: Network, has_rendezvous: bool) -> None:
        self._clock, self._network, self._has_rendezvous = clock, network, has_rendezvous
        self.awaited: dict[Key, deque[tuple[Call, Any]]] = {}  # receives whose message has not arrived
        self.arrived: dict[Key, int] = {}  # messages that nobody has asked for yet

    def send(self, key: Key, call: Call = nothing, argument: Any = None) -> None:
        """Have something done when the message has arrived. BadInput, Unsupported."""
        if self._has_rendezvous:
            self._receive(_clearance(key), self._send, (key, call, argument))
        else:
            self._send((key, call, argument))

    def receive(self, key: Key, call: Call, argument: Any = None) -> None:
        """Have something done when the message has arrived."""
        if self._has_rendezvous:
            self._send((_clearance(key), self._receive_cleared, (key, call, argument)))
        else:
            self._receive(key, call, argument)

    def _receive_cleared(self, wanted: tuple[Key, Call, Any]) -> None:
        self._receive(*wanted)

    def _send(self, sent: tuple[Key, Call, Any]) -> None:
        key = sent[0]
        if key.source == key.destination:
            raise BadInput(f"rank {key.source} sends a message of {key.message_bytes:,} bytes to itself")
        if not key.message_bytes:
            raise BadInput(f"rank {key.source} sends no bytes to rank {key.destination}: a message has one or more")
        self._network.deliver(key.source, key.destination, key.message_bytes, self._arrive, sent)

    def _arrive(self, sent: tuple[Key, Call, Any]) -> None:
        key, call, argument = sent
        waiting = self.awaited.get(key)
        call(argument)
        if waiting:
            then, with_what = waiting.popleft()
            if not waiting:
                del self.awaited[key]
            then(with_what)
        else:
            self.arrived[key] = self.arrived.get(key, 0) + 1

    def _receive(self, key: Key, call: Call, argument: Any) -> None:
        count = self.arrived.get(key)
        if count:
            if count == 1:
                del self.arrived[key]
            else:
                self.arrived[key] = count - 1
            self._clock.at(self._clock.now, call, argument)
        else:
            waiting = self.awaited.get(key)
            if waiting is None:
                self.awaited[key] = deque(((call, argument),))
            else:
                waiting.append((call, argument))


def _clearance(key: Key) -> Key:
    """The message by which a receiver calls for one."""
    if key.message_bytes >= _RENDEZVOUS_LIMIT:
        raise Unsupported(
            f"a message of {key.message_bytes:,} bytes under the rendezvous protocol: ASTRA-sim holds its size in 32 bits"
        )
    return Key(key.tag + RENDEZVOUS, key.destination, key.source, _RENDEZVOUS_BYTES)
