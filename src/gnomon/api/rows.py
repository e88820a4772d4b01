"""Answers as flat rows: what `gnomon predict --csv` writes and what data frames are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from gnomon.api.answers import Answer, Outcome

# Column -> type. SI, the unit in the name; docs/reference/json.md says what each means.
COLUMNS: dict[str, type] = {
    "model": str,
    "system": str,
    "device": str,
    "devices": int,
    "engine": str,
    "batch": int,
    "seq": int,
    "context": int,
    "dtype": str,
    "weight_dtype": str,
    "kv_dtype": str,
    "attention": str,
    "head": str,
    "asked_head": str,
    "classes": int,
    "image": int,
    "sizes": str,
    "overrides": str,
    "training": str,
    "serving": str,
    "parameters": int,
    "quantity": str,
    "mode": str,
    "value_s": float,
    "low_s": float,
    "high_s": float,
    "items_per_s": float,
    "item": str,
    "mfu": float,
    "hfu": float,
    "bubble": float,
    "flop": float,
    "moved_bytes": float,
    "weights_bytes": float,
    "kv_cache_bytes": float,
    "activations_bytes": float,
    "gradients_bytes": float,
    "optimizer_bytes": float,
    "logits_bytes": float,
    "buffers_bytes": float,
    "overhead_bytes": float,
    "total_bytes": float,
    "capacity_bytes": float,
    "fits": bool,
    "bound": str,
    "cycles": int,
    "energy_j": float,
    "utilization": float,
    "gap": float,
    "reasons": str,
}


def flat_rows(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """One row for each pass of each answer, under `COLUMNS`; None where there is no prediction."""
    return [_flat(answer, outcome) for answer in answers for outcome in answer.outcomes]


def frame(answers: Iterable[Answer]) -> pl.DataFrame:
    """Those rows as a polars data frame."""
    import polars as pl

    return pl.DataFrame(flat_rows(answers), schema=COLUMNS)


def _flat(answer: Answer, outcome: Outcome) -> dict[str, Any]:
    found = outcome.to_dict()
    memory, interval = found.get("memory", {}), found.get("interval") or {}
    every = {
        **answer.to_dict(),
        **found,
        **memory,
        **found.get("mapped", {}),
        "bubble": found.get("step", {}).get("bubble"),
        "value_s": found["value"],
        "low_s": interval.get("low"),
        "high_s": interval.get("high"),
        "items_per_s": outcome.items_per_s,
        "item": outcome.scenario.workload.item,
        "reasons": "; ".join(found["reasons"]),
    }
    every |= {name: _compact(every[name]) for name in ("sizes", "overrides", "training", "serving")}
    return {name: every.get(name) for name in COLUMNS}


def _compact(values: Mapping[str, Any]) -> str | None:
    """A mapping in one cell, "frames=300;steps=4"; a name with several values stands there as often. None where empty."""
    pairs = [(name, one) for name, each in values.items() for one in (each if isinstance(each, list) else [each])]
    return ";".join(f"{name}={one}" for name, one in pairs) or None
