"""Tensor parallelism: which products of a graph are divided by columns, which by rows, and what that makes devices exchange.

Megatron-LM's scheme [Shoeybi et al. 2019, section 3], found in the graph instead of written into a model: a product whose
outputs are only ever handled apart from one another - element by element, head by head - until another product contracts
them is divided by columns and that other one by rows. What leads into columns is gathered or copied, what leaves rows is
summed. With sequence parallelism whatever stays whole is divided by tokens instead, an all-gather leads into columns and a
reduce-scatter out of rows. [Korthikanti et al. 2022, section 4.2.2]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.footprint import output_bytes
from gnomon.core.op import Attention, Elementwise, Gather, GroupedMatMul, MatMul, Norm, Softmax
from gnomon.core.workload import Node
from gnomon.parallel.piece import AxisExchange, Boundary, Piece
from gnomon.parallel.shares import of_contraction, of_features, of_tokens, of_vocabulary

State = Literal["whole", "divided", "vocabulary", "partial"]  # of what a node gives; vocabulary: by columns of the head

_LOSS_SUMS = 3  # of a number for each row: largest logit, sum of exponentials, logit of the label [Shoeybi et al. 2019, section 3]
_LOSS_DTYPE = "fp32"
_MIXES = frozenset({"rotary"})  # functions that may meet something whole beside heads that are divided


class _Clash(Exception):
    """What some products divide meets what needs it whole."""

    def __init__(self, products: frozenset[str], why: str) -> None:
        super().__init__(why)
        self.products = products


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a node gives, and the products whose division it comes from."""

    state: State
    products: frozenset[str] = frozenset()


_WHOLE = _Given(state="whole")


def divided(nodes: tuple[Node, ...], parts: int, *, by_tokens: bool) -> tuple[Piece, ...]:
    """The forward nodes as one of `parts` devices runs them, with the exchanges between them. BadInput, Unsupported.

    by_tokens: sequence parallelism.
    """
    if parts == 1:
        return nodes
    given = _settled(nodes)
    if not any(one.state in ("divided", "partial") for one in given.values()):
        raise BadInput("tensor parallelism finds no pair of matrix products to divide in this model", field="tp")
    for node in nodes:  # heads first: what else is divided follows from them
        if isinstance(node.op, Attention) and given[node.name].state == "divided":
            of_features(node, parts)
    return tuple(_pieces(nodes, given, parts, by_tokens))


def _settled(nodes: tuple[Node, ...]) -> dict[str, _Given]:
    """What each node gives, with as many products divided as can be."""
    readers: dict[str, list[Node]] = {node.name: [] for node in nodes}
    for node in nodes:
        for source in node.after:
            readers[source].append(node)
    kept_whole: set[str] = set()
    table = _largest_table(nodes)
    while True:
        try:
            return _spread(nodes, readers, kept_whole, table)
        except _Clash as clash:
            if clash.products <= kept_whole:
                raise Unsupported(f"tensor parallelism cannot divide this model: {clash}") from None
            kept_whole |= clash.products


def _largest_table(nodes: tuple[Node, ...]) -> str | None:
    """The node that looks words up; None where there is none."""
    tables = [node for node in nodes if isinstance(node.op, Gather)]
    return max(tables, key=lambda node: node.op.table_rows).name if tables else None  # type: ignore[attr-defined]


def _spread(
    nodes: tuple[Node, ...], readers: dict[str, list[Node]], kept_whole: set[str], table: str | None
) -> dict[str, _Given]:
    """What each node gives, products in `kept_whole` being divided by no columns. _Clash where that cannot be."""
    by_name = {node.name: node for node in nodes}
    given: dict[str, _Given] = {}
    for node in nodes:
        inputs = [_read(given[name], by_name[name], node) for name in node.after]
        given[node.name] = _given(node, inputs, by_name, readers[node.name], kept_whole, table)
    for node in nodes:
        if given[node.name].state == "divided" and not readers[node.name]:
            raise _Clash(given[node.name].products, f"{node.name} ends divided")
    return given


def _read(given: _Given, source: Node, reader: Node) -> _Given:
    """What a reader finds: no sum is left open between one block of layers and the next, for the next repeats."""
    return _WHOLE if given.state == "partial" and source.repeat != reader.repeat else given


def _given(
    node: Node,
    inputs: list[_Given],
    by_name: dict[str, Node],
    readers: list[Node],
    kept_whole: set[str],
    table: str | None,
) -> _Given:
    op, states = node.op, {one.state for one in inputs}
    products = frozenset().union(*(one.products for one in inputs if one.state in ("divided", "vocabulary")))
    is_cut = "divided" in states or "vocabulary" in states
    match op:
        case Gather():
            return _Given(state="partial") if node.name == table else _WHOLE
        case MatMul(is_weight=True) | GroupedMatMul():
            if is_cut:
                if states != {"divided"}:
                    raise _Clash(products, f"{node.name} multiplies a divided array by one that is not")
                return _Given(state="partial")
            if node.name in kept_whole:
                return _WHOLE
            if isinstance(op, MatMul) and _is_head(op, readers):
                return _Given(state="vocabulary", products=frozenset({node.name}))
            return _Given(state="divided", products=frozenset({node.name}))
        case Elementwise():
            if states == {"partial"} and op.function in ("add", "scale", "copy"):
                return _Given(state="partial")
            if is_cut and states & {"whole", "partial"} and op.function not in _MIXES:
                raise _Clash(products, f"{node.name} adds a divided array to a whole one")
        case Softmax() if "vocabulary" in states:
            return _Given(state="whole") if not readers else _clash(products, node)
        case Softmax() | Norm() if is_cut and not _is_by_heads(op.rows, products, by_name):
            raise _Clash(products, f"{node.name} needs whole rows")
        case Attention() | MatMul() | Softmax() | Norm():
            pass
        case _ if is_cut:
            raise _Clash(products, f"{node.name} needs whole arrays")
    if not is_cut:
        return _WHOLE
    return _Given(state="vocabulary" if "vocabulary" in states else "divided", products=products)


