"""What an operator starts on a GPU: products, fused attentions and passes over arrays, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.core.dtype import DTYPES
from gnomon.core.op import Attention, Conv, Elementwise, GroupedMatMul, MatMul, Norm, Op
from gnomon.core.work import score_traffic_bytes, touched_groups
from gnomon.core.workload import OpTable

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Formats that share coefficients: those of one width run on the same unit at the same rate. TF32 multiplies on the
# 16-bit unit. A format without a class has no measured rows.
CLASSES = {
    "fp16": "half",
    "bf16": "half",
    "tf32": "half",
    "fp32": "single",
    "fp8": "eight",
    "int8": "eight",
    "fp4": "four",
    "mxfp4": "four",
}


FEWEST_QUERIES = 16  # of a sequence, that attention is computed as blocks of queries from; below, keys are shared out


def attention_name(format_class: str, is_decode: bool) -> str:
    """The name of the coefficients of fused attention: no rows of FP32 exist, which takes those of 16 bits."""
    return f"{'half' if format_class == 'single' else format_class} {'decode' if is_decode else 'prefill'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """Matrix products `(products,)`; an operator may start several."""

    owner: Indices  # row of the operator
    m: Array
    n: Array
    k: Array
    batch: Array
    flop: Array
    moved_bytes: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Attentions:
    """Fused attentions `(attentions,)`."""

    owner: Indices
    heads: Array  # of all sequences together
    sharing: Array  # heads that share one of keys
    q_len: Array
    kv_len: Array
    head_dim: Array
    flop: Array
    moved_bytes: Array
    is_backward: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Passes over arrays in memory `(passes,)`."""

    owner: Indices
    kind: NDArray[np.str_]  # a key of the fitted passes
    flop: Array
    moved_bytes: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """All kernels of a table, by what decides their time."""

    products: Products
    attentions: Attentions
    passes: Passes


# Families that move more than they compute, by the kind of pass that their operators are where nothing more is known.
# No measured row of a pooling or of an optimizer's step stands behind "elementwise".
PASS_OF_FAMILY = {
    "norm": "layer norm",
    "softmax": "softmax",
    "elementwise": "elementwise",
    "embedding": "embedding",
    "pool": "elementwise",
    "optimizer": "elementwise",
}


def kernels_of(table: OpTable) -> Kernels:
    """The kernels of a table whose operators are known."""
    assert table.ops is not None
    products: list[tuple[float, ...]] = []
    attentions: list[tuple[float, ...]] = []
    passes: list[tuple[int, str, float, float]] = []
    works = zip(table.flop.tolist(), table.moved_bytes.tolist(), strict=True)
    for row, (op, (flop, moved)) in enumerate(zip(table.ops.tolist(), works, strict=True)):
        match op:
            case MatMul():
                products.append((row, op.m, op.n, op.k, op.batch, flop, moved))
            case GroupedMatMul():
                products.append((row, *_grouped(op), flop, moved))
            case Conv():
                products.append((row, *_implicit(op, flop), flop, moved))
            case Attention() if op.is_fused:
                attentions.append(
                    (
                        row,
                        op.batch * op.heads,
                        op.heads / op.kv_heads,
                        op.q_len,
                        op.seen_kv_len,
                        (op.head_dim + op.value_width) / 2,
                        flop,
                        moved,
                        op.is_backward,
                    )
                )
            case Attention():
                unfused = _unfused(op)
                products += [(row, *one) for one in unfused]
                left_flop = (flop - sum(one[4] for one in unfused)) / 2
                scores = float(score_traffic_bytes(op.batch, op.heads, op.q_len, op.kv_len, DTYPES[op.dtype].bytes))
                times = _score_passes(op)
                passes.append((row, "elementwise", left_flop, times[0] * scores))
                passes.append((row, "softmax", left_flop, times[1] * scores))
            case _:
                passes.append((row, pass_kind(op), flop, moved))
    return Kernels(products=_products(products), attentions=_attentions(attentions), passes=_passes(passes))


