"""How many requests and blocks of KV cache fit a device, by the rule of Vidur. [microsoft/vidur 7d47513, memory planner]"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from gnomon.core.errors import BadInput
from gnomon.core.service import DecoderShape, DeviceRoom

_BYTES = 2  # of a parameter, and of an element of the KV cache


@dataclass(frozen=True, slots=True, kw_only=True)
class KvPlan:
    """Room in the KV cache of a replica."""

    sequences: int  # of the greatest length
    blocks: int


def parameters_of_stage(shape: DecoderShape, tensor_parallel: int, stages: int) -> int:
    """Parameters on one device: attention's four products and the MLP's; no embedding, no head.

    layers / PP * (d hd (q + 2 kv) / TP + d hd q / TP + m d ffn / TP),  m = 3 with a gate, else 2
    """
    head = shape.embedding // shape.query_heads
    queries, keys = shape.query_heads // tensor_parallel, ceil(shape.kv_heads / tensor_parallel)
    attention = shape.embedding * head * (queries + 2 * keys) + shape.embedding * head * queries
    mlp = (3 if shape.is_gated else 2) * shape.embedding * (shape.hidden // tensor_parallel)
    return (attention + mlp) * (shape.layers // stages)


def sequence_bytes(shape: DecoderShape, tensor_parallel: int, tokens: int) -> int:
    """KV cache of a sequence on one device; of all layers, also where a pipeline has them on several."""
    head = shape.embedding // shape.query_heads
    return 2 * _BYTES * head * ceil(shape.kv_heads / tensor_parallel) * tokens * shape.layers


def planned(room: DeviceRoom) -> KvPlan:
    """Whole sequences in what parameters and margin leave of a device. BadInput where none fits."""
    usable = room.device_bytes * (1 - room.margin)
    weights = _BYTES * parameters_of_stage(room.shape, room.tensor_parallel, room.stages)
    each = sequence_bytes(room.shape, room.tensor_parallel, room.sequence_tokens)
    sequences = floor((usable - weights) / each)
    if sequences < 1:
        raise BadInput(
            f"the model does not fit: {weights / 1e9:.1f} GB of parameters on each device and {each / 1e9:.1f} GB for one sequence of "
            f"{room.sequence_tokens:,} tokens, of {usable / 1e9:.1f} GB"
        )
    blocks = room.sequence_tokens // room.block_tokens * sequences * room.stages
    return KvPlan(sequences=sequences, blocks=blocks if room.blocks is None else room.blocks)
