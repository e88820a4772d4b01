"""Accesses to remote memory: those who share one are served one at a time, in the order in which they come.

[astra-memory-analytical 641cce8, AnalyticalRemoteMemory.cc]
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from gnomon.core.errors import BadInput
from gnomon.core.remote_memory import RemoteMemory, RemoteMemoryKind
from gnomon.engines.training.simulate.clock import Agenda, Call


class _Access(NamedTuple):
    bytes: int
    agenda: Agenda  # of the rank that asks
    call: Call
    argument: Any


class RemoteMemories:
    """The remote memory of the cluster."""

    def __init__(self, memory: RemoteMemory) -> None:
        self._memory = memory
        self._waiting: dict[int, deque[_Access]] = {}  # by sharer; one that is not there is idle

    def access(self, rank: int, tensor_bytes: int, agenda: Agenda, call: Call, argument: Any) -> None:
        """Have something done when an access is over. BadInput where there is no remote memory."""
        if self._memory.kind is RemoteMemoryKind.NONE:
            if not self._memory.place:
                raise BadInput("the trace loads or stores, and no remote memory is given")
            raise BadInput(
                "NO_MEMORY_EXPANSION, but the trace loads or stores", field="memory-type", where=self._memory.place
            )
        asked, sharer = _Access(tensor_bytes, agenda, call, argument), self._memory.sharer(rank)
        if sharer is None:
            agenda.after(self._memory.access_ns(tensor_bytes), call, argument)
        elif sharer in self._waiting:
            self._waiting[sharer].append(asked)
        else:
            self._waiting[sharer] = deque()
            self._serve(asked, sharer)

    def _serve(self, asked: _Access, sharer: int) -> None:
        time_ns = self._memory.access_ns(asked.bytes)
        asked.agenda.after(time_ns, asked.call, asked.argument)
        asked.agenda.after(time_ns, self._served, sharer)

    def _served(self, sharer: int) -> None:
        if self._waiting[sharer]:
            self._serve(self._waiting[sharer].popleft(), sharer)
        else:
            del self._waiting[sharer]
