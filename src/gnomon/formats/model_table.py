"""Measured whole models: a table's rows become Measurements, or are refused with a reason.

Columns (a CSV or Parquet file): device, model, mode, measured_ms are required. Optional: ndev (1), batch, seq (tokens of
the input; decode: of the context), precision (or dtype), weights, kv (storage of the cache), head, classes, attention (fused or eager), option (a variant that
no other column describes), statistic, software, power_w, clock_mhz, quality, conditions, source, and those that are read
past: metric, value, unit, fw_ms, bw_ms, published, line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from gnomon.core.dtype import DTYPES
from gnomon.core.errors import near_match
from gnomon.core.measurement import Measurement
from gnomon.core.plan import LARGEST
from gnomon.core.workload import PASSES
from gnomon.formats.aliases import Format, SourceReading, alias_table, canonical_device, canonical_model
from gnomon.formats.device_file import catalogue_names
from gnomon.formats.named import is_path
from gnomon.formats.refused import Refused
from gnomon.formats.table import FIRST_ROW_LINE, check_columns, numeric, positive
from gnomon.zoo.models import models

REQUIRED = ("device", "model", "mode", "measured_ms")
_NUMBERS = ("ndev", "batch", "seq", "measured_ms", "power_w", "clock_mhz", "classes")
_TEXT = (
    "precision",
    "weights",
    "kv",
    "head",
    "attention",
    "option",
    "statistic",
    "software",
    "quality",
    "conditions",
    "source",
)
_PAST = ("metric", "value", "unit", "fw_ms", "bw_ms", "published", "line")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """What a table holds."""

    rows: int
    measurements: tuple[Measurement, ...]
    refused: tuple[Refused, ...]
    unread_columns: Mapping[str, str]  # each with the column that may be meant


def model_table(path: Path, frame: pl.DataFrame) -> ModelTable:
    """The measurements in a table of text cells."""
    if "precision" not in frame.columns and "dtype" in frame.columns:
        frame = frame.rename({"dtype": "precision"})
    unread = check_columns(path, frame, REQUIRED, (*REQUIRED, *_NUMBERS, *_TEXT, *_PAST))
    if "line" not in frame.columns:
        frame = frame.with_row_index("line", offset=FIRST_ROW_LINE)
    frame = numeric(path, frame, _NUMBERS)
    positive(path, frame, "measured_ms")
    found: list[Measurement] = []
    refused: Counter[tuple[str, str, str, str]] = Counter()
    for row in frame.iter_rows(named=True):
        read = _measurement(row)
        if isinstance(read, Measurement):
            found.append(read)
        else:
            device, model = row["device"] or "", row["model"] or ""
            refused[canonical_device(device) or device, canonical_model(model) or model, _mode(row), read] += 1
    return ModelTable(
        rows=len(frame),
        measurements=tuple(found),
        refused=tuple(
            Refused(device=device, subject=model, mode=mode, reason=reason, rows=count)
            for (device, model, mode, reason), count in refused.most_common()
        ),
        unread_columns=unread,
    )


_PLAIN = SourceReading(why="the row's own columns")


def _measurement(row: Mapping[str, Any]) -> Measurement | str:
    """The row as a Measurement, or the reason why it cannot be one."""
    reading = _reading(row)
    if row.get("option"):
        return f"option {_short(row['option'])}: a variant that no column describes"
    if row["measured_ms"] is None:
        return "no time: the row gives a throughput or a result of another kind"
    model, device = _known(canonical_model, row["model"] or ""), _known(canonical_device, row["device"] or "")
    if model is None:
        return f"model {row['model']!r} is not in the zoo{_near(row['model'] or '', tuple(models()))}"
    if device is None:
        return f"device {row['device']!r} is not in the catalogue{_near(row['device'] or '', catalogue_names())}"
    mode = _mode(row)
    if mode not in PASSES:
        return f"mode {row['mode']!r} is not one of {', '.join(PASSES)}"
    for name in ("batch", "precision"):
        if row.get(name) is None:
            return f"no {name} given"
    for name in ("ndev", "batch", "seq", "classes"):
        value = row.get(name)
        if value is not None and not (1 <= value <= LARGEST and value == int(value)):
            return f"{name} {value:g} is not a whole number from 1 to {LARGEST:.0e}"
    written = _format(row["precision"])
    if written.dtype not in DTYPES:
        return f"precision {row['precision']!r} is no format known here"
    weights = _format(row["weights"]).dtype if row.get("weights") else written.weights
    if weights is not None and weights not in DTYPES:
        return f"weights {row['weights']!r} are in no format known here"
    kv_dtype = _format(row["kv"]).dtype if row.get("kv") else None
    if kv_dtype is not None and kv_dtype not in DTYPES:
        return f"kv {row['kv']!r} is in no format known here"
    attention = row.get("attention") or reading.attention
    if attention not in ("fused", "eager", None):
        return f"attention {attention!r} is neither fused nor eager"
    return Measurement(
        device=device,
        devices=int(row.get("ndev") or 1),
        model=model,
        mode=mode,
        batch=int(row["batch"]),
        seq=None if row.get("seq") is None else int(row["seq"]),
        dtype=written.dtype,
        weight_dtype=weights,
        kv_dtype=kv_dtype,
        **_head(row, reading, f"{model} {mode}"),
        attention=attention,
        time_s=row["measured_ms"] * 1e-3,
        statistic=row.get("statistic") or "",
        software=row.get("software") or reading.software,
        power_w=row.get("power_w"),
        clock_hz=None if row.get("clock_mhz") is None else row["clock_mhz"] * 1e6,
        quality=row.get("quality") or "",
        conditions=row.get("conditions") or "",
        source=row.get("source") or "",
        line=int(row["line"]),
    )


def _format(spelled: str) -> Format:
    """What a source's precision means; a word that no source uses stands for itself."""
    return alias_table().dtypes.get(spelled.lower(), Format(dtype=spelled.lower()))


def _known(canonical: Callable[[str], str | None], written: str) -> str | None:
    """Our name of what a cell names, or the path of a file that describes it."""
    return canonical(written) or (written if is_path(written) else None)


@cache
def _near(written: str, known: tuple[str, ...]) -> str:
    return near_match(written, known)


def _reading(row: Mapping[str, Any]) -> SourceReading:
    return alias_table().sources.get(row.get("source") or "", _PLAIN)


def _mode(row: Mapping[str, Any]) -> str:
    """What the clock covered, in our spelling where the row's is known."""
    written = row["mode"] or ""
    return _reading(row).modes.get(written) or alias_table().modes.get(written, written)


def _head(row: Mapping[str, Any], reading: SourceReading, what: str) -> dict[str, Any]:
    """Head and number of classes: `classifier-2` names both."""
    head = row.get("head") or reading.heads.get(what) or "default"
    name, _, classes = head.partition("-")
    if classes.isdigit():
        return {"head": name, "classes": int(classes)}
    return {"head": head, "classes": None if row.get("classes") is None else int(row["classes"])}


def _short(text: str) -> str:
    """A free text cut to a recognisable start: options of result tables differ in every row."""
    kind = text.split(";")[0]
    return repr(kind if len(kind) <= 24 else kind[:21] + "...")
