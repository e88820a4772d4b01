"""Small documents of each kind, with numbers that are easy to reckon with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl


def part(name: str, value: float, kind: str = "compute", parts: tuple[dict[str, Any], ...] = (), combine: str = "sum"):
    return {"name": name, "value": value, "kind": kind, "parts": list(parts), "combine": combine}


def operator(name: str = "op", **changes: Any) -> dict[str, Any]:
    """4 flop on 2 bytes in 8 s, twice: 0.5 flop/s at 2 flop/B."""
    row = {"name": name, "family": "matmul", "dtype": "fp16", "phase": "forward", "repeat": 2, "flop": 4.0}
    return row | {"moved_bytes": 2.0, "time_s": 8.0, "bound": "memory"} | changes


ROOFS = {"memory_bytes_per_s": 1.0, "peaks": [{"dtype": "fp16", "unit": "matrix", "flop_per_s": 10.0}]}


def quantity(value: float | None = 16.0, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"quantity": "time", "mode": "forward", "reasons": [], "value": value, "unit": "s"}
    if value is None:
        return found | {"reasons": ["no unit"]} | changes
    inner = (part("work", value / 4), part("launches", value / 4, "overhead"))
    return (
        found
        | {
            "interval": {"low": value / 2, "high": 2 * value, "level": 0.9, "method": "made up"},
            "bound": "compute",
            "parts": [part("matmul", value / 2, "mixed", inner), part("norm", value / 2, "memory")],
            "throughput": {"value": 1 / value, "unit": "image/s"},
            "mfu": 0.25,
            "memory": {"total_bytes": 100.0},
            "fits": True,
            "provenance": {"version": "1.0"},
        }
        | changes
    )


def answer(model: str = "toy", *quantities: dict[str, Any], **changes: Any) -> dict[str, Any]:
    row = {"model": model, "system": "t4", "engine": "roofline", "batch": 1, "seq": None, "context": None}
    return row | {"dtype": "fp16", "quantities": list(quantities or (quantity(),))} | changes


def predictions(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"schema": "gnomon/predict/1", "rows": list(rows or (answer(),))}


def errors(rows: int = 2, **changes: Any) -> dict[str, Any]:
    found = {"rows": rows, "asked": 4, "coverage": rows / 4, "median_ape": 20.0, "mean_ape": 25.0, "p90_ape": 40.0}
    return found | {"bias": -20.0, "kendall_tau": 1.0} | changes


def measured(predicted_s: float = 0.8, measured_s: float = 1.0, **changes: Any) -> dict[str, Any]:
    row = {"subject": "toy", "device": "t4", "mode": "forward", "dtype": "fp16", "line": 2, "quality": ""}
    error = 100 * (predicted_s - measured_s) / measured_s
    return row | {"measured_s": measured_s, "predicted_s": predicted_s, "error_percent": error} | changes


def held_out(group: str, coverage: float) -> dict[str, Any]:
    return {"group": group, "rows": 10, "coverage": coverage, "median_half_width": 0.5}


COVERAGE = {"GA100": 0.9, "TU104": 0.7, "GH100": 1.0, "AD102": 0.8}


def measurements(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    rows = rows or (measured(), measured(0.6, 1.0, device="l4"))
    found: dict[str, Any] = {"schema": "gnomon/compare/1", "table": "mine.csv", "engine": "roofline", "version": "1.0"}
    alike = [held_out(silicon, coverage) for silicon, coverage in COVERAGE.items()]
    level = {"level": 0.9, "rows": 0.8, "mean": 0.8, "lowest": 0.7, "highest": 0.9}
    return (
        found
        | {
            "sha256": "0" * 64,
            "kind": "models",
            "rows_asked": len(rows) + 2,
            "rows_answered": len(rows),
            "rows_doubted": 0,
            "refused": [{"reason": "no such device", "rows": 2}],
            "overall": errors(),
            "inside_interval": {"rows": 1, "of": 2},
            "in_sample": False,
            "by": {
                "device": [{"group": "t4"} | errors(1), {"group": "l4"} | errors(1), {"group": "x"} | errors(0)],
                "subject": [{"group": ""} | errors(2)],
            },
            "doubted": [],
            "worst": list(rows)[:1],
            "intervals": {
                "level": 0.9,
                "silicon_weighs_alike": alike,
                "rows_weigh_alike": alike[::-1],
                "levels": [level | {"level": 0.5}, level],
            },
            "rows": list(rows),
        }
        | changes
    )


def scenarios() -> dict[str, Any]:
    like = {"mode": "forward", "time_s": 32.0, "software": "torch", "conditions": "", "source": "a paper"}
    other = like | {"mode": "decode"}
    entry = {"scenario": "mine", "title": "", "answers": [answer(), answer("toy", quantity(None), engine="null")]}
    return {"schema": "gnomon/compare-scenarios/1", "scenarios": [entry | {"measured": [like, other]}]}


SWEEP = {
    "schema": "gnomon/sweep-result/1",
    "name": "toy sweep",
    "complete": True,
    "rows": 4,
    "vary": [{"field": "batch"}],
    "objectives": [{"name": "total_s", "goal": "min"}, {"name": "images_per_s", "goal": "max"}],
    "pareto": [0, 2],
    "version": "1.0",
}
TRIALS = {
    "index": [0, 1, 2, 3],
    "batch": [1, 2, 4, 8],
    "total_s": [1.0, 3.0, 2.0, None],
    "images_per_s": [1.0, 0.5, 2.0, None],
    "reason": [None, None, None, "does not fit"],
}


def sweep_folder(folder: Path, **changes: Any) -> Path:
    """A finished sweep: trials 0 and 2 are in the Pareto set, 3 was not answered."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(TRIALS)
    frame.write_parquet(folder / "rows.parquet")
    frame.write_csv(folder / "rows.csv")
    (folder / "sweep.json").write_text(json.dumps(SWEEP | changes))
    return folder