def _clash(products: frozenset[str], node: Node) -> _Given:
    raise _Clash(products, f"{node.name} chooses by whole rows")


def _is_head(op: MatMul, readers: list[Node]) -> bool:
    """Whether the outputs of a product are words, of which a loss is the last thing that is made."""
    return (
        bool(readers)
        and all((isinstance(one.op, Softmax) and one.op.columns == op.n) or _is_capped(one) for one in readers)
        and op.n > op.k
    )


def _is_capped(node: Node) -> bool:
    return isinstance(node.op, Elementwise) and node.op.function == "softcap"


def _is_by_heads(rows: int, products: frozenset[str], by_name: dict[str, Node]) -> bool:
    """Whether there are more rows than tokens: one for each head of a token."""
    return all(rows > by_name[name].op.m for name in products if isinstance(by_name[name].op, MatMul))  # type: ignore[attr-defined]


def _pieces(nodes: tuple[Node, ...], given: dict[str, _Given], parts: int, by_tokens: bool) -> Sequence[Piece]:
    by_name = {node.name: node for node in nodes}
    found: list[Piece] = []
    led_in: set[str] = set()  # arrays that a boundary has led into columns
    left = _leaving(nodes, given)
    for node in nodes:
        state = given[node.name].state
        begins_columns = state in ("divided", "vocabulary") and node.name in given[node.name].products
        if begins_columns:
            sources = [by_name[name] for name in node.after if given[name].state in ("whole", "partial")]
            new = [one for one in sources if one.name not in led_in]
            led_in.update(one.name for one in new)
            found.extend(_enter(one, node.repeat, by_tokens) for one in new[:1])
        found.append(_share(node, state, given, parts, by_tokens))
        if node.name in left:
            found.append(_leave(node, by_tokens))
        if isinstance(node.op, Softmax) and any(given[name].state == "vocabulary" for name in node.after):
            sums = AxisExchange(axis="tp", kind="all-reduce", size_bytes=node.op.rows * 4.0, dtype=_LOSS_DTYPE)
            found.append(Boundary(name=f"{node.name}.sums", repeat=node.repeat, forward=(sums,) * _LOSS_SUMS))
    return found


def _leaving(nodes: tuple[Node, ...], given: dict[str, _Given]) -> set[str]:
    """Nodes whose partial sums are needed whole."""
    left, by_name = set(), {node.name: node for node in nodes}
    ends = {node.name for node in nodes if given[node.name].state == "partial"}
    for node in nodes:
        for source in node.after:
            is_open = given[node.name].state == "partial" and by_name[source].repeat == node.repeat
            if given[source].state == "partial" and not is_open:
                left.add(source)
            ends.discard(source)
    return left | ends


def _dtype(node: Node) -> str:
    return getattr(node.op, "out_dtype", None) or node.op.dtype


def _enter(source: Node, repeat: int, by_tokens: bool) -> Boundary:
    """Before columns: a copy whose gradients are summed, or an all-gather whose gradients are summed and scattered."""
    size = output_bytes(source.op)
    dtype = _dtype(source)

    def exchange(kind: Literal["all-reduce", "all-gather", "reduce-scatter"]) -> AxisExchange:
        return AxisExchange(axis="tp", kind=kind, size_bytes=size, dtype=dtype)

    name = f"{source.name}.to_columns"
    if not by_tokens:
        return Boundary(name=name, repeat=repeat, backward=(exchange("all-reduce"),))
    # The gathered input is not kept: it is gathered again for the gradient of the weights. [Korthikanti et al. 2022, section 4.2.2]
    return Boundary(
        name=name,
        repeat=repeat,
        forward=(exchange("all-gather"),),
        backward=(exchange("all-gather"), exchange("reduce-scatter")),
    )


def _leave(node: Node, by_tokens: bool) -> Boundary:
    """After rows: a sum, or a sum that is scattered and whose gradients are gathered."""
    size, dtype, name = output_bytes(node.op), _dtype(node), f"{node.name}.from_rows"
    if not by_tokens:
        return Boundary(
            name=name,
            repeat=node.repeat,
            forward=(AxisExchange(axis="tp", kind="all-reduce", size_bytes=size, dtype=dtype),),
        )
    return Boundary(
        name=name,
        repeat=node.repeat,
        forward=(AxisExchange(axis="tp", kind="reduce-scatter", size_bytes=size, dtype=dtype),),
        backward=(AxisExchange(axis="tp", kind="all-gather", size_bytes=size, dtype=dtype),),
    )


def _share(node: Node, state: State, given: dict[str, _Given], parts: int, by_tokens: bool) -> Node:
    """What one device runs of a node."""
    reads = {given[name].state for name in node.after}
    if (isinstance(node.op, Gather) and state == "partial") or "vocabulary" in (state, *reads):
        return of_vocabulary(node, parts)
    match state:
        case "divided":
            return of_features(node, parts)
        case "partial" if isinstance(node.op, (MatMul, GroupedMatMul)):
            return of_contraction(node, parts)
        case "partial":
            return node
        case _:
            return _whole(node, parts) if by_tokens else node


def _whole(node: Node, parts: int) -> Node:
    """A node that is divided by tokens only. What comes once, and has too few rows for that, each device does whole."""
    try:
        return of_tokens(node, parts, "sp")
    except (BadInput, Unsupported):
        if node.repeat > 1:
            raise
        return node
