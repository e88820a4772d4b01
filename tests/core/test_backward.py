from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from gnomon.core.backward import gradient_ops, with_backward, with_optimizer
from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.errors import Unsupported
from gnomon.core.op import (
    AdamStep,
    Attention,
    Conv,
    Elementwise,
    Gather,
    GroupedMatMul,
    MatMul,
    Norm,
    Pool,
    Softmax,
)
from gnomon.core.workload import Node

PRODUCTS = [
    MatMul(m=3, n=4, k=5),
    MatMul(m=3, n=4, k=5, batch=2, is_weight=False),
    MatMul(m=3, n=4, k=5, is_tied=True),
    GroupedMatMul(tokens=7, groups=4, chosen=2, n=3, k=5),
    Conv(batch=2, c_in=4, c_out=8, in_size=(9, 9), kernel=(3, 3), stride=(2, 2), padding=(2, 2)),
    Conv(batch=2, c_in=4, c_out=4, in_size=(9, 9), kernel=(3, 3), groups=4),
]
OTHERS = [
    Attention(batch=1, heads=2, kv_heads=1, head_dim=8, q_len=4, kv_len=4, is_causal=True),
    Attention(batch=1, heads=2, kv_heads=2, head_dim=8, value_dim=4, q_len=4, kv_len=4, is_causal=True, has_sinks=True),
    Norm(rows=3, columns=4),
    Softmax(rows=3, columns=4),
    Gather(rows=3, columns=4, table_rows=9),
    Pool(in_elements=16, out_elements=4, window=4),
    *(Elementwise(elements=8, function=function) for function in FUNCTIONS),
]


def _flop(found):
    return sum(op.work()[0] for _, op in found)


@pytest.mark.parametrize("op", PRODUCTS, ids=lambda op: type(op).__name__)
def test_backward_of_a_product_is_two_products(op):
    assert _flop(gradient_ops(op)) == 2 * op.work()[0]


@pytest.mark.parametrize("op", [PRODUCTS[0], PRODUCTS[4]], ids=lambda op: type(op).__name__)
def test_backward_of_a_first_layer_is_one_product(op):
    assert _flop(gradient_ops(op, needs_input_gradient=False)) == op.work()[0]


@pytest.mark.parametrize("op", PRODUCTS + OTHERS, ids=lambda op: type(op).__name__)
def test_gradients_keep_no_parameters(op):
    for _, gradient in gradient_ops(op):
        assert gradient.parameters == 0
        assert gradient.weight_bytes == 0


@pytest.mark.parametrize("op", PRODUCTS + OTHERS, ids=lambda op: type(op).__name__)
def test_gradients_stay_in_the_family_of_their_operator_or_are_plain_products(op):
    assert {gradient.family for _, gradient in gradient_ops(op)} <= {op.family, "matmul"}


@pytest.mark.parametrize("op", PRODUCTS[:2], ids=["weight", "activation"])
def test_gradients_of_a_product_read_each_other_factor_and_the_output_gradient(op):
    left, right, out = (4.0 * op.batch * size for size in (op.m * op.k, op.k * op.n, op.m * op.n))
    (_, to_left), (_, to_right) = gradient_ops(op)
    assert to_left.work()[1:] == (out + right, left)
    assert to_right.work()[1:] == (left + out, right)


def test_an_operator_without_a_backward_rule_is_refused_by_name():
    @dataclass(frozen=True)
    class Sorting:
        unit: ClassVar[str] = "vector"

    for op in (Sorting(), AdamStep(weights=1)):
        with pytest.raises(Unsupported, match=f"no backward rule for operator {type(op).__name__}"):
            gradient_ops(op)


CHAIN = (
    Node(name="first", op=MatMul(m=2, n=3, k=4)),
    Node(name="second", op=MatMul(m=2, n=5, k=3), after=("first",), repeat=3),
)


def test_a_chain_trains_in_three_times_its_forward_work_less_the_first_input_gradient():
    forward = sum(node.op.work()[0] * node.repeat for node in CHAIN)
    whole = sum(node.op.work()[0] * node.repeat for node in with_backward(CHAIN))
    assert whole == 3 * forward - CHAIN[0].op.work()[0]


def test_gradients_come_in_reverse_order_and_follow_their_consumers():
    backward = [node for node in with_backward(CHAIN) if node.phase == "backward"]
    assert [(node.name, node.after, node.repeat) for node in backward] == [
        ("second.grad_input", ("second",), 3),
        ("second.grad_weight", ("second",), 3),
        ("first.grad_weight", ("second.grad_input",), 1),
    ]


def test_nodes_of_a_trained_graph_follow_nodes_before_them():
    seen = set()
    for node in with_optimizer(with_backward(CHAIN), 10, "fp32"):
        assert seen.issuperset(node.after)
        seen.add(node.name)


def test_the_update_covers_every_parameter_once():
    *_, step = with_optimizer(with_backward(CHAIN), 57, "bf16")
    assert step.phase == "update"
    assert step.op == AdamStep(weights=57, gradient_dtype="bf16")


def test_training_does_not_change_the_forward_nodes():
    assert with_backward(CHAIN)[: len(CHAIN)] == CHAIN


def test_an_embedding_gets_a_gradient_though_nothing_comes_before_it():
    nodes = (Node(name="words", op=Gather(rows=2, columns=3, table_rows=9)),)
    assert [node.op for node in with_backward(nodes)[1:]] == [replace(nodes[0].op, is_backward=True)]


def test_biases_of_experts_change_nothing_in_the_two_products_of_their_gradients():
    plain = GroupedMatMul(tokens=7, groups=4, chosen=2, n=3, k=5)
    assert gradient_ops(replace(plain, has_bias=True)) == gradient_ops(plain)
