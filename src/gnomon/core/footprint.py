"""Memory that a workload needs on one device, by kind."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from gnomon.core.dtype import DTYPES
from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.op import Attention, Elementwise, Op
from gnomon.core.work import score_traffic_bytes

if TYPE_CHECKING:
    from gnomon.core.workload import Node

ADAM_STATE_BYTES = 8.0  # two moments in fp32 per parameter [Kingma & Ba 2015]
MASTER_BYTES = 4.0  # an fp32 copy of weights kept in a shorter format [Micikevicius et al. 2018, section 3.1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes by kind at the worst moment of a pass. The runtime and its allocator count where overhead_bytes says so."""

    weights_bytes: float
    kv_cache_bytes: float = 0.0
    activations_bytes: float = 0.0  # inference: live at once; training: kept for the backward pass
    gradients_bytes: float = 0.0
    optimizer_bytes: float = 0.0  # moments and master weights
    logits_bytes: float = 0.0  # of a training step that tells them from other activations
    buffers_bytes: float = 0.0  # of exchanges, and what is computed again
    overhead_bytes: float = 0.0  # of the runtime and its allocator

    @property
    def total_bytes(self) -> float:
        return sum((float(getattr(self, field.name)) for field in fields(self)), 0.0)


def output_bytes(op: Op) -> float:
    """Bytes of the array that an operator hands on."""
    if isinstance(op, Attention):
        return op.batch * op.heads * op.q_len * op.value_width * DTYPES[op.dtype].bytes
    return float(op.work()[2])


def scratch_bytes(op: Op) -> float:
    """Bytes that an operator needs only while it runs: the scores of unfused attention, before and after the softmax."""
    if isinstance(op, Attention) and not op.is_fused:
        return 2.0 * float(score_traffic_bytes(op.batch, op.heads, op.q_len, op.kv_len, DTYPES[op.dtype].bytes))
    return 0.0


def peak_live_bytes(nodes: tuple[Node, ...]) -> float:
    """Largest sum of arrays alive while some node runs, each freed after its last reader.

    A node's own scratch counts while it runs. A repeated node counts once: its copies run one after another.
    """
    last_use = {node.name: index for index, node in enumerate(nodes)}
    for index, node in enumerate(nodes):
        for source in node.after:
            last_use[source] = index
    sizes: dict[str, float] = {}
    peak = 0.0
    for index, node in enumerate(nodes):
        sizes[node.name] = output_bytes(node.op)
        peak = max(peak, sum(sizes.values()) + scratch_bytes(node.op))
        sizes = {name: size for name, size in sizes.items() if last_use[name] > index}
    return peak


def kept_for_backward_bytes(nodes: tuple[Node, ...]) -> float:
    """Bytes of forward arrays that the backward pass reads again, without recomputation.

    Unfused attention also keeps its scores before and after the softmax.
    """
    kept = kept_for_backward(nodes)
    return sum(
        ((output_bytes(node.op) if node.name in kept else 0.0) + scratch_bytes(node.op)) * node.repeat for node in nodes
    )


def kept_for_backward(nodes: tuple[Node, ...]) -> frozenset[str]:
    """Names of nodes whose output the backward pass reads: a reader's gradient needs it, or their own does."""
    kept: set[str] = set()
    for node in nodes:
        keeps = FUNCTIONS[node.op.function].keeps if isinstance(node.op, Elementwise) else "inputs"
        if keeps == "output":
            kept.add(node.name)
        elif keeps == "inputs":
            kept.update(node.after)
    return frozenset(kept)


def footprint(
    nodes: tuple[Node, ...],
    *,
    mode: str,
    gradient_dtype: str,
    parameters: int,
    weights_bytes: float,
    kv_cache_bytes: float,
) -> Footprint:
    """Memory of one pass over `nodes`; the working copy of the weights has the gradients' format in training."""
    if not mode.startswith("forward+backward"):
        return Footprint(
            weights_bytes=weights_bytes, kv_cache_bytes=kv_cache_bytes, activations_bytes=peak_live_bytes(nodes)
        )
    working_bytes = DTYPES[gradient_dtype].bytes
    optimizer_bytes = 0.0
    if mode.endswith("+optimizer"):
        master = MASTER_BYTES if working_bytes < MASTER_BYTES else 0.0
        optimizer_bytes = parameters * (ADAM_STATE_BYTES + master)
    return Footprint(
        weights_bytes=weights_bytes,
        activations_bytes=kept_for_backward_bytes(tuple(node for node in nodes if node.phase == "forward")),
        gradients_bytes=parameters * working_bytes,
        optimizer_bytes=optimizer_bytes,
    )
