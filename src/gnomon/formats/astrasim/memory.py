"""The remote memory of a cluster: memory.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gnomon.core.errors import BadInput
from gnomon.core.remote_memory import RemoteMemory, RemoteMemoryKind
from gnomon.formats.astrasim.ranges import SpeedIfSaid, Time
from gnomon.formats.strict import Strict, read_json, shaped


class _Memory(Strict):
    kind: RemoteMemoryKind = Field(alias="memory-type")
    latency: Time = Field(0.0, alias="remote-mem-latency")  # ns
    bandwidth: SpeedIfSaid = Field(0.0, alias="remote-mem-bw")  # bytes per ns
    nodes: Annotated[int, Field(ge=0)] = Field(0, alias="num-nodes")
    npus_per_node: Annotated[int, Field(ge=0)] = Field(0, alias="num-npus-per-node")


def read_memory(path: Path, npus: int) -> RemoteMemory:
    """The memory of a file for a cluster of so many NPUs. BadInput. ASTRA-sim drops fractions, and so are they here."""
    found = shaped(_Memory, read_json(path), str(path))
    if found.kind is not RemoteMemoryKind.NONE and found.bandwidth < 1:
        raise BadInput("at least 1 byte per ns expected", field="remote-mem-bw", where=str(path))
    if found.kind is RemoteMemoryKind.PER_NODE and found.nodes * found.npus_per_node < npus:
        raise BadInput(
            f"{found.nodes} nodes of {found.npus_per_node} NPUs are fewer than the network's {npus}",
            field="num-nodes",
            where=str(path),
        )
    return RemoteMemory(
        kind=found.kind,
        latency_ns=int(found.latency),
        bytes_per_ns=int(found.bandwidth),
        npus_per_node=found.npus_per_node,
        place=str(path),
    )


def memory_text(memory: RemoteMemory, npus: int) -> str:
    """The file of a memory, for a cluster of so many NPUs."""
    written: dict[str, str | int] = {"memory-type": memory.kind.value}
    if memory.kind is not RemoteMemoryKind.NONE:
        written |= {"remote-mem-latency": memory.latency_ns, "remote-mem-bw": memory.bytes_per_ns}
    if memory.kind is RemoteMemoryKind.PER_NODE:
        written |= {"num-nodes": -(-npus // memory.npus_per_node), "num-npus-per-node": memory.npus_per_node}
    return json.dumps(written)
