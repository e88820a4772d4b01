"""Networks as problems: every multiply-accumulate of a graph is in exactly one of them."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from gnomon.core.errors import Unsupported
from gnomon.core.op import Attention, Conv, Elementwise, GroupedMatMul, MatMul, Op
from gnomon.core.plan import Plan
from gnomon.core.workload import Node, Workload
from gnomon.engines.mapper.layers import Layers, layers
from gnomon.zoo.models import model


def _workload(name: str, **plan: Any) -> Workload:
    return model(name).build(Plan(**plan))


def _of(*ops: Op, repeat: int = 1) -> Layers:
    nodes = tuple(Node(name=f"n{index}", op=op, repeat=repeat) for index, op in enumerate(ops))
    return layers(Workload(name="small", mode="forward", nodes=nodes, batch=1, dtype="fp16", item="sample", items=1))


def _bounds(found: Layers) -> list[dict[str, int]]:
    return [dict(layer.problem.bounds) for layer in found.layers]


# --- Whole networks


def test_resnet_50_has_23_different_convolutions_and_a_product_of_4_09_giga_macs() -> None:
    """4.09 GFLOPS, which are multiply-accumulates, and 53 convolutions. [torchvision, ResNet50_Weights]"""
    found = layers(_workload("resnet-50"))
    names = [layer.problem.name for layer in found.layers]
    assert len(names) == 24
    assert sum(layer.count for layer in found.layers if layer.problem.name.startswith("conv")) == 53
    assert found.macs == 4_089_184_256
    assert names[-1] == "product 1x2048 by 2048x1000"


def test_the_first_convolution_of_resnet_50_reads_its_padding_but_for_a_row_and_a_column_that_no_window_reaches() -> (
    None
):
    first = layers(_workload("resnet-50")).layers[0].problem
    assert first.bounds == {"R": 7, "S": 7, "P": 112, "Q": 112, "C": 3, "M": 64, "N": 1}
    inputs = next(space for space in first.spaces if space.name == "Inputs")
    assert inputs.words(first.bounds) == 3 * 229 * 229


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("resnet-18", {"batch": 4}),
        ("vgg-16", {}),
        ("mobilenet-v2", {"batch": 2}),
        ("bert-large", {"seq": 384, "batch": 2}),
        ("gpt2", {"mode": "decode", "context": 1024}),
        ("gpt2", {"mode": "prefill", "seq": 256, "attention": "eager"}),
        ("llama-2-7b", {"mode": "prefill", "seq": 512, "attention": "eager"}),
        ("llama-2-7b", {"mode": "decode", "context": 2048, "batch": 8}),
        ("llama-2-70b", {"mode": "decode", "context": 512}),
        ("mixtral-8x7b", {"mode": "prefill", "seq": 100, "attention": "eager"}),
        ("deepseek-v3", {"mode": "decode", "context": 128}),
        ("sdxl", {}),
    ],
)
def test_the_macs_of_the_problems_are_those_of_the_graph(name: str, plan: dict[str, Any]) -> None:
    """Twice as many flop, short of biases, the softmax of scores that are written, and the like: all are small."""
    workload = _workload(name, **plan)
    table = workload.table
    products = float((table.flop * table.repeat * table.is_matrix).sum())
    assert 2 * layers(workload).macs == pytest.approx(products, rel=0.06 if "attention" in plan else 2e-3)
    assert 2 * layers(workload).macs <= products


def test_bert_large_is_what_its_shapes_say() -> None:
    """24 layers of four 1024 x 1024 and two 1024 x 4096 products and of attention with 16 heads; then the pooler."""
    tokens, hidden = 384, 1024
    of_layer = 4 * tokens * hidden**2 + 2 * tokens * hidden * 4 * hidden + 2 * tokens**2 * hidden
    found = layers(_workload("bert-large", seq=tokens, head="none"))
    pooler = sum(layer.count * layer.problem.macs for layer in found.layers if layer.problem.bounds["Q"] == 1)
    assert found.macs - pooler == 24 * of_layer


def test_equal_products_of_a_network_are_one_problem_with_a_count() -> None:
    found = layers(_workload("bert-large", seq=384))
    square = next(layer for layer in found.layers if layer.problem.bounds == {"Q": 384, "C": 1024, "M": 1024})
    assert square.count == 4 * 24
    assert len({(*one.problem.bounds.items(), *one.problem.spaces) for one in found.layers}) == len(found.layers)


def test_what_has_no_mapping_is_named() -> None:
    found = layers(_workload("resnet-50"))
    assert dict(found.left_out) == {"norm": 53, "elementwise": 65, "pool": 2}
    assert any("53 of norm, 65 of elementwise, 2 of pool" in line for line in found.assumptions)


# --- Operators


def test_a_depthwise_convolution_is_a_group_for_each_channel() -> None:
    found = _of(Conv(batch=1, c_in=32, c_out=32, in_size=(112, 112), kernel=(3, 3), padding=(2, 2), groups=32))
    assert _bounds(found) == [{"R": 3, "S": 3, "P": 112, "Q": 112, "C": 1, "M": 1, "N": 1, "G": 32}]
    assert all(space.ranks[0][0].dim == "G" for space in found.layers[0].problem.spaces)
    assert found.macs == 32 * 112 * 112 * 9


def test_stride_and_dilation_are_factors_of_the_index_of_an_input() -> None:
    op = Conv(batch=1, c_in=1, c_out=1, in_size=(20, 30), kernel=(2, 3), stride=(3, 4), dilation=(5, 6))
    problem = _of(op).layers[0].problem
    inputs = next(space for space in problem.spaces if space.name == "Inputs")
    columns, rows = inputs.ranks[2:]
    assert [(term.dim, term.factor) for term in columns] == [("R", 6), ("P", 4)]
    assert [(term.dim, term.factor) for term in rows] == [("S", 5), ("Q", 3)]
    assert inputs.extents(problem.bounds)[2:] == (1 + 2 * 6 + 4 * 4, 1 + 5 + 3 * 4)


def test_a_convolution_over_a_line_is_of_one_row() -> None:
    op = Conv(batch=1, c_in=80, c_out=512, in_size=(3000,), kernel=(3,), padding=(2,))
    assert _bounds(_of(op)) == [{"R": 3, "S": 1, "P": 3000, "Q": 1, "C": 80, "M": 512, "N": 1}]


def test_a_linear_layer_is_an_image_of_one_column() -> None:
    assert _bounds(_of(MatMul(m=128, n=512, k=64))) == [{"Q": 128, "C": 64, "M": 512}]


def test_heads_that_share_keys_are_rows_of_one_product() -> None:
    op = Attention(batch=2, heads=32, kv_heads=8, head_dim=128, q_len=1, kv_len=1000, is_causal=True)
    assert _bounds(_of(op)) == [{"Q": 4, "C": 128, "M": 1000, "G": 16}, {"Q": 4, "C": 1000, "M": 128, "G": 16}]


def test_scores_that_a_mask_hides_are_computed_and_said_to_be() -> None:
    op = Attention(batch=1, heads=1, kv_heads=1, head_dim=8, q_len=64, kv_len=64, is_causal=True)
    found = _of(op)
    assert found.macs == 2 * 64 * 64 * 8
    assert any("mask" in line for line in found.assumptions)


def test_rows_of_experts_are_spread_evenly_and_none_is_lost() -> None:
    found = _of(GroupedMatMul(tokens=13, groups=8, chosen=2, n=7, k=5))
    assert [(one["Q"], one.get("G", 1)) for one in _bounds(found)] == [(4, 2), (3, 6)]
    assert found.macs == 13 * 2 * 7 * 5


def test_a_repeated_node_counts_as_often() -> None:
    found = _of(MatMul(m=2, n=3, k=5), MatMul(m=2, n=3, k=5), repeat=7)
    assert [(layer.count, layer.nodes) for layer in found.layers] == [(14, ("n0", "n1"))]
    assert found.macs == 14 * prod((2, 3, 5))


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (Conv(batch=1, c_in=1, c_out=1, in_size=(4, 4, 4), kernel=(1, 1, 1)), "a convolution over 3 dimensions"),
        (Conv(batch=1, c_in=1, c_out=1, in_size=(4, 4), kernel=(2, 2), is_transposed=True), "a transposed convolution"),
        (
            Conv(batch=1, c_in=1, c_out=1, in_size=(4, 4), kernel=(2, 2), direction="weight gradient"),
            "the weight gradient of a convolution",
        ),
        (
            Attention(batch=1, heads=1, kv_heads=1, head_dim=8, q_len=4, kv_len=4, is_causal=False, is_backward=True),
            "the gradient of attention",
        ),
    ],
)
def test_a_product_that_is_not_mapped_is_refused_and_not_left_out(op: Op, told: str) -> None:
    with pytest.raises(Unsupported, match=f"n0: no problem is made of {told}"):
        _of(op)


def test_a_network_without_products_has_no_problem() -> None:
    found = _of(Elementwise(elements=10, function="relu"))
    assert (found.layers, found.macs, found.left_out) == ((), 0, (("elementwise", 1),))
