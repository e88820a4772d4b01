"""The answered passes in a document of predictions, each under a name that a reader can tell it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gnomon.report.facts.table import Table, table_of

_LABEL = {"time": "", "ttft": "TTFT", "tpot": "TPOT"}

UNITS = {
    "what": "",
    "time_s": "s",
    "low_s": "s",
    "high_s": "s",
    "rate_per_s": "/s",
    "mfu": "share",
    "memory_bytes": "B",
    "fits": "",
    "bound": "",
    "reasons": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One quantity of one row, with a value."""

    name: str  # model, system, batch, mode, length, engine
    row: Mapping[str, Any]  # of gnomon/predict/1
    quantity: Mapping[str, Any]


def pass_name(row: Mapping[str, Any], quantity: Mapping[str, Any]) -> str:
    """What a reader calls a pass: model on system, batch, mode and length, format, engine."""
    is_decode = quantity["mode"] == "decode"
    length = row.get("context") if is_decode else row.get("seq")
    what = f"{_LABEL.get(quantity['quantity'], quantity['quantity'])} {quantity['mode']}".strip()
    tokens = "" if length is None else f" {'@' if is_decode else ''}{length}"
    return f"{row['model']} on {row['system']}, batch {row['batch']}, {what}{tokens}, {row['dtype']}, {row['engine']}"


def rows_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of a document of predictions, or the answers in one of scenarios."""
    if "scenarios" in document:
        return [answer for scenario in document["scenarios"] for answer in scenario["answers"]]
    return list(document["rows"])


def passes(document: Mapping[str, Any]) -> Iterator[Pass]:
    """The passes that have a value, in the order of the document."""
    for row in rows_of(document):
        for quantity in row["quantities"]:
            if quantity["value"] is not None:
                yield Pass(name=pass_name(row, quantity), row=row, quantity=quantity)


def answers(document: Mapping[str, Any]) -> Table:
    """Every pass asked about, answered or not."""
    return table_of([_answer(row, quantity) for row in rows_of(document) for quantity in row["quantities"]], UNITS)


def _answer(row: Mapping[str, Any], quantity: Mapping[str, Any]) -> dict[str, Any]:
    interval = quantity.get("interval") or {}
    return {
        "what": pass_name(row, quantity),
        "time_s": quantity["value"],
        "low_s": interval.get("low"),
        "high_s": interval.get("high"),
        "rate_per_s": (quantity.get("throughput") or {}).get("value"),
        "mfu": quantity.get("mfu"),
        "memory_bytes": (quantity.get("memory") or {}).get("total_bytes"),
        "fits": quantity.get("fits"),
        "bound": quantity.get("bound"),
        "reasons": "; ".join(quantity["reasons"]),
    }
