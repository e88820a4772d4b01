"""Operators: what each adds to the formulas of core/work.py."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.op import (
    FAMILIES,
    SOFTMAX_FLOP,
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
from gnomon.testing import ops

ATTENTION = Attention(batch=2, heads=4, kv_heads=2, head_dim=8, q_len=6, kv_len=6, is_causal=True, dtype="fp16")

LATENT = Attention(
    batch=1,
    heads=4,
    kv_heads=1,
    head_dim=10,
    value_dim=8,
    is_value_in_key=True,
    q_len=1,
    kv_len=5,
    is_causal=True,
    has_cache=True,
    dtype="fp16",
)
WIDE = replace(LATENT, kv_heads=4, head_dim=6, value_dim=4, is_value_in_key=False, kept_dim=10, q_len=5)


# --- Equation: by hand


def test_a_linear_layer_with_bias_adds_one_flop_and_reads_one_number_per_output():
    # (3, 5) x (5, 4) in fp16: 120 flop + 12; read (15 + 20) x 2 B + 4 x 2 B; write 12 x 2 B.
    op = MatMul(m=3, n=4, k=5, dtype="fp16", has_bias=True)
    assert op.work() == (132.0, 78.0, 24.0)
    assert op.parameters == 24
    assert op.weight_bytes == 48.0


def test_int4_weights_are_read_in_int4_and_multiplied_in_fp16():
    # (1, 128) x (128, 128): weight 16384 x 4.15625 / 8 bytes, input 128 x 2, output 128 x 2.
    op = MatMul(m=1, n=128, k=128, dtype="fp16", weight_dtype="int4")
    assert op.work() == (32768.0, 256.0 + 8512.0, 256.0)
    assert op.weight_bytes == 8512.0


def test_a_tied_weight_is_read_here_and_kept_elsewhere():
    free, tied = MatMul(m=2, n=3, k=4), MatMul(m=2, n=3, k=4, is_tied=True)
    assert tied.work() == free.work()
    assert (tied.parameters, tied.weight_bytes) == (0, 0.0)


def test_a_product_of_two_activations_keeps_nothing():
    op = MatMul(m=2, n=3, k=4, is_weight=False)
    assert (op.parameters, op.weight_bytes) == (0, 0.0)


def test_an_fp8_product_can_write_16_bits():
    op = MatMul(m=3, n=4, k=5, dtype="fp8", out_dtype="bf16")
    assert op.work() == (120.0, 35.0, 24.0)


def test_a_mixture_keeps_all_experts():
    op = GroupedMatMul(tokens=1, groups=8, chosen=2, n=3, k=5, dtype="fp16", weight_dtype="int8")
    assert op.parameters == 8 * 15
    assert op.weight_bytes == 8 * 15.0


def test_gradient_of_experts_weights_writes_the_touched_experts():
    # 1 token to 2 of 4 experts of (5, 3) in fp32: 60 flop, rows 2 x (3 + 5) x 4 B in, 2 x 15 x 4 B out.
    op = GroupedMatMul(tokens=1, groups=4, chosen=2, n=3, k=5, is_weight_gradient=True)
    assert op.work() == (60.0, 64.0, 120.0)
    assert op.parameters == 0


def test_a_convolution_by_hand():
    # 1 image 2 x 4 x 4, 3 outputs, window 3, padding 0 -> 2 x 2; fp16; bias: 12 flop, 6 B.
    op = Conv(batch=1, c_in=2, c_out=3, in_size=(4, 4), kernel=(3, 3), dtype="fp16", has_bias=True)
    assert op.out_size == (2, 2)
    assert op.work() == (432.0 + 12, 64 + 108 + 6.0, 24.0)
    assert op.parameters == 54 + 3


def test_the_three_products_of_a_convolution_move_the_same_three_arrays():
    forward = Conv(batch=2, c_in=4, c_out=8, in_size=(8, 6), kernel=(3, 3), stride=(2, 2), padding=(2, 2), groups=2)
    image, weights, out = 2 * 4 * 48 * 4, 8 * 2 * 9 * 4, 2 * 8 * 12 * 4  # out 4 x 3
    to_input, to_weight = (replace(forward, direction=d) for d in ("input gradient", "weight gradient"))
    assert forward.work()[1:] == (image + weights, out)
    assert to_input.work()[1:] == (out + weights, image)
    assert to_weight.work()[1:] == (image + out, weights)
    assert forward.work()[0] == to_input.work()[0] == to_weight.work()[0]


def test_fused_causal_attention_by_hand():
    # 21 pairs of 36; flop 4 x 2 x 4 x 8 x 21; q 2 x 4 x 6 x 8 x 2 B = 768; k and v 2 x 2 x 2 x 6 x 8 x 2 B = 768.
    assert ATTENTION.pairs == 21
    assert ATTENTION.work() == (5376.0, 1536.0, 768.0)


def test_eager_attention_computes_every_pair_and_moves_the_scores_three_times():
    eager = replace(ATTENTION, is_fused=False)
    scores = 2 * 4 * 36  # elements
    flop, read, write = eager.work()
    assert flop == 4 * 2 * 4 * 8 * 36 + SOFTMAX_FLOP * scores
    assert read == 1536 + 3 * scores * 2
    assert write == 768 + 3 * scores * 2
    assert (ATTENTION.launches, eager.launches) == (1, 4)


def test_backward_of_fused_attention_computes_five_products_instead_of_two():
    backward = replace(ATTENTION, is_backward=True)
    assert backward.work()[0] == 2.5 * ATTENTION.work()[0]
    assert backward.launches == 2 * ATTENTION.launches


def test_the_cache_holds_keys_and_values_in_its_own_format():
    cached = replace(ATTENTION, has_cache=True, kv_dtype="fp8")
    assert cached.cache_bytes == 2 * 2 * 2 * 6 * 8 * 1
    assert ATTENTION.cache_bytes == 0.0


def test_a_sliding_window_bounds_the_cache():
    assert replace(ATTENTION, has_cache=True, window=4).cache_bytes == 2 * 2 * 2 * 4 * 8 * 2


def test_a_norm_has_a_weight_and_a_bias_or_not():
    assert Norm(rows=2, columns=8).parameters == 16
    assert Norm(rows=2, columns=8, has_bias=False).parameters == 8
    assert Norm(rows=2, columns=8, has_weight=False, has_bias=False).parameters == 0


def test_adam_in_16_bits_moves_28_bytes_a_parameter():
    # Read: gradient 2, master 4, moments 8; written: master 4, moments 8, working copy 2. [counted by hand]
    assert AdamStep(weights=10, gradient_dtype="bf16").work() == (140.0, 140.0, 140.0)


def test_adam_in_fp32_needs_no_second_copy_of_the_weights():
    assert AdamStep(weights=10).work() == (140.0, 160.0, 120.0)


def test_gradient_of_an_embedding_writes_the_whole_table():
    op = Gather(rows=3, columns=4, table_rows=100, dtype="fp16", is_backward=True)
    assert op.work()[2] == 100 * 4 * 2


def test_backward_of_a_pooling_turns_its_traffic_round():
    forward = Pool(in_elements=16, out_elements=4, window=4)
    assert forward.work() == (16.0, 64.0, 16.0)
    assert replace(forward, is_backward=True).work() == (16.0, 16.0, 64.0)


# --- Oracle: masks by brute force


def _seen(queries, keys, window):
    """Pairs that a causal, windowed mask leaves, and the keys that any query sees."""
    pairs = [
        (q, k)
        for q, k in product(range(keys - queries, keys), range(keys))
        if k <= q and (window is None or k > q - window)
    ]
    return len(pairs), len({k for _, k in pairs})


@pytest.mark.parametrize("window", [None, 1, 2, 5, 100])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 7), (3, 3), (4, 9), (9, 9)])
def test_fused_attention_computes_the_pairs_that_the_mask_leaves(queries, keys, window):
    op = replace(ATTENTION, q_len=queries, kv_len=keys, window=window)
    pairs, seen = _seen(queries, keys, window)
    assert op.pairs == pairs
    assert op.seen_kv_len == seen


# --- Law


@given(ops())
def test_every_operator_does_finite_work_of_some_family(op):
    assert all(0 <= amount < float("inf") for amount in op.work())
    assert sum(op.work()) > 0
    assert op.family in FAMILIES
    assert op.unit in ("matrix", "vector")
    assert op.launches >= 1


@given(ops())
def test_parameters_take_memory_and_nothing_else_does(op):
    assert (op.parameters > 0) == (op.weight_bytes > 0)


@given(st.integers(1, 64), st.integers(0, 64), st.none() | st.integers(1, 80))
def test_a_window_never_adds_work(queries, before, window):
    full = replace(ATTENTION, q_len=queries, kv_len=queries + before)
    windowed = replace(full, window=window)
    assert all(less <= more for less, more in zip(windowed.work(), full.work(), strict=True))


@given(st.integers(1, 64), st.integers(0, 64), st.none() | st.integers(1, 80))
def test_fusing_attention_never_adds_work(queries, before, window):
    fused = replace(ATTENTION, q_len=queries, kv_len=queries + before, window=window)
    eager = replace(fused, is_fused=False)
    assert all(less <= more for less, more in zip(fused.work(), eager.work(), strict=True))


@given(st.integers(1, 10**6), st.sampled_from(tuple(FUNCTIONS)), st.integers(2, 5))
def test_elementwise_work_grows_in_step_with_the_elements(elements, function, times):
    once = Elementwise(elements=elements, function=function).work()
    many = Elementwise(elements=elements * times, function=function).work()
    assert many == pytest.approx(tuple(times * amount for amount in once))


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_softmax_work_depends_on_the_number_of_elements_alone(rows, columns):
    assert Softmax(rows=rows, columns=columns).work() == Softmax(rows=columns, columns=rows).work()


# --- Multi-head latent attention: keys and values of different widths, one latent kept for all heads


def test_values_narrower_than_keys_take_less_work_in_the_second_product():
    # 4 heads, 15 causal pairs: 2 x 4 x 15 x (6 + 4) flop; read 5 x 4 x (6 + 6 + 4) x 2 B; write 5 x 4 x 4 x 2 B.
    assert WIDE.work() == (1200.0, 640.0, 160.0)


def test_queries_that_meet_the_latent_read_it_once_for_keys_and_values():
    # 4 queries of 10 and 5 latents of 10 come in, 4 rows of 8 go out: 2 x 4 x 5 x (10 + 8) flop.
    assert LATENT.work() == (720.0, 2.0 * (4 * 10 + 5 * 10), 2.0 * 4 * 8)


def test_the_cache_keeps_one_latent_for_all_heads_however_attention_is_computed():
    # 5 tokens x 10 numbers x 2 B, where keys and values would be 5 x 4 x (6 + 4) x 2 B.
    assert LATENT.cache_bytes == WIDE.cache_bytes == 100.0
    assert replace(WIDE, kept_dim=None).cache_bytes == 400.0


def test_a_cache_in_fp8_is_read_in_fp8_only_where_queries_meet_the_latent_itself():
    assert LATENT.work()[1] - replace(LATENT, kv_dtype="fp8").work()[1] == 5 * 10
    assert replace(WIDE, kv_dtype="fp8").work() == WIDE.work()
    assert replace(WIDE, kv_dtype="fp8").cache_bytes == 50.0


def test_the_backward_pass_has_three_products_as_wide_as_a_key_and_two_as_wide_as_a_value():
    # 2 x 4 x 15 x (3 x 6 + 2 x 4); eager keeps the scores: 2 x 4 x 15 x (2 x 6 + 2 x 4) and the softmax, 5 x 4 x 25.
    assert replace(WIDE, is_backward=True).work()[0] == 120.0 * 26
    eager = replace(WIDE, is_fused=False)
    assert replace(eager, is_backward=True).work()[0] == 2 * 4 * 25 * 20 + 5 * 4 * 25


def test_a_sink_is_one_trained_number_for_each_head():
    op = replace(ATTENTION, has_sinks=True)
    assert (op.parameters, op.weight_bytes, replace(op, is_backward=True).parameters) == (4, 8.0, 0)


def test_a_cap_on_the_scores_costs_unfused_attention_three_more_passes():
    plain = replace(ATTENTION, is_fused=False)
    capped = replace(plain, has_softcap=True)
    scores = 2 * 4 * 6 * 6 * 2.0
    assert capped.work()[2] - plain.work()[2] == 3 * scores
    assert capped.work()[0] - plain.work()[0] == 3 * 2 * 4 * 36
    assert capped.launches - plain.launches == 3
    assert replace(ATTENTION, has_softcap=True).work() == ATTENTION.work()


def test_biases_of_experts_are_read_for_the_experts_that_are_met():
    # One token meets 2 of 8 experts: 2 x 3 additions, 2 x 3 biases of 2 B; kept: 8 x 3.
    plain = GroupedMatMul(tokens=1, groups=8, chosen=2, n=3, k=5, dtype="fp16", weight_dtype="int8")
    biased = replace(plain, has_bias=True)
    assert [a - b for a, b in zip(biased.work(), plain.work(), strict=True)] == [6.0, 12.0, 0.0]
    assert (biased.parameters, biased.weight_bytes) == (144, 8 * 3 * 5 * 1.0 + 8 * 3 * 2)


def test_a_convolution_whose_weight_is_counted_elsewhere_still_counts_its_bias():
    op = Conv(batch=1, c_in=2, c_out=3, in_size=(4, 4), kernel=(3, 3), has_bias=True, is_tied=True, dtype="fp16")
    assert (op.parameters, op.weight_bytes) == (3, 6.0)
