"""Work of operators: numbers by hand, brute force, dimensions."""

import inspect
from itertools import product

import numpy as np
import pint
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gnomon.core import work

# --- Equation: worked by hand


def test_a_small_product_by_hand():
    # Two products (3, 5) x (5, 4): 2 x 2 x 3 x 4 x 5 = 240 flop; left 2 x 15 elements of 2 bytes, right 2 x 20 of 1 byte
    # = 60 + 40 read; 2 x 12 elements of 4 bytes written.
    assert work.matmul_work(2, 3, 4, 5, 2, 1, 4) == (240.0, 100, 96)


def test_a_small_convolution_by_hand():
    # One image, 2 channels of 4 x 4, to 3 channels of 2 x 2 by windows of 3 x 3: 2 x 4 x 3 x 2 x 9 = 432 flop;
    # image 2 x 16 x 4 bytes, weights 3 x 2 x 9 x 4 bytes; out 3 x 4 x 4 bytes.
    assert work.conv_work(1, 2, 3, 16, 4, 9, 1, 4, 4, 4) == (432.0, 128 + 216, 48)


def test_a_depthwise_convolution_has_one_input_channel_per_output():
    # 2 channels in 2 groups: 2 x 4 x 2 x 1 x 9 = 144 flop, weights 2 x 1 x 9.
    assert work.conv_work(1, 2, 2, 16, 4, 9, 2, 1, 1, 1) == (144.0, 32 + 18, 8)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "out"),
    [(224, 7, 2, 6, 112), (112, 3, 2, 2, 56), (56, 1, 1, 0, 56), (5, 2, 2, 0, 2), (1, 3, 1, 2, 1)],
)
def test_side_of_a_convolution_by_hand(size, kernel, stride, padding, out):
    assert work.conv_output(size, kernel, stride, padding) == out


def test_a_dilated_kernel_spans_more():
    # A kernel of 3 with every second pixel spans 5: 9 - 5 + 1.
    assert work.conv_output(9, 3, 1, 0, dilation=2) == 5


@given(*(st.integers(1, 9) for _ in range(3)), st.integers(0, 8), st.integers(1, 3))
def test_a_transposed_convolution_undoes_the_size_of_a_convolution(size, kernel, stride, padding, dilation):
    wide = work.transposed_conv_output(size, kernel, stride, padding, dilation)
    assume(wide > 0)
    assert work.conv_output(wide, kernel, stride, padding, dilation) == size


def test_attention_of_two_queries_by_hand():
    # 1 sequence, 4 heads of 8, 2 key heads, 2 queries, 3 keys, 5 pairs: 4 x 4 x 8 x 5 = 640 flop; queries 4 x 2 x 8 x 2 B =
    # 128; keys and values 2 x 2 x 3 x 8 x 1 B = 96; output 128.
    assert work.attention_work(1, 4, 2, 8, 2, 3, 5, 2, 1) == (640.0, 224.0, 128)


def test_scores_of_one_pass_by_hand():
    assert work.score_traffic_bytes(2, 4, 3, 5, 2) == 240  # 2 x 4 x 3 x 5 elements of 2 bytes


def test_a_norm_by_hand():
    # 3 rows of 4, 7 flop each; read 12 x 2 + 16 bytes of parameters; written 24.
    assert work.rowwise_work(3, 4, 7.0, 2, 16) == (84.0, 40, 24)


def test_a_sum_of_two_arrays_by_hand():
    assert work.elementwise_work(10, 2, 1, 1.0, 4) == (10.0, 80, 40)


def test_a_look_up_by_hand():
    # 3 rows of 4 elements of 2 bytes: 24 read and written, and 3 indices of 8 bytes.
    assert work.gather_work(3, 4, 2) == (0.0, 48, 24)


def test_a_product_of_experts_by_hand():
    # 1 token, 2 of 4 experts: exactly 2 are touched. 2 x 2 x 3 x 5 = 60 flop; rows 2 x 5 x 2 B + weights 2 x 15 x 1 B.
    assert work.grouped_matmul_work(4, 2, 1, 3, 5, 2, 1, 2) == (60.0, 20 + 30, 12)


def test_a_gated_mlp_of_experts_by_hand():
    # 1 token, 2 of 4 experts, hidden 5, inner 3: 6 x 2 x 3 x 5 = 180 flop; in 5 x 2 B, weights 2 x 3 x 15 x 1 B; out 10.
    assert work.moe_mlp_work(4, 2, 1, 3, 5, 2, 1) == (180.0, 10 + 90, 10)


# --- Oracle: brute force and simulation


@pytest.mark.parametrize(("queries", "keys"), [(q, k) for q, k in product(range(1, 9), range(1, 13)) if q <= k])
def test_causal_pairs_agree_with_counting(queries, keys):
    # The queries are the last positions; each sees itself and all before it.
    counted = sum(1 for q in range(keys - queries, keys) for k in range(keys) if k <= q)
    assert work.causal_pairs(queries, keys) == counted


@pytest.mark.parametrize("window", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 9), (4, 4), (5, 12), (12, 12)])
def test_pairs_outside_a_window_agree_with_counting(queries, keys, window):
    counted = sum(1 for q in range(keys - queries, keys) for k in range(keys) if k <= q - window)
    assert work.pairs_outside_window(queries, keys, window) == counted


