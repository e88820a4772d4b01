"""The answered passes in a document of predictions, each under a title that a reader can tell it by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gnomon.report.facts.table import Table, table_of
from gnomon.report.facts.titles import length_of, pass_title

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
# Fields of a row that are the question. Its lengths are those of the pass, and `parameters` follow from the rest.
_QUESTION = (
    *("model", "system", "device", "devices", "engine", "batch", "dtype", "weight_dtype", "kv_dtype", "attention"),
    *("head", "classes", "image", "sizes", "overrides", "training", "serving"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One quantity of one row, with a value."""

    row: Mapping[str, Any]  # of gnomon/predict/1
    quantity: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What a reader calls it."""
        return pass_title(self.row, self.quantity)

    @property
    def key(self) -> str:
        """The whole question: equal in two documents where both ask the same of the same engine."""
        mode = self.quantity["mode"]
        asked = [self.quantity["quantity"], mode, length_of(self.row, mode)]
        return json.dumps([*asked, *(self.row.get(field) or None for field in _QUESTION)], sort_keys=True)


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
                yield Pass(row=row, quantity=quantity)


def answers(document: Mapping[str, Any]) -> Table:
    """Every pass asked about, answered or not."""
    return table_of([_answer(row, quantity) for row in rows_of(document) for quantity in row["quantities"]], UNITS)


def _answer(row: Mapping[str, Any], quantity: Mapping[str, Any]) -> dict[str, Any]:
    interval = quantity.get("interval") or {}
    return {
        "what": pass_title(row, quantity),
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
