"""Work of one operator: floating-point operations, bytes read, bytes written.

Each function takes numbers or arrays of one shape and returns `(flop, read_bytes, write_bytes)` of the compulsory
traffic: every input byte comes once from memory and every output byte goes there once, whatever a cache may save or a
bad tiling may add. One multiply-add is 2 flop. Sizes of elements are bytes and may be fractions (4-bit formats).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Number = float | NDArray[np.float64]  # arrays have one shape with the other arguments
Work = tuple[Number, Number, Number]

INDEX_BYTES = 8  # an index of a gather: int64, the type of torch's embedding


def matmul_work(
    batch: Number, m: Number, n: Number, k: Number, a_bytes: Number, b_bytes: Number, out_bytes: Number
) -> Work:
    """Work of `batch` products (m, k) x (k, n); `a_bytes`, `b_bytes`, `out_bytes` are bytes per element.

    flop = 2 b m n k; read = b (m k a + k n b); write = b m n o.
    """
    flop = 2.0 * batch * m * n * k
    read = batch * (m * k * a_bytes + k * n * b_bytes)
    return flop, read, batch * m * n * out_bytes


def touched_groups(groups: Number, chosen: Number, tokens: Number) -> Number:
    """Expected number of groups that get at least one of `tokens`, when each picks `chosen` of `groups` uniformly.

    E (1 - (1 - k/E)^T): the chance that a group is missed by every token, by independence of the tokens.
    """
    return groups * (1.0 - (1.0 - chosen / groups) ** tokens)


def grouped_matmul_work(
    groups: Number,
    chosen: Number,
    tokens: Number,
    n: Number,
    k: Number,
    in_bytes: Number,
    weight_bytes: Number,
    out_bytes: Number,
) -> Work:
    """Work of a mixture-of-experts product: each of `tokens` rows of length k meets `chosen` of `groups` (k, n) weights.

    flop = 2 T c n k; the weights of every group that some token picked are read once.
    """
    rows = tokens * chosen
    read = rows * k * in_bytes + touched_groups(groups, chosen, tokens) * n * k * weight_bytes
    return 2.0 * rows * n * k, read, rows * n * out_bytes


def moe_mlp_work(
    experts: Number,
    chosen: Number,
    tokens: Number,
    intermediate: Number,
    hidden: Number,
    act_bytes: Number,
    weight_bytes: Number,
) -> Work:
    """Work of a fused gated MLP over experts: three (hidden, intermediate) weights each, inner activations on chip.

    flop = 6 T c h i; read = T h + touched x 3 h i; write = T h (the experts' outputs are summed on the way out).
    """
    flop = 6.0 * tokens * chosen * hidden * intermediate
    weights = touched_groups(experts, chosen, tokens) * 3.0 * hidden * intermediate * weight_bytes
    return flop, tokens * hidden * act_bytes + weights, tokens * hidden * act_bytes


def conv_output(size: Number, kernel: Number, stride: Number, padding: Number, dilation: Number = 1) -> Number:
    """Length of a convolution's output along one side; `padding` counts both ends.

    floor((size + padding - dilation (kernel - 1) - 1) / stride) + 1.
    """
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def transposed_conv_output(
    size: Number, kernel: Number, stride: Number, padding: Number, dilation: Number = 1, out_padding: Number = 0
) -> Number:
    """Length of a transposed convolution's output along one side: the input that `conv_output` would make `size` of."""
    return (size - 1) * stride - padding + dilation * (kernel - 1) + 1 + out_padding


def conv_work(
    batch: Number,
    c_in: Number,
    c_out: Number,
    in_pixels: Number,
    out_pixels: Number,
    window: Number,
    groups: Number,
    act_bytes: Number,
    weight_bytes: Number,
    out_bytes: Number,
) -> Work:
    """Work of a direct convolution; `in_pixels`, `out_pixels`, `window` are products of the two sides.

    flop = 2 B P c_out (c_in / g) R S; Winograd and FFT do less arithmetic for the same result.
    """
    flop = 2.0 * batch * out_pixels * c_out * (c_in / groups) * window
    read = batch * c_in * in_pixels * act_bytes + c_out * (c_in / groups) * window * weight_bytes
    return flop, read, batch * c_out * out_pixels * out_bytes


def causal_pairs(q_len: Number, kv_len: Number) -> Number:
    """Query-key pairs that a causal mask leaves, when the queries are the last `q_len` of `kv_len` positions.

    q (kv - q) + q (q + 1) / 2.
    """
    return q_len * (kv_len - q_len) + q_len * (q_len + 1) / 2.0


def pairs_outside_window(q_len: int, kv_len: int, window: int) -> float:
    """Of the causal pairs, those that a sliding window of `window` keys drops.

    The query that sees j keys loses max(0, j - w), summed over j = kv - q + 1 ... kv: a difference of triangle numbers.
    """

    def triangle(count: int) -> float:
        return max(0, count) * (max(0, count) + 1) / 2.0

    return triangle(kv_len - window) - triangle(kv_len - q_len - window)


def attention_work(
    batch: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    q_len: Number,
    kv_len: Number,
    pairs: Number,
    act_bytes: Number,
    kv_bytes: Number,
    value_dim: Number | None = None,
) -> Work:
    """Work of fused attention over `pairs` query-key pairs a head. [Dao et al. 2022, FlashAttention: scores stay on chip]

    flop = 2 b h (d + v) pairs (two products); read = q, k, v; write = the output, a row of values for each query.
    `value_dim` is v, the width of a value; None: as wide as a key, d.
    """
    wide = head_dim if value_dim is None else value_dim
    query = batch * heads * q_len * head_dim * act_bytes
    cache = 1.0 * batch * kv_heads * kv_len * (head_dim + wide) * kv_bytes
    return 2.0 * batch * heads * (head_dim + wide) * pairs, query + cache, batch * heads * q_len * wide * act_bytes


def score_traffic_bytes(batch: Number, heads: Number, q_len: Number, kv_len: Number, act_bytes: Number) -> Number:
    """Bytes of one pass over the (q, kv) score matrix of every head: what unfused attention moves each time."""
    return batch * heads * q_len * kv_len * act_bytes


def rowwise_work(
    rows: Number, columns: Number, flop_per_element: Number, act_bytes: Number, parameter_bytes: Number
) -> Work:
    """Work of an operator that reads a (rows, columns) array and a few parameters once and writes the array once.

    Norms and softmax: a row fits on chip, so the two passes over it cost one read.
    """
    elements = rows * columns
    return flop_per_element * elements, elements * act_bytes + parameter_bytes, elements * act_bytes


def elementwise_work(
    elements: Number, inputs: Number, outputs: Number, flop_per_element: Number, act_bytes: Number
) -> Work:
    """Work of an operator on arrays of `elements`: `inputs` arrays read, `outputs` arrays written."""
    return flop_per_element * elements, inputs * elements * act_bytes, outputs * elements * act_bytes


def gather_work(rows: Number, columns: Number, act_bytes: Number) -> Work:
    """Work of looking up `rows` rows of a table: indices and rows read, rows written, no arithmetic."""
    moved = rows * columns * act_bytes
    return 0.0 * rows, moved + rows * INDEX_BYTES, moved
