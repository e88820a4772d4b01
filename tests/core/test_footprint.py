from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.footprint import kept_for_backward_bytes, output_bytes, peak_live_bytes, scratch_bytes
from gnomon.core.op import Attention, Elementwise, MatMul, Norm
from gnomon.core.plan import Plan
from gnomon.core.workload import Node, Workload
from gnomon.testing import nodes
from gnomon.zoo.models import model

# In fp16: a writes 12 elements = 24 B, b 40 = 80 B, c = a + b's place taken as 10 elements: 20 B.
A = Node(name="a", op=MatMul(m=2, n=6, k=4, dtype="fp16"))
B = Node(name="b", op=MatMul(m=2, n=20, k=6, dtype="fp16"), after=("a",))
C = Node(name="c", op=MatMul(m=2, n=5, k=20, dtype="fp16"), after=("b",))


def _workload(graph, mode="forward", dtype="fp16"):
    return Workload(name="chain", mode=mode, nodes=graph, batch=2, dtype=dtype, item="sequence", items=2)


def test_a_chain_needs_its_two_largest_neighbours():
    # a alone 24; a and b 104; b and c 100.
    assert peak_live_bytes((A, B, C)) == 104


def test_an_array_lives_until_its_last_reader():
    # a is read again by the sum: while c runs, a, b and c live: 24 + 80 + 20.
    late = Node(name="sum", op=Elementwise(elements=10, function="add", inputs=2, dtype="fp16"), after=("a", "c"))
    assert peak_live_bytes((A, B, C, late)) == 124


@given(nodes(), st.integers(2, 100))
def test_repeating_a_node_does_not_raise_the_live_peak(graph, times):
    repeated = tuple(replace(node, repeat=node.repeat * times) for node in graph)
    assert peak_live_bytes(repeated) == peak_live_bytes(graph)


@given(nodes())
def test_the_live_peak_lies_between_the_largest_array_and_all_of_them(graph):
    sizes = [output_bytes(node.op) for node in graph]
    scratch = [scratch_bytes(node.op) for node in graph]
    assert max(sizes) <= peak_live_bytes(graph) <= sum(sizes) + max(scratch)


def test_unfused_attention_needs_its_scores_twice_while_it_runs():
    sizes = {"batch": 2, "heads": 3, "kv_heads": 3, "head_dim": 4, "q_len": 5, "kv_len": 7, "is_causal": True}
    nodes = [Node(name="a", op=Attention(**sizes, dtype="fp16", is_fused=fused)) for fused in (True, False)]
    output = 2 * 3 * 5 * 4 * 2
    assert peak_live_bytes((nodes[0],)) == output
    assert peak_live_bytes((nodes[1],)) == output + 2 * (2 * 3 * 5 * 7 * 2)


def test_inference_needs_weights_and_the_live_peak():
    need = _workload((A, B, C)).footprint
    assert need.weights_bytes == (24 + 120 + 100) * 2
    assert need.activations_bytes == 104
    assert need.total_bytes == 488 + 104


def test_training_keeps_every_array_that_a_gradient_reads():
    # a and b are read by products, c by nobody: 24 + 80.
    assert kept_for_backward_bytes((A, B, C)) == 104


def test_training_keeps_an_array_of_every_repetition():
    assert kept_for_backward_bytes((replace(A, repeat=3), B, C)) == 3 * 24 + 80


def test_a_sum_keeps_nothing():
    add = Node(name="add", op=Elementwise(elements=10, function="add", inputs=2, dtype="fp16"), after=("a", "b"))
    assert kept_for_backward_bytes((A, replace(B, after=()), add)) == 0


def test_eager_attention_keeps_its_scores_before_and_after_the_softmax():
    fused = Attention(batch=2, heads=4, kv_heads=4, head_dim=8, q_len=6, kv_len=6, is_causal=True, dtype="fp16")
    norm = Node(name="norm", op=Norm(rows=12, columns=32, dtype="fp16"), after=("attention",))
    kept = [
        kept_for_backward_bytes((Node(name="attention", op=replace(fused, is_fused=is_fused)), norm))
        for is_fused in (True, False)
    ]
    assert kept == [2 * 4 * 6 * 8 * 2, 2 * 4 * 6 * 8 * 2 + 2 * (2 * 4 * 36 * 2)]


def test_eager_attention_hands_on_its_output_without_the_scores():
    op = Attention(batch=1, heads=2, kv_heads=1, head_dim=8, q_len=4, kv_len=4, is_causal=True, is_fused=False)
    assert output_bytes(op) == 2 * 4 * 8 * 4


@pytest.mark.parametrize(
    ("dtype", "gradients", "optimizer"),
    [("fp32", 4, 8), ("bf16", 2, 12)],  # two fp32 moments; below fp32 also an fp32 copy of the weights
)
def test_training_in_16_bits_takes_16_bytes_a_parameter(dtype, gradients, optimizer):
    plan = Plan(mode="forward+backward+optimizer", batch=1, seq=8, dtype=dtype)
    workload = model("gpt2").build(plan)
    need = workload.footprint
    assert need.gradients_bytes == gradients * 124439808
    assert need.optimizer_bytes == optimizer * 124439808
    assert need.weights_bytes + need.gradients_bytes + need.optimizer_bytes == 16 * 124439808


def test_forward_and_backward_without_update_keep_no_optimizer_state():
    workload = model("gpt2").build(Plan(mode="forward+backward", batch=1, seq=8))
    assert workload.footprint.optimizer_bytes == 0
    assert workload.footprint.gradients_bytes > 0


def test_the_cache_of_llama_2_7b_takes_half_a_mebibyte_a_token():
    # 2 x 32 layers x 32 heads x 128 x 2 B = 524288 B. [Kwon et al. 2023 give 800 KB for OPT-13B by the same count]
    need = model("llama-2-7b").build(Plan(mode="decode", batch=1, context=1000)).footprint
    assert need.kv_cache_bytes == 524288 * 1000
