"""Measured rows of a table of operators as the columns that the kernel engine's equations take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnomon.core.device import Device
from gnomon.core.dtype import DTYPES
from gnomon.core.workload import OpTable
from gnomon.engines.kernel.kernels import CLASSES, PASS_OF_FAMILY, Attentions, Passes, Products
from gnomon.engines.kernel.times import Gpu, lacking
from gnomon.formats.device_file import catalogue_device
from gnomon.formats.kernel_table import kernel_table
from gnomon.formats.table import FIRST_ROW_LINE, read_table

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Kinds of passes that rows of one operator stand for, where the family does not say it. [vidur: rms_norm, rotary and
# silu_and_mul kernels of vLLM]
_KIND_OF_OP = {
    "vidur_input_layernorm": "rms norm",
    "vidur_post_attention_layernorm": "rms norm",
    "vidur_attn_rope": "rotary",
    "vidur_mlp_act": "gated",
}
_SHAPE = ("b", "m", "n", "k", "heads", "kv_heads", "head_dim", "seq_q", "seq_kv")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Measured kernels `(rows,)` of GPUs whose files say what the equations need; no doubted row is among them."""

    data: str  # the table's file name and how many of its rows
    sha256: str
    devices: dict[str, Device]
    device: NDArray[np.str_]
    silicon: NDArray[np.str_]
    family: NDArray[np.str_]
    kind: NDArray[np.str_]  # of a pass; empty for products and attention
    dtype: NDArray[np.str_]
    format_class: NDArray[np.str_]
    source: NDArray[np.str_]
    library: NDArray[np.str_]  # whose kernel it is
    measured_s: Array
    size: Array  # bytes of an element
    peak: Array  # flop/s that the row meets
    m: Array  # m, n, k, b: of products
    n: Array
    k: Array
    b: Array
    heads: Array  # of all sequences together
    sharing: Array  # heads that share one of keys
    head_dim: Array
    q_len: Array
    kv_len: Array
    flop: Array
    moved_bytes: Array
    ops: OpTable  # the same rows, without shapes

    def __len__(self) -> int:
        return len(self.measured_s)

    def where(self, chosen: Mask | NDArray[np.intp]) -> Rows:
        """The chosen rows."""
        index = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        columns = {f.name: value[index] for f in fields(self) if isinstance(value := getattr(self, f.name), np.ndarray)}
        return replace(self, **columns, ops=self.ops.take(index))

    def of(self, number: Callable[[Device], float]) -> Array:
        """A number of each row's device."""
        names, index = np.unique(self.device, return_inverse=True)
        return np.array([number(self.devices[str(name)]) for name in names])[index]

    def gpu(self) -> Gpu:
        """The numbers of every row's device."""

        def value(field: str) -> Array:
            return self.of(lambda device: getattr(device, field).value)

        return Gpu(
            units=value("unit_count"),
            clock_hz=value("boost_hz"),
            l2_bytes=value("l2_bytes"),
            power_w=value("power_w"),
            memory_bytes_per_s=value("memory_bytes_per_s"),
            launch_s=value("launch_s"),
        )

    def products(self) -> Products:
        """The rows as products."""
        owner = np.arange(len(self))
        return Products(
            owner=owner, m=self.m, n=self.n, k=self.k, batch=self.b, flop=self.flop, moved_bytes=self.moved_bytes
        )

    def attentions(self) -> Attentions:
        """The rows as fused attention."""
        return Attentions(
            owner=np.arange(len(self)),
            heads=self.heads,
            sharing=self.sharing,
            q_len=self.q_len,
            kv_len=self.kv_len,
            head_dim=self.head_dim,
            flop=self.flop,
            moved_bytes=self.moved_bytes,
            is_backward=np.zeros(len(self), dtype=np.bool_),
        )

    def passes(self) -> Passes:
        """The rows as passes."""
        return Passes(owner=np.arange(len(self)), kind=self.kind, flop=self.flop, moved_bytes=self.moved_bytes)


def _library() -> pl.Expr:
    """The framework without its version, else the source without its part; block-scaled kernels are a library's others."""
    framework = pl.col("framework").fill_null("").str.extract(r"^([A-Za-z]+)", 1)
    source = pl.col("source").fill_null("").str.extract(r"^([^:]*)", 1)
    block = pl.when(pl.col("dtype") == "fp8_block").then(pl.lit("-block")).otherwise(pl.lit(""))
    return (pl.coalesce(framework, source) + block).alias("library")


def read_rows(path: Path) -> Rows:
    """The clean rows of the table at that path of matmul, attention and passes; those of mixtures and convolutions are not."""
    frame = read_table(path).drop("line", strict=False).with_row_index("line", offset=FIRST_ROW_LINE)
    table = kernel_table(path, frame)
    shapes = frame.select("line", *(pl.col(name).cast(pl.Float64, strict=False) for name in _SHAPE), "op", _library())
    rows = table.rows.select("line", "device", "family", "dtype", "source", "quality", "measured_s")
    rows = rows.join(shapes, on="line", how="left", maintain_order="left")
    devices = {name: catalogue_device(name) for name in rows["device"].unique().to_list()}
    usable = [name for name, device in devices.items() if device.kind == "gpu" and not lacking(device)]
    families = ["matmul", "attention", *(set(PASS_OF_FAMILY) - {"pool", "optimizer"})]
    keep = (
        (rows["quality"] == "")
        & rows["device"].is_in(usable)
        & rows["family"].is_in(families)
        & rows["dtype"].is_in(list(CLASSES))
    ).to_numpy()
    ops = table.ops.take(np.flatnonzero(keep))
    rows = rows.filter(pl.Series(keep))

    def text(name: str) -> NDArray[Any]:
        return rows[name].to_numpy().astype(np.str_)

    def number(name: str) -> Array:
        return rows[name].fill_null(1.0).to_numpy().astype(np.float64)

    op, b, m = text("op"), number("b"), number("m")
    peaks = {
        (name, dtype, is_matrix): peak.value if (peak := devices[name].peak(dtype, is_matrix)) else np.nan
        for name in usable
        for dtype in CLASSES
        for is_matrix in (False, True)
    }
    kind = np.array([PASS_OF_FAMILY.get(family, "") for family in rows["family"].to_list()])
    for name, other in _KIND_OF_OP.items():
        kind = np.where(op == name, other, kind)
    meets = zip(rows["device"].to_list(), rows["dtype"].to_list(), ops.is_matrix.tolist(), strict=True)
    found = Rows(
        data="",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        devices=devices,
        device=text("device"),
        silicon=np.array([devices[name].silicon for name in rows["device"].to_list()]),
        family=text("family"),
        kind=kind,
        dtype=text("dtype"),
        format_class=np.array([CLASSES[name] for name in rows["dtype"].to_list()]),
        source=text("source"),
        library=text("library"),
        measured_s=rows["measured_s"].to_numpy(),
        size=np.array([DTYPES[name].bytes for name in rows["dtype"].to_list()]),
        peak=np.array([peaks[key] for key in meets]),
        m=np.where(op == "linear", m * b, m),
        n=number("n"),
        k=number("k"),
        b=np.where(op == "bmm", b, 1.0),
        heads=b * number("heads"),
        sharing=np.maximum(1.0, number("heads") / number("kv_heads")),
        head_dim=number("head_dim"),
        q_len=number("seq_q"),
        kv_len=number("seq_kv"),
        flop=ops.flop,
        moved_bytes=ops.moved_bytes,
        ops=ops,
    )
    found = found.where(np.isfinite(found.peak))
    return replace(found, data=f"{path.name}, {len(found)} rows")
