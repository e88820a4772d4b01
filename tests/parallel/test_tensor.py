from __future__ import annotations

from itertools import pairwise

import pytest

from gnomon.core.errors import BadInput
from gnomon.core.op import GroupedMatMul, MatMul
from gnomon.core.plan import Plan
from gnomon.core.workload import Node
from gnomon.parallel.piece import Boundary, Piece
from gnomon.parallel.tensor import divided
from gnomon.zoo.models import model


def forward(name: str, seq: int | None = 256) -> tuple[Node, ...]:
    found = model(name)
    plan = Plan(mode="forward+backward", seq=None if found.kind == "image" else seq, dtype="bf16")
    return tuple(node for node in found.build(plan).nodes if node.phase == "forward")


def shared(name: str, parts: int, *, by_tokens: bool = False) -> tuple[Piece, ...]:
    return divided(forward(name), parts, by_tokens=by_tokens)


def nodes_of(pieces: tuple[Piece, ...]) -> dict[str, Node]:
    return {piece.name: piece for piece in pieces if isinstance(piece, Node)}


def exchanged(pieces: tuple[Piece, ...], name: str) -> tuple[list[str], list[str]]:
    found = next(piece for piece in pieces if isinstance(piece, Boundary) and piece.name == name)
    return [one.kind for one in found.forward], [one.kind for one in found.backward]


def test_a_layer_is_divided_as_megatron_divides_it() -> None:
    pieces = shared("gpt2-medium", 4)
    nodes, whole = nodes_of(pieces), {node.name: node for node in forward("gpt2-medium")}
    for columns in ("layer.qkv_proj", "layer.up_proj"):
        assert nodes[columns].op.n == whole[columns].op.n // 4  # type: ignore[attr-defined]
        assert nodes[columns].op.k == whole[columns].op.k  # type: ignore[attr-defined]
    for rows in ("layer.out_proj", "layer.down_proj"):
        assert nodes[rows].op.k == whole[rows].op.k // 4  # type: ignore[attr-defined]
        assert nodes[rows].op.n == whole[rows].op.n  # type: ignore[attr-defined]
        assert exchanged(pieces, f"{rows}.from_rows") == (["all-reduce"], [])
    for norm in ("layer.attention_norm", "layer.mlp_norm"):
        assert nodes[norm].op == whole[norm].op
        assert exchanged(pieces, f"{norm}.to_columns") == ([], ["all-reduce"])
    assert nodes["layer.attention"].op.heads == 4  # type: ignore[attr-defined]


def test_sequence_parallelism_gathers_and_scatters_where_tensor_parallelism_copies_and_sums() -> None:
    pieces = shared("llama-2-7b", 8, by_tokens=True)
    assert exchanged(pieces, "layer.attention_norm.to_columns") == (["all-gather"], ["all-gather", "reduce-scatter"])
    assert exchanged(pieces, "layer.down_proj.from_rows") == (["reduce-scatter"], ["all-gather"])
    assert nodes_of(pieces)["layer.mlp_norm"].op.rows == 256 // 8  # type: ignore[attr-defined]


def test_what_chooses_experts_and_what_compresses_queries_stays_whole() -> None:
    nodes, whole = nodes_of(shared("deepseek-v3", 4)), {node.name: node for node in forward("deepseek-v3")}
    for name in ("layer.router", "layer.qkv_a_proj", "layer.query_norm", "layer.latent_norm"):
        assert nodes[name].op == whole[name].op
    for name in ("layer.q_b_proj", "layer.kv_b_proj", "layer.experts_gate_up"):
        assert nodes[name].op.n == whole[name].op.n // 4  # type: ignore[attr-defined]
    assert nodes["layer.experts_down"].op.k == whole["layer.experts_down"].op.k // 4  # type: ignore[attr-defined]


def test_shared_and_chosen_experts_are_summed_once() -> None:
    names = [piece.name for piece in shared("deepseek-v3", 2) if isinstance(piece, Boundary) and piece.repeat == 58]
    assert [name for name in names if name.endswith("from_rows")] == [
        "layer.out_proj.from_rows",
        "layer.shared_add.from_rows",
    ]


@pytest.mark.parametrize("by_tokens", [False, True])
@pytest.mark.parametrize(
    "name", ["gpt2-medium", "llama-3-8b", "mixtral-8x7b", "qwen3-32b", "deepseek-v2", "bert-large"]
)
@pytest.mark.parametrize("parts", [2, 8])
def test_the_shares_of_all_devices_make_up_the_products_of_the_layers(name: str, parts: int, by_tokens: bool) -> None:
    def work(nodes: tuple[Node, ...]) -> float:
        return sum(
            float(node.op.work()[0]) * node.repeat
            for node in nodes
            if isinstance(node.op, (MatMul, GroupedMatMul)) and node.repeat > 1
        )

    def stays_whole(node: Node) -> bool:
        return not by_tokens and node.name.rpartition(".")[2] in ("router", "qkv_a_proj", "kv_a_proj")

    whole = forward(name)
    kept = tuple(node for node in whole if not stays_whole(node))
    share = tuple(
        node for node in divided(whole, parts, by_tokens=by_tokens) if isinstance(node, Node) and not stays_whole(node)
    )
    biased = sum(
        node.op.m * node.op.n * node.repeat for node in kept if isinstance(node.op, MatMul) and node.op.has_bias
    )
    assert parts * work(share) == pytest.approx(work(kept), abs=parts * biased)


def test_words_are_shared_out_with_the_last_share_padded() -> None:
    nodes = nodes_of(shared("gpt2", 4))
    assert nodes["embed_tokens"].op.table_rows == nodes["lm_head"].op.n == nodes["loss"].op.columns == 12565  # type: ignore[attr-defined]


def test_every_exchange_stands_between_the_nodes_of_its_block() -> None:
    for one, after in pairwise(shared("llama-2-7b", 2)):
        if isinstance(one, Boundary) and one.name.endswith("to_columns"):
            assert one.repeat == after.repeat


@pytest.mark.parametrize(
    ("name", "parts", "told"),
    [
        ("gpt2", 8, "12 heads cannot be divided by 8"),
        ("llama-2-7b", 3, "32 heads cannot be divided by 3"),
        ("resnet-50", 2, "no pair of matrix products"),
    ],
)
def test_what_cannot_be_divided_is_named(name: str, parts: int, told: str) -> None:
    with pytest.raises(BadInput, match=told) as fault:
        shared(name, parts)
    assert fault.value.field == "tp"
