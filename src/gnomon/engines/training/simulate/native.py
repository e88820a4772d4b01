"""What sends, receives and replayed nodes have in common, in workloads and in custom algorithms."""

from __future__ import annotations

from gnomon.core.errors import BadInput
from gnomon.core.trace import TraceNode
from gnomon.engines.training.simulate.graph import called
from gnomon.engines.training.simulate.messages import COLLECTIVE

_NS_PER_US = 1000
_ATTRIBUTES = {
    "flop": "num_ops",
    "tensor_bytes": "tensor_size",
    "collective": "comm_type",
    "comm_bytes": "comm_size",
    "source": "comm_src",
    "destination": "comm_dst",
    "tag": "comm_tag",
}


def recorded_ns(node: TraceNode) -> int:
    """The time that the trace recorded, in ns; 1 where it recorded none. [astra-sim 518bd51, Workload.cc: issue_replay]"""
    return node.duration_us * _NS_PER_US or 1


def native_tag(tag: int) -> int:
    """The tag under which a message of a trace travels, apart from those of collectives. [Sys.cc: front_end_sim_send]"""
    return tag % COLLECTIVE


def needed(node: TraceNode, field: str, place: str) -> int:
    """An attribute that a node cannot run without. BadInput."""
    value: int | None = getattr(node, field)
    if value is None:
        raise BadInput(f"{called(node)}: no {_ATTRIBUTES[field]}", where=place)
    return value
