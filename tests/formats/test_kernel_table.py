"""Rules of measured operators: each against the operator of core/op.py that defines its work."""

from pathlib import Path

import polars as pl
import pytest

from gnomon.core.dtype import DTYPES
from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.op import (
    FAMILIES,
    Attention,
    Conv,
    Elementwise,
    Gather,
    GroupedMatMul,
    MatMul,
    Norm,
    Softmax,
)
from gnomon.core.work import moe_mlp_work
from gnomon.formats.kernel_table import RULES, kernel_table

HEADER = [
    "device",
    "op",
    "dtype",
    "b",
    "m",
    "n",
    "k",
    "h",
    "heads",
    "kv_heads",
    "head_dim",
    "seq_q",
    "seq_kv",
    "experts",
    "topk",
    "tp",
    "ep",
    "extra",
    "measured_us",
    "source",
    "quality",
]


def _read(*rows):
    defaults = dict.fromkeys(HEADER) | {"device": "h100_sxm", "dtype": "fp16", "measured_us": "12.5"}
    frame = pl.DataFrame([defaults | row for row in rows], schema=dict.fromkeys(HEADER, pl.String))
    return kernel_table(Path("k.csv"), frame)


def _work(table, row=0):
    return table.ops.flop[row], table.ops.read_bytes[row], table.ops.write_bytes[row]


PROJECTION = {"m": "3", "n": "64", "k": "32"}
RANK = {"m": "6", "h": "64", "tp": "2", "extra": "Llama-2-70b-hf"}  # 8 of 64 heads are keys', inner width 28672

# op of the table, its cells, and the operator with the same shape in fp16.
TWINS = [
    ("gemm", PROJECTION, MatMul(m=3, n=64, k=32, dtype="fp16")),
    ("linear", PROJECTION | {"b": "5"}, MatMul(m=15, n=64, k=32, dtype="fp16")),
    ("linear", PROJECTION, MatMul(m=3, n=64, k=32, dtype="fp16")),
    ("bmm", PROJECTION | {"b": "5"}, MatMul(batch=5, m=3, n=64, k=32, dtype="fp16", is_weight=False)),
    *((op, PROJECTION, MatMul(m=3, n=64, k=32, dtype="fp16")) for op in RULES if op.endswith("_proj")),
    (
        "conv",
        {"b": "2", "extra": "cin=8;cout=16;in=9;ks=3;stride=2;pad=1"},
        Conv(batch=2, c_in=8, c_out=16, in_size=(9, 9), kernel=(3, 3), stride=(2, 2), padding=(2, 2), dtype="fp16"),
    ),
    (
        "attn_context",
        {"b": "2", "heads": "8", "kv_heads": "2", "head_dim": "64", "seq_q": "7", "seq_kv": "12"},
        Attention(batch=2, heads=8, kv_heads=2, head_dim=64, q_len=7, kv_len=12, is_causal=True, dtype="fp16"),
    ),
    (
        "attn_decode",
        {"b": "2", "heads": "8", "kv_heads": "2", "head_dim": "64", "seq_q": "1", "seq_kv": "12", "extra": "kv=fp8"},
        Attention(
            batch=2, heads=8, kv_heads=2, head_dim=64, q_len=1, kv_len=12, is_causal=True, dtype="fp16", kv_dtype="fp8"
        ),
    ),
    ("softmax", {"b": "6", "h": "64"}, Softmax(rows=6, columns=64, dtype="fp16")),
    ("ln", {"b": "6", "h": "64"}, Norm(rows=6, columns=64, dtype="fp16", has_weight=False, has_bias=False)),
    *(
        (
            op,
            {"m": "6", "h": "64"},
            Norm(rows=6, columns=64, kind="rms", dtype="fp16", has_weight=False, has_bias=False),
        )
        for op in RULES
        if op.endswith("layernorm")
    ),
    *(
        (op, {"b": "6", "h": "64"}, Elementwise(elements=384, function=function, inputs=inputs, dtype="fp16"))
        for op, function, inputs in (
            ("add", "add", 2),
            ("addu", "add", 1),
            ("mul", "mul", 2),
            ("mulu", "mul", 1),
            ("div", "mul", 2),
            ("divu", "mul", 1),
            ("pow", "mul", 2),
            ("powu", "mul", 1),
            ("relu", "relu", 1),
            ("gelu", "gelu", 1),
            ("tanh", "tanh", 1),
        )
    ),
    ("vidur_add", RANK, Elementwise(elements=384, function="add", inputs=2, dtype="fp16")),
    ("vidur_attn_rope", RANK, Elementwise(elements=6 * (32 + 4), function="rotary", dtype="fp16")),
    ("vidur_mlp_act", RANK, Elementwise(elements=6 * 14336, function="silu_mul", inputs=2, dtype="fp16")),
    ("vidur_emb", RANK, Gather(rows=6, columns=64, table_rows=1, dtype="fp16")),
]


