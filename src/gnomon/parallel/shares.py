"""An operator's share of one device, where its tokens, its features or its contraction are divided."""

from __future__ import annotations

from dataclasses import replace

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.op import Attention, Conv, Elementwise, Gather, GroupedMatMul, MatMul, Norm, Op, Pool, Softmax
from gnomon.core.workload import Node


def whole_part(count: int, parts: int, what: str, field: str) -> int:
    """`count` / `parts`. BadInput where that leaves a rest."""
    if count % parts:
        raise BadInput(f"{what} cannot be divided by {parts}", field=field)
    return count // parts


def of_tokens(node: Node, parts: int, field: str) -> Node:
    """The node on a share of the tokens: rows of products and norms, elements, whole sequences of attention. BadInput."""
    op = node.op
    if parts == 1:
        return node

    def part(count: int, of: str) -> int:
        return whole_part(count, parts, f"{node.name}: {count:,} {of}", field)

    made: Op
    match op:
        case MatMul():
            made = replace(op, m=part(op.m, "rows"))
        case GroupedMatMul():
            made = replace(op, tokens=part(op.tokens, "tokens"))
        case Norm() | Softmax() | Gather():
            made = replace(op, rows=part(op.rows, "rows"))
        case Elementwise():
            made = replace(op, elements=part(op.elements, "elements"))
        case Attention() if op.q_len == op.kv_len:
            made = _queries_of(op, part(op.q_len, "tokens of a sequence"))
        case Attention() | Conv() | Pool():
            raise Unsupported(f"{node.name}: no rule for {type(op).__name__} on a share of each sequence's tokens")
        case _:
            raise Unsupported(f"{node.name}: no rule for a share of {type(op).__name__}; add one in parallel/shares.py")
    return replace(node, op=made)


def _queries_of(op: Attention, queries: int) -> Attention:
    """Attention of a share of the queries over all keys; under a causal mask each share has as many pairs as any other.

    The shares are balanced by giving each device an early and a late piece of the sequence, so that a query meets half the
    keys in the mean. [Liu et al. 2023, Ring Attention; the zigzag order of Megatron-LM's context parallelism]
    """
    if not op.is_causal:
        return replace(op, q_len=queries)
    return replace(op, q_len=queries, kv_len=max(1, op.kv_len // 2), is_causal=False)


def of_features(node: Node, parts: int, field: str = "tp") -> Node:
    """The node on a share of its features: outputs of a product, heads of attention, elements, rows of a table. BadInput."""
    op = node.op
    if parts == 1:
        return node

    def part(count: int, of: str) -> int:
        return whole_part(count, parts, f"{node.name}: {count:,} {of}", field)

    made: Op
    match op:
        case MatMul() if op.is_weight:
            made = replace(op, n=part(op.n, "outputs"))
        case MatMul():
            made = replace(op, batch=part(op.batch, "heads and sequences"))
        case GroupedMatMul():
            made = replace(op, n=part(op.n, "outputs"))
        case Attention():
            heads = part(op.heads, "heads")
            if op.kv_heads % parts and parts % op.kv_heads:
                raise BadInput(f"{node.name}: {op.kv_heads} heads of keys cannot be divided by {parts}", field=field)
            made = replace(op, heads=heads, kv_heads=max(1, op.kv_heads // parts))
        case Elementwise():
            made = replace(op, elements=part(op.elements, "elements"), weights=-(-op.weights // parts))
        case Norm() | Softmax():
            made = replace(op, rows=part(op.rows, "rows"))
        case _:
            raise Unsupported(f"{node.name}: no rule for a share of the features of {type(op).__name__}")
    return replace(node, op=made)


def of_vocabulary(node: Node, parts: int) -> Node:
    """The node on a share of the words: rows of a table, outputs of a head, columns of its loss; the last share is padded."""
    op = node.op
    made: Op
    match op:
        case Gather():
            made = replace(op, table_rows=-(-op.table_rows // parts))
        case MatMul():
            made = replace(op, n=-(-op.n // parts))
        case Softmax():
            made = replace(op, columns=-(-op.columns // parts))
        case Elementwise():
            made = replace(op, elements=-(-op.elements // parts))
        case _:
            raise AssertionError(f"{node.name}: {type(op).__name__} has no vocabulary")
    return replace(node, op=made)


def of_contraction(node: Node, parts: int, field: str = "tp") -> Node:
    """A product on a share of its contraction: its result is a partial sum. BadInput."""
    op = node.op
    if not isinstance(op, (MatMul, GroupedMatMul)):
        raise AssertionError(f"{node.name}: {type(op).__name__} has no contraction")
    k = whole_part(op.k, parts, f"{node.name}: {op.k:,} inputs", field)
    return replace(node, op=replace(op, k=k))
