"""What crosses the network, counted by dimension and class of link."""

from __future__ import annotations


class Traffic:
    """Of one class of links in one dimension."""

    __slots__ = ("_until_ns", "active_ns", "busy_ns", "bytes", "dimension", "links", "messages", "name")

    def __init__(self, dimension: int, name: str) -> None:
        self.dimension, self.name = dimension, name
        self.links = 0  # that carried anything
        self.messages = 0
        self.bytes = 0
        self.busy_ns = 0  # in which a link puts bytes on its wire, summed over the links
        self.active_ns = 0  # in which anything is under way
        self._until_ns = 0

    def add(self, start_ns: int, end_ns: int, message_bytes: int, busy_ns: int) -> None:
        """A message under way; starts are told in order."""
        self.messages += 1
        self.bytes += message_bytes
        self.busy_ns += busy_ns
        if end_ns > self._until_ns:
            self.active_ns += end_ns - max(start_ns, self._until_ns)
            self._until_ns = end_ns
