"""What one copy of a block does forward and backward, as computations between exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gnomon.core.backward import gradient_ops
from gnomon.core.op import Attention, Gather, MatMul, Op, Softmax
from gnomon.core.training_plan import Recompute
from gnomon.core.workload import Node
from gnomon.parallel.layers import Block
from gnomon.parallel.low_rank import is_trained
from gnomon.parallel.piece import AxisExchange, Boundary, Piece

Role = Literal["forward", "backward", "recompute", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Operators that run one after another, with no exchange between."""

    name: str
    role: Role
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """An exchange in its place."""

    name: str
    role: Role
    exchange: AxisExchange


Step = Compute | Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """The steps of one copy of a block."""

    forward: tuple[Step, ...]
    backward: tuple[Step, ...]  # with what is recomputed; without `weights` where that is apart
    weights: tuple[Step, ...] = ()  # gradients of weights, where they wait for their own turn


def passes(
    block: Block, *, recompute: Recompute, lora_rank: int | None, splits_weights: bool, is_first: bool
) -> Passes:
    """The passes of a block. is_first: nothing asks for the gradient of what it reads."""
    forward = _joined(_forward(block.pieces, "forward"))
    again = _joined(_forward(block.pieces, "recompute")) if recompute == "full" and block.is_layer else ()
    backward: list[Step] = []
    weights: list[Step] = []
    for piece in reversed(block.pieces):
        if isinstance(piece, Boundary):
            backward.extend(Talk(name=piece.name, role="backward", exchange=one) for one in piece.backward)
            continue
        if recompute == "selective" and _is_attention(piece, block.pieces):
            backward.append(Compute(name=piece.name, role="recompute", ops=(piece.op,)))
        if lora_rank is not None and isinstance(piece.op, Gather):
            continue  # a frozen table has no gradient
        for suffix, op in gradient_ops(piece.op, not (is_first and not piece.after)):
            is_of_weights = suffix == "grad_weight"
            if is_of_weights and not is_trained(piece, lora_rank):
                continue
            step = Compute(name=f"{piece.name}.{suffix}", role="backward", ops=(op,))
            (weights if is_of_weights and splits_weights else backward).append(step)
    return Passes(forward=forward, backward=_joined([*again, *backward]), weights=_joined(weights))


def _is_attention(node: Node, pieces: Sequence[Piece]) -> bool:
    """Whether a node is one of those that selective recomputation repeats: scores, their softmax, the product with values.

    [Korthikanti et al. 2022, section 5: figure 3]
    """
    if isinstance(node.op, Attention):
        return True
    is_product = isinstance(node.op, MatMul) and not node.op.is_weight
    feeds = any(isinstance(one, Node) and node.name in one.after for one in pieces)
    return is_product or (isinstance(node.op, Softmax) and feeds and _is_between_products(node, pieces))


def _is_between_products(node: Node, pieces: Sequence[Piece]) -> bool:
    return any(
        isinstance(one, Node) and isinstance(one.op, MatMul) and not one.op.is_weight and node.name in one.after
        for one in pieces
    )


def _forward(pieces: Iterable[Piece], role: Role) -> Iterable[Step]:
    for piece in pieces:
        if isinstance(piece, Boundary):
            yield from (Talk(name=piece.name, role=role, exchange=one) for one in piece.forward)
        else:
            yield Compute(name=piece.name, role=role, ops=(piece.op,))


def _joined(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps with computations of one role in a row made one."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if isinstance(step, Compute) and isinstance(last, Compute) and last.role == step.role:
            name = last.name if last.name.endswith(_ON) else f"{last.name}{_ON}"
            found[-1] = Compute(name=name, role=step.role, ops=(*last.ops, *step.ops))
        else:
            found.append(step)
    return tuple(found)


_ON = "..."  # after the name of the first of several operators