@pytest.mark.parametrize(("op", "cells", "twin"), TWINS, ids=[op for op, _, _ in TWINS])
def test_rule_gives_the_work_of_its_operator(op, cells, twin):
    table = _read(cells | {"op": op})
    assert _work(table) == pytest.approx(twin.work())
    assert FAMILIES[table.ops.family[0]] == table.rows["family"][0] == twin.family
    assert bool(table.ops.is_matrix[0]) == (twin.unit == "matrix")


def test_every_rule_has_its_operator_here():
    assert {op for op, _, _ in TWINS} | {"moe"} == set(RULES)


def test_every_function_of_a_rule_is_one_of_the_operators():
    assert {"add", "mul", "relu", "gelu", "tanh", "rotary", "silu_mul"} <= set(FUNCTIONS)


def test_fused_experts_compute_what_the_two_products_of_a_mixture_compute():
    cells = {"op": "moe", "m": "4", "n": "96", "k": "64", "experts": "8", "topk": "2", "tp": "2", "ep": "1"}
    flop, read, write = _work(_read(cells))
    up = GroupedMatMul(tokens=4, groups=8, chosen=2, n=2 * 48, k=64, dtype="fp16")
    down = GroupedMatMul(tokens=4, groups=8, chosen=2, n=64, k=48, dtype="fp16")
    assert flop == up.work()[0] + down.work()[0]
    # The weights of both are read; activations only come and go once, whatever the number of chosen experts.
    weights = up.work()[1] + down.work()[1] - 4 * 2 * (64 + 48) * 2
    assert read == pytest.approx(weights + 4 * 64 * 2)
    assert write == 4 * 64 * 2


def test_expert_parallel_ranks_share_experts_and_tokens():
    cells = {"op": "moe", "m": "4", "n": "96", "k": "64", "experts": "8", "topk": "2", "tp": "1", "ep": "4"}
    assert _work(_read(cells)) == moe_mlp_work(2.0, 0.5, 4.0, 96.0, 64.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("dtype", "twin"),
    [
        ("fp32", MatMul(m=3, n=64, k=32)),
        ("tf32", MatMul(m=3, n=64, k=32, dtype="tf32")),
        ("bfloat16", MatMul(m=3, n=64, k=32, dtype="bf16")),
        ("fp8", MatMul(m=3, n=64, k=32, dtype="fp8", out_dtype="fp16")),
        ("nvfp4", MatMul(m=3, n=64, k=32, dtype="fp4", out_dtype="fp16")),
        ("int4_wo", MatMul(m=3, n=64, k=32, dtype="bf16", weight_dtype="int4")),
        ("w4afp8", MatMul(m=3, n=64, k=32, dtype="fp8", weight_dtype="int4", out_dtype="fp16")),
    ],
)
def test_a_product_below_16_bits_writes_16_bits(dtype, twin):
    table = _read(PROJECTION | {"op": "gemm", "dtype": dtype})
    assert _work(table) == pytest.approx(twin.work())
    assert table.ops.dtype[0] == DTYPES[twin.dtype].index


def test_attention_over_an_8_bit_cache_keeps_queries_in_16_bits():
    cells = {"b": "1", "heads": "4", "kv_heads": "4", "head_dim": "8", "seq_q": "1", "seq_kv": "9", "extra": "kv=fp8"}
    twin = Attention(
        batch=1, heads=4, kv_heads=4, head_dim=8, q_len=1, kv_len=9, is_causal=True, dtype="bf16", kv_dtype="fp8"
    )
    assert _work(_read(cells | {"op": "attn_decode", "dtype": "fp8"})) == pytest.approx(twin.work())


def test_rows_without_a_rule_are_counted_by_reason():
    good = PROJECTION | {"op": "gemm"}
    table = _read(
        good,
        good | {"op": "sorting"},
        good | {"op": "sorting"},
        good | {"device": "abacus"},
        good | {"dtype": "fp17"},
        good | {"measured_us": None},
        good | {"n": None},
        {"op": "vidur_mlp_act", "m": "6", "tp": "1", "extra": "GPT-9"},
    )
    assert table.total == 8
    assert len(table.rows) == len(table.ops) == 1
    assert sum(refused.rows for refused in table.refused) == 7
    assert {(refused.reason, refused.rows) for refused in table.refused} == {
        ("operator 'sorting': no rule", 2),
        ("device 'abacus': not in the catalogue", 1),
        ("precision 'fp17': no format known here", 1),
        ("no time given", 1),
        ("operator 'gemm': a number of its shape is missing", 1),
        ("operator 'vidur_mlp_act': a number of its shape is missing", 1),
    }


def test_rows_keep_their_line_and_measured_time_in_seconds():
    table = _read({"op": "sorting"}, PROJECTION | {"op": "gemm", "source": "mine"})
    assert table.rows.to_dicts() == [
        {
            "device": "h100-sxm",
            "op": "gemm",
            "family": "matmul",
            "dtype": "fp16",
            "source": "mine",
            "quality": "",
            "measured_s": pytest.approx(12.5e-6),
            "line": 3,
        }
    ]
