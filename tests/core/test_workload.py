import numpy as np
import pytest
from hypothesis import given

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, Unsupported
from gnomon.core.op import FAMILIES, MatMul
from gnomon.core.plan import Plan
from gnomon.core.workload import Node, Workload
from gnomon.testing import workloads
from gnomon.zoo.models import model


@given(workloads())
def test_table_holds_what_the_operators_say(workload):
    table = workload.table
    assert len(table) == len(workload.nodes)
    for index, node in enumerate(workload.nodes):
        assert (table.flop[index], table.read_bytes[index], table.write_bytes[index]) == node.op.work()
        assert table.dtype[index] == DTYPES[node.op.dtype].index
        assert table.is_matrix[index] == (node.op.unit == "matrix")
        assert FAMILIES[table.family[index]] == node.op.family
        assert (table.launches[index], table.repeat[index]) == (node.op.launches, node.repeat)


@given(workloads())
def test_sums_multiply_by_repeat(workload):
    assert workload.parameters == sum(node.op.parameters * node.repeat for node in workload.nodes)
    assert workload.weight_bytes == sum(node.op.weight_bytes * node.repeat for node in workload.nodes)


def test_an_empty_workload_has_an_empty_table():
    empty = Workload(name="empty", mode="forward", nodes=(), batch=1, dtype="fp32", item="image", items=1)
    assert len(empty.table) == 0
    assert np.array_equal(empty.table.flop, np.zeros(0))
    assert (empty.parameters, empty.weight_bytes, empty.kv_cache_bytes) == (0, 0, 0)


def test_an_operator_without_a_rule_is_an_error_that_names_it():
    class Scan:
        """An operator that nobody knows."""

    node = Node(name="mixer", op=Scan())
    workload = Workload(name="w", mode="forward", nodes=(node,), batch=1, dtype="fp16", item="token", items=1)
    with pytest.raises(Unsupported, match="node 'mixer': operator Scan has no rule"):
        _ = workload.table


@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        ((("a", (), 1), ("a", (), 1)), "two nodes are called 'a'"),
        ((("a", ("b",), 1), ("b", (), 1)), "node 'a' comes after 'b', which no earlier node is called"),
        ((("a", (), 0),), "node 'a' is repeated 0 times"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(nodes, fault):
    made = tuple(Node(name=n, op=MatMul(m=1, n=1, k=1, dtype="fp16"), after=a, repeat=r) for n, a, r in nodes)
    with pytest.raises(BadInput, match=fault):
        Workload(name="w", mode="forward", nodes=made, batch=1, dtype="fp16", item="token", items=1)


def test_the_work_of_an_mfu_counts_products_once_and_in_training_three_times():
    forward = model("llama-2-7b").build(Plan(mode="forward", seq=128))
    training = model("llama-2-7b").build(Plan(mode="forward+backward+optimizer", seq=128))
    products = forward.table.flop[forward.table.is_matrix] @ forward.table.repeat[forward.table.is_matrix]
    assert forward.model_flop == products
    assert training.model_flop == pytest.approx(3 * products)
    assert training.model_flop < training.table.total_flop


@pytest.mark.parametrize(("dtype", "weight_dtype"), [("int8", None), ("fp16", "int4")])
def test_training_in_a_format_without_gradients_is_unsupported(dtype, weight_dtype):
    with pytest.raises(Unsupported, match="no rule for training"):
        model("gpt2").build(Plan(mode="forward+backward", dtype=dtype, weight_dtype=weight_dtype))


def test_training_with_weights_in_the_format_of_the_arithmetic_is_training_as_usual():
    # What --weights bf16 asks of a checkpoint that is kept in four bits.
    said, unsaid = (
        model("gpt2").build(Plan(mode="forward+backward", dtype="bf16", weight_dtype=weights))
        for weights in ("bf16", None)
    )
    assert said.footprint == unsaid.footprint
    assert said.table.total_moved_bytes == unsaid.table.total_moved_bytes


def test_gradients_of_fp8_training_are_kept_in_16_bits():
    workload = model("gpt2").build(Plan(mode="forward+backward+optimizer", dtype="fp8"))
    assert workload.footprint.gradients_bytes == 2 * workload.parameters
