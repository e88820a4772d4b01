"""Memory that NPUs reach over a link of their own or share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RemoteMemoryKind(StrEnum):
    """Who shares it."""

    NONE = "NO_MEMORY_EXPANSION"
    PER_NPU = "PER_NPU_MEMORY_EXPANSION"
    PER_NODE = "PER_NODE_MEMORY_EXPANSION"
    POOL = "MEMORY_POOL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteMemory:
    """An access takes its latency and its bytes over the bandwidth; sharers are served one at a time."""

    kind: RemoteMemoryKind
    latency_ns: int = 0
    bytes_per_ns: int = 0
    npus_per_node: int = 0  # of PER_NODE
    place: str = ""  # the file, for messages

    def sharer(self, rank: int) -> int | None:
        """Which of the shared memories a rank uses; None: it shares none."""
        match self.kind:
            case RemoteMemoryKind.PER_NODE:
                return rank // self.npus_per_node
            case RemoteMemoryKind.POOL:
                return 0
        return None

    def access_ns(self, tensor_bytes: int) -> int:
        """Time of one access, in ns."""
        return self.latency_ns + int(tensor_bytes / self.bytes_per_ns)


NO_REMOTE_MEMORY = RemoteMemory(kind=RemoteMemoryKind.NONE)
