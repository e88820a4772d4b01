"""Low-rank adaptation: the products of the layers are frozen, and beside each a product of two thin ones is trained.

[Hu et al. 2021, LoRA, section 4.1; Dettmers et al. 2023, QLoRA, section 3: frozen weights in four bits]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gnomon.core.op import Elementwise, GroupedMatMul, MatMul
from gnomon.core.workload import Node
from gnomon.parallel.piece import Boundary, Piece

ADAPTER = ".lora_"  # in the names of nodes that are trained


def with_adapters(pieces: Sequence[Piece], rank: int, base: str | None) -> tuple[Piece, ...]:
    """The pieces with adapters beside the products of the layers, which keep their weights in format `base`."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Boundary) or not _is_adapted(piece):
            found.append(piece)
            continue
        op = piece.op
        assert isinstance(op, MatMul)
        if base is not None:
            short = replace(op, weight_dtype=base)
            widened = Elementwise(elements=op.n * op.k, function="copy", dtype=op.dtype)
            found.append(replace(piece, name=f"{piece.name}.widened", op=widened))
            found.append(replace(piece, op=short))
        else:
            found.append(piece)
        down = MatMul(m=op.m, n=rank, k=op.k, dtype=op.dtype, out_dtype=op.out_dtype)
        up = MatMul(m=op.m, n=op.n, k=rank, dtype=op.dtype, out_dtype=op.out_dtype)
        names = [f"{piece.name}{ADAPTER}{part}" for part in ("down", "up", "add")]
        found.append(replace(piece, name=names[0], op=down))
        found.append(replace(piece, name=names[1], op=up, after=(names[0],)))
        total = Elementwise(elements=op.m * op.n, function="add", inputs=2, dtype=op.out_dtype or op.dtype)
        found.append(replace(piece, name=names[2], op=total, after=(piece.name, names[1])))
    return tuple(found)


def _is_adapted(node: Node) -> bool:
    return isinstance(node.op, MatMul) and node.op.is_weight and node.repeat > 1


def is_trained(node: Node, lora_rank: int | None) -> bool:
    """Whether the node's weights are updated."""
    return lora_rank is None or ADAPTER in node.name


def frozen_experts(pieces: Sequence[Piece], base: str | None) -> tuple[Piece, ...]:
    """The pieces with the experts' weights, which have no adapters, in format `base`."""
    if base is None:
        return tuple(pieces)
    return tuple(
        replace(piece, op=replace(piece.op, weight_dtype=base))
        if isinstance(piece, Node) and isinstance(piece.op, GroupedMatMul)
        else piece
        for piece in pieces
    )
