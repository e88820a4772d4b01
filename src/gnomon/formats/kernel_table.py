"""Measured operators: a table's rows become columns of work, vectorised, or are refused with a reason.

Columns (a CSV or Parquet file): device, op, dtype, measured_us are required; b, m, n, k, h, heads, kv_heads, head_dim,
seq_q, seq_kv, experts, topk, tp, ep, extra give the shape that the operator needs; `k` is always the contraction.
framework, kernel, source, quality are carried along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnomon.core import work
from gnomon.core.dtype import DTYPES
from gnomon.core.elementwise import FUNCTIONS
from gnomon.core.op import FAMILIES, NORM_FLOP, SOFTMAX_FLOP
from gnomon.core.plan import LARGEST
from gnomon.core.workload import OpTable
from gnomon.formats.aliases import Format, alias_table, canonical_device
from gnomon.formats.named import is_path
from gnomon.formats.refused import Refused
from gnomon.formats.table import FIRST_ROW_LINE, check_columns, numeric, positive

REQUIRED = ("device", "op", "dtype", "measured_us")
_SHAPE = ("b", "m", "n", "k", "h", "heads", "kv_heads", "head_dim", "seq_q", "seq_kv", "experts", "topk", "tp", "ep")
_TEXT = ("extra", "framework", "kernel", "source", "quality", "line")
Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTable:
    """The rows that have a rule: who measured what (`rows`) and the operators as columns (`ops`), line by line."""

    total: int
    rows: pl.DataFrame  # device, op, family, dtype, source, quality, measured_s, line
    ops: OpTable
    refused: tuple[Refused, ...]
    unread_columns: Mapping[str, str]  # each with the column that may be meant


class _Shapes:
    """Shape columns of the rows of one operator, as float arrays; a missing cell is nan."""

    def __init__(self, frame: pl.DataFrame, act_bytes: Column, weight_bytes: Column) -> None:
        self.frame = frame
        self.act_bytes = act_bytes  # of one element of activations
        self.weight_bytes = weight_bytes  # of one element of a weight

    def __getitem__(self, name: str) -> Column:
        return self.frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def extra(self, key: str) -> Column:
        """A number written as key=number among the `;`-separated words of `extra`."""
        return self.frame["extra"].str.extract(rf"(?:^|;){key}=(\d+)", 1).cast(pl.Float64).fill_null(np.nan).to_numpy()

    def kv_bytes(self) -> Column:
        """Bytes of a cached key element: `kv=FORMAT` in `extra`, else as the activations."""
        stored = self.frame["extra"].str.extract(r"kv=(\w+)", 1).to_list()
        known = {name: DTYPES[f.dtype].bytes for name, f in alias_table().dtypes.items()} | {
            n: d.bytes for n, d in DTYPES.items()
        }
        return np.array([known.get(s or "", act) for s, act in zip(stored, self.act_bytes, strict=True)])


def _gemm(s: _Shapes) -> work.Work:
    return work.matmul_work(1.0, s["m"], s["n"], s["k"], s.act_bytes, s.weight_bytes, _at_least_half(s))


def _batched(s: _Shapes) -> work.Work:
    return work.matmul_work(s["b"], s["m"], s["n"], s["k"], s.act_bytes, s.act_bytes, _at_least_half(s))


def _linear(s: _Shapes) -> work.Work:
    """A linear layer on b x m rows with one weight."""
    rows = np.nan_to_num(s["b"], nan=1.0) * s["m"]
    return work.matmul_work(1.0, rows, s["n"], s["k"], s.act_bytes, s.weight_bytes, _at_least_half(s))


def _at_least_half(s: _Shapes) -> Column:
    """Products of formats below 16 bits are written in 16 bits."""
    return np.maximum(s.act_bytes, 2.0)


def _conv(s: _Shapes) -> work.Work:
    side, kernel = s.extra("in"), s.extra("ks")
    out = work.conv_output(side, kernel, s.extra("stride"), 2 * s.extra("pad"))
    return work.conv_work(
        s["b"],
        s.extra("cin"),
        s.extra("cout"),
        side**2,
        out**2,
        kernel**2,
        1.0,
        s.act_bytes,
        s.weight_bytes,
        s.act_bytes,
    )


def _attention(s: _Shapes) -> work.Work:
    """Causal attention of the last seq_q of seq_kv positions; one query is a decode step."""
    queries, keys = s["seq_q"], s["seq_kv"]
    pairs = work.causal_pairs(queries, keys)
    act = _at_least_half(s)  # queries and outputs stay in 16 bits beside an 8-bit cache
    return work.attention_work(
        s["b"], s["heads"], s["kv_heads"], s["head_dim"], queries, keys, pairs, act, s.kv_bytes()
    )


def _moe(s: _Shapes) -> work.Work:
    """One rank's gated experts: `n` the inner width of an expert before splitting over tp, `k` the model's width."""
    experts, chosen = s["experts"] / s["ep"], s["topk"] / s["ep"]
    return work.moe_mlp_work(experts, chosen, s["m"], s["n"] / s["tp"], s["k"], _at_least_half(s), s.weight_bytes)


def _rowwise(flop_per_element: float, rows: str) -> Callable[[_Shapes], work.Work]:
    return lambda s: work.rowwise_work(s[rows], s["h"], flop_per_element, s.act_bytes, 0.0)


def _elementwise(function: str, inputs: int) -> Callable[[_Shapes], work.Work]:
    return lambda s: work.elementwise_work(s["b"] * s["h"], inputs, 1, FUNCTIONS[function].flop, s.act_bytes)


# Shapes of the models whose names stand in place of a shape in one source's rows: share of key heads among query heads,
# and inner width of the MLP. From their config.json.
_MODEL_SHAPES = {
    "Llama-2-7b-hf": (32 / 32, 11008),
    "Llama-2-70b-hf": (8 / 64, 28672),
    "CodeLlama-34b-Instruct-hf": (8 / 64, 22016),
    "internlm-20b": (40 / 40, 13824),
    "Qwen-72B": (64 / 64, 24576),
    "Meta-Llama-3-8B": (8 / 32, 14336),
    "Meta-Llama-3-70B": (8 / 64, 28672),
}


def _of_model(s: _Shapes, index: int) -> Column:
    return np.array([_MODEL_SHAPES.get(name or "", (np.nan, np.nan))[index] for name in s.frame["extra"].to_list()])


def _rank_rotary(s: _Shapes) -> work.Work:
    elements = s["m"] * s["h"] / s["tp"] * (1.0 + _of_model(s, 0))
    return work.elementwise_work(elements, 1, 1, FUNCTIONS["rotary"].flop, s.act_bytes)


def _rank_activation(s: _Shapes) -> work.Work:
    elements = s["m"] * _of_model(s, 1) / s["tp"]
    return work.elementwise_work(elements, 2, 1, FUNCTIONS["silu_mul"].flop, s.act_bytes)


def _rank_add(s: _Shapes) -> work.Work:
    return work.elementwise_work(s["m"] * s["h"], 2, 1, FUNCTIONS["add"].flop, s.act_bytes)


def _rank_embedding(s: _Shapes) -> work.Work:
    return work.gather_work(s["m"], s["h"], s.act_bytes)


# op of the table -> family, rule. `u` ends the name of a function of one array and a number.
RULES: dict[str, tuple[str, Callable[[_Shapes], work.Work]]] = {
    "gemm": ("matmul", _gemm),
    "linear": ("matmul", _linear),
    "bmm": ("matmul", _batched),
    "conv": ("conv", _conv),
    "attn_context": ("attention", _attention),
    "attn_decode": ("attention", _attention),
    "moe": ("moe", _moe),
    "softmax": ("softmax", _rowwise(SOFTMAX_FLOP, "b")),
    "ln": ("norm", _rowwise(NORM_FLOP["layer"], "b")),
    "add": ("elementwise", _elementwise("add", 2)),
    "addu": ("elementwise", _elementwise("add", 1)),
    "mul": ("elementwise", _elementwise("mul", 2)),
    "mulu": ("elementwise", _elementwise("mul", 1)),
    "div": ("elementwise", _elementwise("mul", 2)),
    "divu": ("elementwise", _elementwise("mul", 1)),
    "pow": ("elementwise", _elementwise("mul", 2)),
    "powu": ("elementwise", _elementwise("mul", 1)),
    "relu": ("elementwise", _elementwise("relu", 1)),
    "gelu": ("elementwise", _elementwise("gelu", 1)),
    "tanh": ("elementwise", _elementwise("tanh", 1)),
    "vidur_emb": ("embedding", _rank_embedding),
    "vidur_input_layernorm": ("norm", _rowwise(NORM_FLOP["rms"], "m")),
    "vidur_post_attention_layernorm": ("norm", _rowwise(NORM_FLOP["rms"], "m")),
    "vidur_attn_pre_proj": ("matmul", _gemm),
    "vidur_attn_post_proj": ("matmul", _gemm),
    "vidur_mlp_up_proj": ("matmul", _gemm),
    "vidur_mlp_down_proj": ("matmul", _gemm),
    "vidur_attn_rope": ("elementwise", _rank_rotary),
    "vidur_mlp_act": ("elementwise", _rank_activation),
    "vidur_add": ("elementwise", _rank_add),
}
_MATRIX = ("matmul", "conv", "attention", "moe")


def kernel_table(path: Path, frame: pl.DataFrame) -> KernelTable:
    """The operators in a table of text cells."""
    unread = check_columns(path, frame, REQUIRED, (*REQUIRED, *_SHAPE, *_TEXT))
    absent = [name for name in (*_SHAPE, *_TEXT) if name not in frame.columns and name != "line"]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in absent)
    if "line" not in frame.columns:
        frame = frame.with_row_index("line", offset=FIRST_ROW_LINE)
    frame = numeric(path, frame, (*_SHAPE, "measured_us"))
    positive(path, frame, "measured_us")
    frame = frame.with_columns(_canonical(frame)).with_columns(_reason())
    refused = _refused(frame.filter(pl.col("reason").is_not_null()))
    rows, ops, shapeless = _work(frame.filter(pl.col("reason").is_null()))
    return KernelTable(
        total=len(frame),
        rows=rows,
        ops=ops,
        refused=(*refused, *shapeless),
        unread_columns=unread,
    )


def _refused(frame: pl.DataFrame) -> tuple[Refused, ...]:
    """Rows with a reason, counted by device, operator and reason, the largest count first."""
    device = pl.coalesce("device_name", "device").fill_null("").alias("device")
    counts = (
        frame.group_by(device, pl.col("op").fill_null(""), "reason")
        .len()
        .sort("len", "device", "op", descending=[True, False, False])
    )
    return tuple(
        Refused(device=d, subject=op, mode="", reason=reason, rows=n) for d, op, reason, n in counts.iter_rows()
    )


def _formats() -> dict[str, Format]:
    return {name: Format(dtype=name) for name in DTYPES} | alias_table().dtypes


def _canonical(frame: pl.DataFrame) -> list[pl.Series]:
    """Our names of device, arithmetic and weight format of every row; null where there is none."""
    spellings = frame["device"].unique().drop_nulls().to_list()
    devices = {name: canonical_device(name) or (name if is_path(name) else None) for name in spellings}
    formats = _formats()

    def column(source: str, name: str, table: dict[str, str | None]) -> pl.Series:
        return frame[source].replace_strict(table, default=None, return_dtype=pl.String).alias(name)

    return [
        column("device", "device_name", devices),
        column("dtype", "dtype_name", {name: f.dtype for name, f in formats.items()}),
        column("dtype", "weight_name", {name: f.weights or f.dtype for name, f in formats.items()}),
    ]


def _about(what: str, name: pl.Expr, reason: str) -> pl.Expr:
    """The text "what 'name': reason"."""
    return pl.concat_str(pl.lit(f"{what} '"), name.fill_null(""), pl.lit(f"': {reason}"))


def _is_no_size(name: str) -> pl.Expr:
    """Whether a shape cell holds a number that no size can be."""
    value = pl.col(name)
    return ((value < 1) | (value > LARGEST) | (value != value.floor())).fill_null(False)


def _reason() -> pl.Expr:
    """Why a row has no rule; null where it has one."""
    op, device, dtype = pl.col("op"), pl.col("device"), pl.col("dtype")
    return (
        pl.when(op.is_in(list(RULES)).not_() | op.is_null())
        .then(_about("operator", op, "no rule"))
        .when(pl.col("device_name").is_null())
        .then(_about("device", device, "not in the catalogue"))
        .when(pl.col("dtype_name").is_null())
        .then(_about("precision", dtype, "no format known here"))
        .when(pl.col("measured_us").is_null())
        .then(pl.lit("no time given"))
        .when(pl.any_horizontal(_is_no_size(name) for name in _SHAPE))
        .then(_about("operator", op, f"a number of its shape is no whole number from 1 to {LARGEST:.0e}"))
        .when((pl.col("topk") > pl.col("experts")).fill_null(False))
        .then(_about("operator", op, "more experts chosen than there are"))
        .when((pl.col("seq_q") > pl.col("seq_kv")).fill_null(False))
        .then(_about("operator", op, "more queries than keys"))
        .alias("reason")
    )


def _work(frame: pl.DataFrame) -> tuple[pl.DataFrame, OpTable, tuple[Refused, ...]]:
    """Rows with their work; rows whose shape has a hole are refused by operator."""
    count = len(frame)
    flop, read, write = np.zeros(count), np.zeros(count), np.zeros(count)
    sizes = {name: d.bytes for name, d in DTYPES.items()}
    act = frame["dtype_name"].replace_strict(sizes, return_dtype=pl.Float64).to_numpy()
    weight = frame["weight_name"].replace_strict(sizes, return_dtype=pl.Float64).to_numpy()
    ops = frame["op"].to_numpy()
    for op in np.unique(ops):
        chosen = np.flatnonzero(ops == op)
        shapes = _Shapes(frame[chosen], act[chosen], weight[chosen])
        flop[chosen], read[chosen], write[chosen] = RULES[op][1](shapes)
    is_whole = np.isfinite(flop + read + write) & (read + write > 0)
    reason = _about("operator", pl.col("op"), "a number of its shape is missing").alias("reason")
    shapeless = _refused(frame.filter(~pl.Series(is_whole)).with_columns(reason))
    frame = frame.filter(pl.Series(is_whole))
    families = frame["op"].replace_strict({op: rule[0] for op, rule in RULES.items()}, return_dtype=pl.String)
    index = families.replace_strict({name: i for i, name in enumerate(FAMILIES)}, return_dtype=pl.Int64).to_numpy()
    dtype_index = frame["dtype_name"].replace_strict({n: d.index for n, d in DTYPES.items()}, return_dtype=pl.Int64)
    rows = frame.select(
        pl.col("device_name").alias("device"),
        "op",
        families.alias("family"),
        pl.col("dtype_name").alias("dtype"),
        pl.col("source").fill_null(""),
        pl.col("quality").fill_null(""),
        (pl.col("measured_us") * 1e-6).alias("measured_s"),
        "line",
    )
    table = OpTable(
        flop=flop[is_whole],
        read_bytes=read[is_whole],
        write_bytes=write[is_whole],
        dtype=dtype_index.to_numpy(),
        is_matrix=families.is_in(_MATRIX).to_numpy(),
        family=index,
        launches=np.ones(len(frame)),
        repeat=np.ones(len(frame)),
    )
    return rows, table, shapeless
