"""Memory of one device of a replica: weights, activations, the runtime's own, and the blocks of KV cache that are left."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from gnomon.core.device import Device
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput
from gnomon.core.footprint import peak_live_bytes
from gnomon.core.op import Attention
from gnomon.core.serving_plan import BLOCK_TOKENS, GPU_MEMORY_UTILIZATION
from gnomon.core.workload import Node, Workload
from gnomon.engines.serving.step_times.device_share import DeviceShare, device_share, of_step
from gnomon.engines.serving.step_times.layout import Layout, Limits
from gnomon.parallel.piece import Piece
from gnomon.parallel.weights import weights_of

_GB, _GIB = 1e9, 2**30
# Data sheets count memory in GB where boards hold as many GiB, of which the driver leaves this share: 79.22 GiB of an A100 of
# 80 GB [logs in vLLM's pull request 10511], 94.97 of an RTX PRO 6000 of 96 GB.
_DRIVER_LEAVES = 0.99
_INLINE_ECC = 15 / 16  # GDDR6 keeps its check bits in itself: 44.4 GiB of an L40S of 48 GB
# CUDA's context, libraries' work space and communicators. Fitted to one published figure: 7,351 blocks for Llama-2-7B on an
# A100 of 80 GB [vLLM's pull request 2031], beside activations of a step of 4,096 tokens.
_RUNTIME_BYTES = 0.95 * _GIB
_LOGITS_COPIES = 2  # of the logits of all sequences, in FP32, while tokens are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class KvMemory:
    """What of a device's memory is for what, bytes; and the cache of a whole replica."""

    usable_bytes: float  # what the server may take of the device
    weights_bytes: float
    activations_bytes: float  # at once, in the largest step
    runtime_bytes: float
    block_bytes: float  # of one block, on one device
    block_tokens: int
    blocks: int  # of the replica's cache


def board_bytes(device: Device) -> float:
    """Bytes that the driver offers: more than the data sheet's GB, as boards hold GiB."""
    said = device.memory_bytes.value
    if said % _GB:  # written exactly, as a user's own file may have it
        return said
    kept = _INLINE_ECC if device.memory_kind.upper() == "GDDR6" else 1.0
    return said / _GB * _GIB * kept * _DRIVER_LEAVES


def kv_memory(
    workload: Workload,
    device: Device,
    layout: Layout,
    limits: Limits,
    *,
    utilisation: float = GPU_MEMORY_UTILIZATION,
    block_tokens: int = BLOCK_TOKENS,
    is_static: bool = False,
    more_bytes: float = 0.0,
    draft: Workload | None = None,
) -> KvMemory:
    """The memory of a device of the fullest stage. BadInput where the model does not fit, or one request does not.

    `is_static`: the share is that of weights and KV cache alone, of what the runtime leaves. [SGLang 0.5.3, model_runner.py]
    more_bytes: of weights beside the model's own. draft: a model that drafts, whose cache has as many blocks.
    """
    share = device_share(workload, layout)
    usable = utilisation * board_bytes(device)
    weights = _weights_bytes(share, layout) + more_bytes
    activations = _activations_bytes(share, limits)
    block = _block_bytes(share, layout, block_tokens)
    if draft is not None:
        beside = device_share(draft, layout)
        weights += _weights_bytes(beside, layout)
        block += _block_bytes(beside, layout, block_tokens)
    at_once, runtime = (0.0, utilisation * _RUNTIME_BYTES) if is_static else (activations, _RUNTIME_BYTES)
    left = usable - weights - at_once - runtime
    named = (
        workload.name
        + (f", with {draft.name} to draft," if draft else "")
        + (" with its adapters" if more_bytes else "")
    )
    blocks = int(left // block)
    if blocks < 1:
        raise BadInput(
            f"{named} does not fit on {layout.tensor * layout.stages} x {device.name}: {weights / _GIB:.1f} GiB of "
            f"weights{'' if is_static else f', {at_once / _GIB:.1f} of activations'} and {runtime / _GIB:.1f} of the runtime leave nothing of "
            f"the {usable / _GIB:.1f} GiB that {100 * utilisation:g} % of a device's memory are",
            field="tensor",
        )
    if blocks * block_tokens < limits.sequence_tokens:
        raise BadInput(
            f"{named} on {layout.tensor * layout.stages} x {device.name} has {blocks * block_tokens:,} tokens of KV "
            f"cache ({left / _GIB:.2f} GiB a device), fewer than the {limits.sequence_tokens:,} that a request may have",
            field="sequence_tokens",
        )
    return KvMemory(
        usable_bytes=usable,
        weights_bytes=weights,
        activations_bytes=activations,
        runtime_bytes=_RUNTIME_BYTES,
        block_bytes=block,
        block_tokens=block_tokens,
        blocks=blocks,
    )


def _block_bytes(share: DeviceShare, layout: Layout, block_tokens: int) -> float:
    """Of a block, on a device of the fullest stage."""
    block = block_tokens * sum(_kept_bytes(one.attention) * one.copies for one in share.layers)
    return block * ceil(share.layer_count / layout.stages) / share.layer_count


def _kept_bytes(op: Attention) -> float:
    """Bytes that the cache keeps of one token in one layer, on one device.

    A layer with a window keeps as much as any other: vLLM gives all layers of one size one kind of block, and frees what
    has left the window only as a sequence grows; that is not counted here.
    """
    width = op.kv_heads * (op.head_dim + (0 if op.is_value_in_key else op.value_width))
    if op.kept_dim is not None:
        width = op.kept_dim
    return width * DTYPES[op.kv_dtype or op.dtype].bytes


def _weights_bytes(share: DeviceShare, layout: Layout) -> float:
    """Of the fullest stage: its layers, and the larger of what comes before and after all layers; both where it is the only one."""
    layers = sum(
        weights_of(_nodes(one.pieces), None).stored_bytes * one.copies
        + sum(op.weight_bytes for op in one.absorbed) * one.copies
        + one.attention.weight_bytes * one.copies
        for one in share.layers
    )
    layers *= ceil(share.layer_count / layout.stages) / share.layer_count
    ends = [weights_of(_nodes(pieces), None).stored_bytes for pieces in (share.before, share.after)]
    return layers + (sum(ends) if layout.stages == 1 else max(ends))


def _nodes(pieces: tuple[Piece, ...]) -> tuple[Node, ...]:
    return tuple(piece for piece in pieces if isinstance(piece, Node))


def _activations_bytes(share: DeviceShare, limits: Limits) -> float:
    """The most that is alive at once: in a layer of the largest step, or while all sequences get their tokens."""
    tokens = limits.step_tokens

    def live(pieces: tuple[Piece, ...], rows: int) -> float:
        nodes = _nodes(pieces)
        known = {node.name for node in nodes}
        scaled = tuple(
            Node(
                name=node.name,
                op=of_step(node.op, rows, share.expert_tokens),
                after=tuple(name for name in node.after if name in known),
            )
            for node in nodes
        )
        return peak_live_bytes(scaled)

    stream = 2 * tokens * share.hidden_bytes  # of the layer before, and the residual
    in_layers = max(live(one.pieces, tokens) for one in share.layers) + stream
    words = max((node.op.work()[2] / DTYPES[node.op.dtype].bytes for node in _nodes(share.after)), default=0.0)
    drawn = max(limits.requests, min(limits.requests * limits.decode_tokens, tokens))
    drawing = _LOGITS_COPIES * drawn * float(words) * DTYPES["fp32"].bytes
    return max(in_layers, drawing + stream)
