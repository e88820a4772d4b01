"""A decoder's step of one token as one device of a replica runs it: before its layers, in them, and after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.exchange import ExchangeKind
from gnomon.core.op import Attention, Elementwise, Gather, GroupedMatMul, MatMul, Norm, Op, Softmax
from gnomon.core.workload import SERVE, Node, Workload
from gnomon.engines.serving.step_times.layout import Layout
from gnomon.parallel.piece import AxisExchange, Boundary, Piece
from gnomon.parallel.shares import of_vocabulary, whole_part
from gnomon.parallel.tensor import divided

_LAYER = "layer"  # what the zoo's names of layers end in


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Equal layers."""

    copies: int  # in the whole model
    pieces: tuple[Piece, ...]  # of one of them, but for what attention is made of
    attention: Attention  # of one token
    # Products that take queries to the latent and results back: what decoding does, and prompts do not.
    absorbed: tuple[MatMul, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceShare:
    """What one device of a replica runs of a step of one token, as if it held every stage."""

    before: tuple[Piece, ...]  # the embedding
    layers: tuple[Layers, ...]
    after: tuple[Piece, ...]  # norm, head
    hidden_bytes: float  # of a token between layers
    dtype: str  # of that
    # Experts that a device has whole: tokens that come to them for each of its own, as if a token picked `chosen` of them.
    expert_tokens: float = 1.0

    @property
    def layer_count(self) -> int:
        return sum(one.copies for one in self.layers)


def device_share(workload: Workload, layout: Layout) -> DeviceShare:
    """The share of a device. BadInput where the model cannot be divided so; Unsupported where it is no decoder."""
    if workload.mode not in ("decode", SERVE) or workload.batch != 1:
        raise Unsupported(
            f"{workload.name}: steps of serving are made from a graph of mode decode and batch 1, "
            f"not of {workload.mode} and {workload.batch}"
        )
    names = [node for node in workload.nodes if _layer_of(node.name)]
    if not any(isinstance(node.op, Attention) for node in names):
        raise Unsupported(f"{workload.name} has no layers with attention: only decoders are served")
    pieces = [_weights_again(piece) for piece in divided(_by_heads(workload.nodes), layout.tensor, by_tokens=False)]
    expert_tokens = 1.0
    if layout.experts > 1:
        pieces, expert_tokens = _on_share_of_experts(pieces, workload.nodes, layout)
    first = next(at for at, piece in enumerate(pieces) if _layer_of(piece.name))
    last = max(at for at, piece in enumerate(pieces) if _layer_of(piece.name))
    after = _head(pieces[last + 1 :], layout.tensor)
    norm = next(node.op for node in names if isinstance(node.op, Norm))
    return DeviceShare(
        before=tuple(pieces[:first]),
        layers=_layers(pieces[first : last + 1]),
        after=after,
        hidden_bytes=norm.columns * DTYPES[norm.dtype].bytes,
        dtype=norm.dtype,
        expert_tokens=expert_tokens,
    )


def _layer_of(name: str) -> str:
    """The kind of layer that a piece is in; empty: in none."""
    kind, dot, _ = name.partition(".")
    return kind if dot and kind.endswith(_LAYER) else ""


def _layers(pieces: Sequence[Piece]) -> tuple[Layers, ...]:
    found = []
    for kind in dict.fromkeys(_layer_of(piece.name) for piece in pieces):
        own = [piece for piece in pieces if _layer_of(piece.name) == kind]
        attention = [piece for piece in own if isinstance(piece, Node) and isinstance(piece.op, Attention)]
        if len(attention) != 1:
            raise Unsupported(f"{kind}: a layer with {len(attention)} attentions")
        one = attention[0].op
        assert isinstance(one, Attention)
        absorbed = [p.op for p in own if isinstance(p, Node) and isinstance(p.op, MatMul) and p.op.batch > 1]
        kept = [p for p in own if not (isinstance(p, Node) and (p.op is one or p.op in absorbed))]
        found.append(Layers(copies=attention[0].repeat, pieces=tuple(kept), attention=one, absorbed=tuple(absorbed)))
    return tuple(found)


def _by_heads(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes with trained products of every head marked as if nothing in them was trained: they are divided by heads."""
    return tuple(
        replace(node, op=replace(node.op, is_weight=False))
        if isinstance(node.op, MatMul) and node.op.batch > 1
        else node
        for node in nodes
    )


def _weights_again(piece: Piece) -> Piece:
    if isinstance(piece, Node) and isinstance(piece.op, MatMul) and not piece.op.is_weight:
        return replace(piece, op=replace(piece.op, is_weight=True))
    return piece


def _head(pieces: Sequence[Piece], parts: int) -> tuple[Piece, ...]:
    """What follows the layers, the words of the head divided, and the logits then put together."""
    found: list[Piece] = []
    is_divided = False
    for piece in pieces:
        if isinstance(piece, Node) and parts > 1 and isinstance(piece.op, MatMul) and piece.name == "lm_head":
            out = DTYPES[piece.op.out_dtype or piece.op.dtype].bytes
            gathered = AxisExchange(
                axis="tp", kind="all-gather", size_bytes=piece.op.n * out, dtype=piece.op.out_dtype or piece.op.dtype
            )
            found += [
                of_vocabulary(piece, parts),
                Boundary(name="lm_head.gathered", repeat=1, forward=(gathered,)),
            ]
            is_divided = True
        else:
            found.append(piece)
    assert is_divided or parts == 1 or not any(piece.name == "lm_head" for piece in pieces)
    return tuple(found)


def _on_share_of_experts(pieces: Sequence[Piece], whole: Sequence[Node], layout: Layout) -> tuple[list[Piece], float]:
    """The pieces with whole experts, fewer of them, and how many tokens come to them for each of the device's own. BadInput.

    Replicas that step together gather their tokens first and scatter the sums afterwards, as vLLM does by default.
    """
    mixtures = {node.name: node.op for node in whole if isinstance(node.op, GroupedMatMul)}
    if not mixtures:
        raise BadInput("this model has no experts", field="experts")
    ends: dict[str, list[str]] = {}  # of the mixture of each kind of layer: its first product and its last
    for name in mixtures:
        ends.setdefault(_layer_of(name), [name, name])[1] = name
    found: list[Piece] = []
    tokens = 1.0
    for piece in pieces:
        op = mixtures.get(piece.name)
        if op is None:
            found.append(piece)
            continue
        groups = whole_part(op.groups, layout.experts, f"{piece.name}: {op.groups} experts", "experts")
        chosen = min(groups, max(1, op.chosen // layout.experts))
        tokens = layout.together * op.chosen / (layout.experts * chosen)
        share = Node(name=piece.name, op=replace(op, groups=groups, chosen=chosen), after=(), repeat=piece.repeat)
        first, last = ends[_layer_of(piece.name)]
        if piece.name == first:
            found += _among_replicas(piece, "all-gather", op.k, op, layout)
        found.append(share)
        if piece.name == last:
            found += _among_replicas(piece, "reduce-scatter", op.n, op, layout)
    return found, tokens


def _among_replicas(
    piece: Piece, kind: ExchangeKind, width: int, op: GroupedMatMul, layout: Layout
) -> tuple[Piece, ...]:
    """The exchange of a token's row among replicas that step together; none among one."""
    if layout.together == 1:
        return ()
    dtype = op.out_dtype or op.dtype
    size = op.tokens * layout.together * width * DTYPES[dtype].bytes
    exchange = AxisExchange(axis="ep", kind=kind, size_bytes=size, dtype=dtype)
    return (Boundary(name=f"{piece.name}.{kind}", repeat=piece.repeat, forward=(exchange,)),)


def of_step(op: Op, tokens: int, expert_tokens: float = 1.0) -> Op:
    """The operator of a step of `tokens`, given that of one token. Unsupported."""
    match op:
        case MatMul():
            return replace(op, m=op.m * tokens)
        case GroupedMatMul():
            return replace(op, tokens=max(1, round(op.tokens * tokens * expert_tokens)))
        case Norm() | Softmax() | Gather():
            return replace(op, rows=op.rows * tokens)
        case Elementwise():
            return replace(op, elements=op.elements * tokens)
        case _:
            raise Unsupported(f"no rule for a step's {type(op).__name__}; add one in engines/serving/step_times")