def pass_kind(op: Op) -> str:
    """Which measured kind of pass an operator is."""
    match op:
        case Norm(kind="rms"):
            return "rms norm"
        case Elementwise(function="rotary"):
            return "rotary"
        case Elementwise(function="silu_mul" | "gelu_mul"):
            return "gated"
    return PASS_OF_FAMILY[op.family]


def _grouped(op: GroupedMatMul) -> tuple[float, float, float, float]:
    """m, n, k, batch of equal groups: one product for each expert that some token met."""
    groups = float(touched_groups(op.groups, op.chosen, op.tokens))
    return op.tokens * op.chosen / groups, op.n, op.k, groups


def _implicit(op: Conv, flop: float) -> tuple[float, float, float, float]:
    """m, n, k, batch of the product that a convolution is computed as: pixels x channels over channels x window."""
    n, k = op.c_out / op.groups, _window(op)
    if op.direction == "input gradient":
        n, k = op.c_in / op.groups, k * op.c_out / op.c_in
    if op.direction == "weight gradient":
        n, m = op.c_out / op.groups, k
        return m, n, max(1.0, flop / (2.0 * m * n * op.groups)), op.groups
    return max(1.0, flop / (2.0 * n * k * op.groups)), n, k, op.groups


def _window(op: Conv) -> float:
    """Numbers that one output of a convolution is a sum of."""
    return op.c_in / op.groups * float(np.prod(op.kernel))


def _unfused(op: Attention) -> list[tuple[float, float, float, float, float, float]]:
    """m, n, k, batch, flop, bytes of the products of eager attention: two forward, four backward.

    Scores are a product of queries and keys; the result is one of scores and values. Each gradient is a product of the
    same three sizes in another order.
    """
    size = DTYPES[op.dtype].bytes
    batch, q, kv = float(op.batch * op.heads), float(op.q_len), float(op.kv_len)
    key, value = float(op.head_dim), float(op.value_width)
    forward = [(q, kv, key), (q, value, kv)]
    backward = [(q, key, kv), (kv, key, q), (q, kv, value), (kv, value, q)]
    found = []
    for m, n, k in backward if op.is_backward else forward:
        moved = batch * (m * n + m * k + n * k) * size
        found.append((m, n, k, batch, 2.0 * batch * m * n * k, moved))
    return found


def _score_passes(op: Attention) -> tuple[float, float]:
    """How often the scores of eager attention are read or written for scale and mask, and for the softmax.

    Forward each reads and writes them. Backward the softmax reads its result and that one's gradient and writes another,
    which the gradient of scale and mask reads and writes. A cap's quotient, tanh and product each read and write once more,
    and as gradients read twice where the tanh needs its result.
    """
    scale, softmax = (2.0, 3.0) if op.is_backward else (2.0, 2.0)
    cap = (7.0 if op.is_backward else 6.0) if op.has_softcap else 0.0
    return scale + cap, softmax


def _columns(rows: list[tuple[float, ...]], width: int) -> Array:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width).T


def _products(rows: list[tuple[float, ...]]) -> Products:
    owner, m, n, k, batch, flop, moved = _columns(rows, 7)
    return Products(owner=owner.astype(np.int64), m=m, n=n, k=k, batch=batch, flop=flop, moved_bytes=moved)


def _attentions(rows: list[tuple[float, ...]]) -> Attentions:
    owner, heads, sharing, q_len, kv_len, head_dim, flop, moved, is_backward = _columns(rows, 9)
    return Attentions(
        owner=owner.astype(np.int64),
        heads=heads,
        sharing=sharing,
        q_len=q_len,
        kv_len=kv_len,
        head_dim=head_dim,
        flop=flop,
        moved_bytes=moved,
        is_backward=is_backward.astype(np.bool_),
    )


def _passes(rows: list[tuple[int, str, float, float]]) -> Passes:
    return Passes(
        owner=np.array([row[0] for row in rows], dtype=np.int64),
        kind=np.array([row[1] for row in rows], dtype=np.str_),
        flop=np.array([max(0.0, row[2]) for row in rows], dtype=np.float64),
        moved_bytes=np.array([max(0.0, row[3]) for row in rows], dtype=np.float64),
    )
