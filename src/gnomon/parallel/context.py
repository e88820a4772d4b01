"""Context parallelism: devices that share the tokens of each sequence, and gather each other's keys and values.

[Liu et al. 2023, Ring Attention; Grattafiori et al. 2024, The Llama 3 Herd of Models, section 3.3.2: gathered at once]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput
from gnomon.core.op import Attention
from gnomon.core.workload import Node
from gnomon.parallel.piece import AxisExchange, Boundary, Piece
from gnomon.parallel.shares import of_tokens


def on_share_of_tokens(pieces: Sequence[Piece], parts: int) -> tuple[Piece, ...]:
    """The pieces on a share of each sequence's tokens, with the exchange of keys and values. BadInput, Unsupported."""
    if parts == 1:
        return tuple(pieces)
    if not any(isinstance(piece, Node) and isinstance(piece.op, Attention) for piece in pieces):
        raise BadInput("context parallelism needs attention, and this model has none", field="cp")
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Boundary):
            found.append(_smaller(piece, parts))
            continue
        if isinstance(piece.op, Attention):
            found.append(_gathered(piece, piece.op))
        found.append(of_tokens(piece, parts, "cp"))
    return tuple(found)


def _gathered(node: Node, op: Attention) -> Boundary:
    """The exchange before attention; gradients of keys and values are summed and scattered the other way."""
    width = op.kv_heads * (op.head_dim + op.value_width)
    size = 1.0 * op.batch * op.kv_len * width * DTYPES[op.dtype].bytes
    exchange = AxisExchange(axis="cp", kind="all-gather", size_bytes=size, dtype=op.dtype)
    return Boundary(
        name=f"{node.name}.keys",
        repeat=node.repeat,
        forward=(exchange,),
        backward=(replace(exchange, kind="reduce-scatter"),),
    )


def _smaller(boundary: Boundary, parts: int) -> Boundary:
    def share(exchanges: tuple[AxisExchange, ...]) -> tuple[AxisExchange, ...]:
        return tuple(replace(one, size_bytes=one.size_bytes / parts) for one in exchanges)

    return replace(boundary, forward=share(boundary.forward), backward=share(boundary.backward))
