"""The hyper-parameters of a decoder, found in its graph: tools ask for numbers, and a scenario holds operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gnomon.core.errors import Unsupported
from gnomon.core.op import Attention, Gather, GroupedMatMul, MatMul, Norm
from gnomon.core.workload import Node, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A decoder whose layers are all alike."""

    name: str
    layers: int
    hidden: int  # width between layers
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int  # inner width of the MLP, of one expert in a mixture
    is_gated: bool
    vocab: int
    positions: int  # tokens of a prompt and its answer
    experts: int = 1
    experts_chosen: int = 1
    has_qkv_bias: bool = False
    has_qk_norm: bool = False
    is_tied: bool = False  # the head is the embedding table


def shape_of(workload: Workload) -> Shape:
    """The shape of a decode graph. Unsupported, in words, where layers differ or hold what these numbers cannot say."""
    layer = _layer(workload)
    at = next(i for i, node in enumerate(layer) if isinstance(node.op, Attention))
    attention = layer[at].op
    assert isinstance(attention, Attention)
    products = [node.op for node in layer if isinstance(node.op, MatMul)]
    grouped = [node.op for node in layer if isinstance(node.op, GroupedMatMul)]
    into, out = products[0], [node.op for node in layer[at:] if isinstance(node.op, MatMul)]
    if grouped:
        up, down = grouped[0], grouped[-1]
        if len(out) > 2:  # the projection of attention, and the router
            raise Unsupported("its experts are not all: every token takes a shared one too")
    elif len(out) == 3:
        up, down = out[1], out[2]  # type: ignore[assignment]
    else:
        raise Unsupported(f"its layers have {len(out)} products after attention, not those of an MLP")
    tables = [node.op for node in workload.nodes if isinstance(node.op, Gather)]
    if not tables or into.k != max(tables, key=lambda op: op.table_rows).columns:
        raise Unsupported("its embedding is not as wide as its layers")
    return Shape(
        name=workload.name,
        layers=layer[at].repeat,
        hidden=into.k,
        heads=attention.heads,
        kv_heads=attention.kv_heads,
        head_dim=attention.head_dim,
        intermediate=down.k,
        is_gated=up.n == 2 * down.k,
        vocab=max(op.table_rows for op in tables),
        positions=workload.context or attention.kv_len,
        experts=grouped[0].groups if grouped else 1,
        experts_chosen=grouped[0].chosen if grouped else 1,
        has_qkv_bias=into.has_bias,
        has_qk_norm=sum(isinstance(node.op, Norm) for node in layer[:at]) > 1,
        is_tied=any(isinstance(node.op, MatMul) and node.op.is_tied for node in workload.nodes),
    )


def _layer(workload: Workload) -> tuple[Node, ...]:
    """The nodes of the one layer that repeats. Unsupported."""
    attention = [node for node in workload.nodes if isinstance(node.op, Attention)]
    if not attention:
        raise Unsupported("it has no attention")
    for reason in _reasons(attention):
        raise Unsupported(reason)
    return tuple(node for node in workload.nodes if node.repeat == attention[0].repeat)


def _reasons(attention: list[Node]) -> Iterator[str]:
    """Why layers cannot be told by one set of plain numbers."""
    if any(isinstance(node.op, Attention) and node.op.is_value_in_key for node in attention):
        yield "it has latent attention"
    if any(isinstance(node.op, Attention) and node.op.window is not None for node in attention):
        yield "it has layers with a window"
    if len(attention) > 1:
        yield "its layers are not all alike"
    if attention[0].repeat == 1:
        yield "it has one layer only"
