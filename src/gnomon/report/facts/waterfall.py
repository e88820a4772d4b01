"""Where the time of a pass goes: its parts one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.report.facts.table import Table, table_of

UNITS = {"part": "", "inside": "", "kind": "", "start_s": "s", "value_s": "s", "share": "share"}


def waterfall(quantity: Mapping[str, Any]) -> Table:
    """A row per part that is not itself a sum: its top-level part, kind, start and value; the values add up to the whole.

    Parts that recombine otherwise than by a sum stay whole: laid end to end they would not give the value.
    """
    rows: list[dict[str, Any]] = []
    _lay(quantity["parts"], None, quantity["value"], rows, 0.0)
    return table_of(rows, UNITS)


def _lay(
    parts: Sequence[Mapping[str, Any]], top: str | None, whole_s: float, rows: list[dict[str, Any]], start_s: float
) -> float:
    for part in parts:
        name = top or part["name"]
        if part["parts"] and part["combine"] == "sum":
            start_s = _lay(part["parts"], name, whole_s, rows, start_s)
            continue
        rows.append(
            {
                "part": name,
                "inside": part["name"] if top else "",
                "kind": part["kind"],
                "start_s": start_s,
                "value_s": part["value"],
                "share": part["value"] / whole_s if whole_s else 0.0,
            }
        )
        start_s += part["value"]
    return start_s