@pytest.mark.parametrize(("groups", "chosen", "tokens"), [(8, 2, 1), (8, 2, 4), (8, 2, 10), (64, 6, 10), (4, 4, 3)])
def test_touched_groups_agree_with_a_simulation(groups, chosen, tokens):
    random = np.random.default_rng(7)
    draws = [len({int(g) for _ in range(tokens) for g in random.permutation(groups)[:chosen]}) for _ in range(3000)]
    error = 4 * np.std(draws) / np.sqrt(len(draws))
    assert work.touched_groups(groups, chosen, tokens) == pytest.approx(np.mean(draws), abs=max(error, 1e-9))


# --- Law


@given(st.integers(1, 256), st.data())
def test_touched_groups_lie_between_one_token_and_all(groups, data):
    chosen = data.draw(st.integers(1, groups))
    tokens = data.draw(st.integers(1, 5000))
    touched = work.touched_groups(groups, chosen, tokens)
    assert chosen * (1 - 1e-12) <= touched <= min(groups, chosen * tokens) * (1 + 1e-12)


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 400))
def test_a_window_never_drops_the_query_itself(queries, before, window):
    keys = queries + before
    assert queries <= work.causal_pairs(queries, keys) - work.pairs_outside_window(queries, keys, window)


@given(st.lists(st.integers(1, 4096), min_size=4, max_size=4))
def test_arithmetic_of_a_product_is_symmetric_in_its_sides(sizes):
    b, m, n, k = sizes
    assert work.matmul_work(b, m, n, k, 2, 2, 2)[0] == work.matmul_work(b, n, m, k, 2, 2, 2)[0]


@given(st.integers(2, 9), st.integers(1, 512), st.integers(1, 512), st.integers(1, 512))
def test_work_of_a_product_grows_in_step_with_the_batch(times, m, n, k):
    once, many = work.matmul_work(1, m, n, k, 2, 2, 2), work.matmul_work(times, m, n, k, 2, 2, 2)
    assert many == tuple(times * amount for amount in once)


def test_arrays_give_what_their_elements_give():
    m = np.array([1.0, 3.0, 1024.0])
    together = work.matmul_work(2, m, 4, 5, 2, 1, 4)
    for index, one in enumerate(m):
        assert tuple(column[index] for column in together) == work.matmul_work(2, one, 4, 5, 2, 1, 4)


# --- Dimension: pint through every function

_UNIT = pint.UnitRegistry()
_UNIT.define("flop = [arithmetic]")
_UNIT.define("octet = [storage]")  # pint's own byte is a bare number, which would let everything pass
_BYTE, _FLOP = _UNIT.octet, _UNIT.flop
_COUNT = _UNIT.dimensionless

# Function -> arguments that carry a unit (the others are counts), and the dimensions of what it returns. Where flop per
# element is an argument it carries the unit; where it is a constant of the formula (a multiply-add is 2) flop is a count.
_DIMENSIONS = {
    "matmul_work": ({"a_bytes": _BYTE, "b_bytes": _BYTE, "out_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
    "touched_groups": ({}, (_COUNT,)),
    "grouped_matmul_work": ({"in_bytes": _BYTE, "weight_bytes": _BYTE, "out_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
    "moe_mlp_work": ({"act_bytes": _BYTE, "weight_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
    "conv_output": ({}, (_COUNT,)),
    "transposed_conv_output": ({}, (_COUNT,)),
    "conv_work": ({"act_bytes": _BYTE, "weight_bytes": _BYTE, "out_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
    "causal_pairs": ({}, (_COUNT,)),
    "pairs_outside_window": ({}, (_COUNT,)),
    "attention_work": ({"act_bytes": _BYTE, "kv_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
    "score_traffic_bytes": ({"act_bytes": _BYTE}, (_BYTE,)),
    "rowwise_work": (
        {"flop_per_element": _FLOP, "act_bytes": _BYTE, "parameter_bytes": _BYTE},
        (_FLOP, _BYTE, _BYTE),
    ),
    "elementwise_work": ({"flop_per_element": _FLOP, "act_bytes": _BYTE}, (_FLOP, _BYTE, _BYTE)),
    "gather_work": ({"act_bytes": _BYTE}, (_COUNT, _BYTE, _BYTE)),
}


def _functions(module):
    return {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}


def test_every_formula_has_its_dimensions_tested():
    assert set(_functions(work)) == set(_DIMENSIONS)


@pytest.mark.parametrize("name", _DIMENSIONS)
def test_formula_returns_counts_and_bytes_of_the_right_dimension(name, monkeypatch):
    monkeypatch.setattr(work, "INDEX_BYTES", 8 * _BYTE)
    units, expected = _DIMENSIONS[name]
    function = _functions(work)[name]
    arguments = {p: 2 * units.get(p, _COUNT) for p in inspect.signature(function).parameters}
    found = function(**arguments)
    found = found if isinstance(found, tuple) else (found,)
    for amount, unit in zip(found, expected, strict=True):
        assert (amount * _COUNT).dimensionality == (1 * unit).dimensionality, f"{name} gives {amount}, not {unit}"
