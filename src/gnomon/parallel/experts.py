"""Expert parallelism: replicas that hold different experts of a mixture and send each other's tokens to them.

[Lepikhin et al. 2020, GShard, section 3.2; Rajbhandari et al. 2022, DeepSpeed-MoE, section 5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput
from gnomon.core.op import Elementwise, GroupedMatMul
from gnomon.core.workload import Node
from gnomon.parallel.layers import blocks
from gnomon.parallel.piece import AxisExchange, Boundary, Piece
from gnomon.parallel.shares import whole_part


def on_share_of_experts(
    pieces: Sequence[Piece], parts: int, *, imbalance: float, token_parts: int
) -> tuple[Piece, ...]:
    """The pieces with a share of the experts, as the device runs them whose experts are asked most. BadInput.

    imbalance: tokens of that device over the mean; token_parts: devices of a tensor-parallel group that share the tokens
    to be sent, 1 without sequence parallelism.
    """
    has_experts = any(isinstance(piece, Node) and isinstance(piece.op, GroupedMatMul) for piece in pieces)
    if not has_experts:
        if parts > 1:
            raise BadInput("this model has no experts", field="ep")
        return tuple(pieces)
    if parts == 1:
        return tuple(pieces)
    found: list[Piece] = []
    for block in blocks(pieces):
        found.extend(_shared(block.pieces, parts, imbalance, token_parts))
    return tuple(found)


def _shared(run: Sequence[Piece], parts: int, imbalance: float, token_parts: int) -> Sequence[Piece]:
    places = [at for at, piece in enumerate(run) if isinstance(piece, Node) and isinstance(piece.op, GroupedMatMul)]
    if not places:
        return run
    first, last = places[0], places[-1]
    begin = run[first]
    assert isinstance(begin, Node) and isinstance(begin.op, GroupedMatMul)
    enters = first - 1 if first and isinstance(run[first - 1], Boundary) else first
    around = _sent(begin, begin.op, token_parts, imbalance)
    inside = [_of_experts(piece, parts, imbalance) for piece in run[enters : last + 1]]
    return [*run[:enters], around, *inside, replace(around, name=f"{begin.name}.combine"), *run[last + 1 :]]


def _sent(node: Node, op: GroupedMatMul, token_parts: int, imbalance: float) -> Boundary:
    """Every token to the devices of its experts, or back: the exchange lasts until the busiest has all that are its."""
    size = imbalance * op.tokens / token_parts * op.chosen * op.k * DTYPES[op.out_dtype or op.dtype].bytes
    exchange = AxisExchange(axis="ep", kind="all-to-all", size_bytes=size, dtype=op.out_dtype or op.dtype)
    return Boundary(name=f"{node.name}.dispatch", repeat=node.repeat, forward=(exchange,), backward=(exchange,))


def _of_experts(piece: Piece, parts: int, imbalance: float) -> Piece:
    if isinstance(piece, Boundary):
        return piece
    op = piece.op
    if isinstance(op, GroupedMatMul):
        groups = whole_part(op.groups, parts, f"{piece.name}: {op.groups} experts", "ep")
        chosen = min(op.chosen, groups)
        most = parts * chosen / op.chosen
        if imbalance > most:
            raise BadInput(
                f"{imbalance:g} times the mean is more tokens than there are: at most {most:g}, where each token chooses {op.chosen} "
                f"of {op.groups} experts and a device has {groups}",
                field="imbalance",
            )
        tokens = max(1, round(op.tokens * op.chosen / chosen * imbalance))
        return replace(piece, op=replace(op, groups=groups, chosen=chosen, tokens=tokens))
    if isinstance(op, Elementwise):
        return replace(piece, op=replace(op, elements=round(op.elements * imbalance)))
    return piece
