"""The place of a rank in one phase of one chunk: what an algorithm asks of memory and network, with the tag of the chunk on it."""

from __future__ import annotations

from gnomon.engines.training.simulate.clock import Call
from gnomon.engines.training.simulate.endpoint import Endpoint, HandOver
from gnomon.engines.training.simulate.messages import COLLECTIVE, RENDEZVOUS, Key, Messages
from gnomon.engines.training.simulate.queues import Queues, Stream


class Seated:
    """A seat, taken."""

    __slots__ = ("_endpoint", "_messages", "_queues", "_tag", "rank", "stream")

    def __init__(self, rank: int, endpoint: Endpoint, messages: Messages, queues: Queues, stream: Stream) -> None:
        self.rank, self._endpoint, self._messages = rank, endpoint, messages
        self._queues, self.stream = queues, stream
        self._tag = COLLECTIVE + stream.id % (RENDEZVOUS - COLLECTIVE)  # [Sys.cc: front_end_sim_send]

    def pass_on(self, passed: HandOver, call: Call) -> None:
        self._endpoint.pass_on(passed, call)

    def send(self, peer: int, message_bytes: int) -> None:
        self._messages.send(Key(self._tag, self.rank, peer, message_bytes))

    def receive(self, peer: int, message_bytes: int, call: Call) -> None:
        self.receive_as(peer, self.rank, message_bytes, call)

    def receive_as(self, source: int, destination: int, message_bytes: int, call: Call) -> None:
        """Wait for a message between two ranks, of which the second need not be this one."""
        self._messages.receive(Key(self._tag, source, destination, message_bytes), call)

    def finish(self) -> None:
        self._queues.advance(self.stream)
