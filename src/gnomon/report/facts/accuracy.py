"""Predicted beside measured: the rows, and their errors by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.report.facts.passes import pass_name
from gnomon.report.facts.table import Column, Table, table_of

ROW_UNITS = {
    "subject": "",
    "device": "",
    "mode": "",
    "batch": "",
    "seq": "",
    "dtype": "",
    "measured_s": "s",
    "predicted_s": "s",
    "low_s": "s",
    "high_s": "s",
    "error_percent": "%",
    "line": "",
    "quality": "",
    "software": "",
    "conditions": "",
    "source": "",
}
GROUP_UNITS = {
    "group": "",
    "rows": "",
    "asked": "",
    "median_ape": "%",
    "p90_ape": "%",
    "mean_ape": "%",
    "bias": "%",
    "kendall_tau": "",
    "coverage": "share",
}


def measured_rows(document: Mapping[str, Any]) -> Table | None:
    """The rows of a comparison with a table, without the columns that no row fills; None where it carries none."""
    if not document.get("rows"):
        return None
    table = table_of(document["rows"], ROW_UNITS)
    return Table(columns=tuple(column for column in table.columns if _is_used(column)))


def _is_used(column: Column) -> bool:
    return any(value not in (None, "") for value in column.values)


def scenario_rows(document: Mapping[str, Any]) -> Table | None:
    """Answers of scenarios beside the measured rows of the same mode; None where nothing was measured."""
    rows = []
    for scenario in document.get("scenarios", ()):
        for row in scenario["answers"]:
            for quantity in row["quantities"]:
                for measured in scenario["measured"]:
                    if quantity["value"] is None or measured["mode"] != quantity["mode"]:
                        continue
                    interval = quantity.get("interval") or {}
                    rows.append(
                        {
                            "subject": row["model"],
                            "engine": row["engine"],
                            "device": row["system"],
                            "mode": quantity["mode"],
                            "what": pass_name(row, quantity),
                            "measured_s": measured["time_s"],
                            "predicted_s": quantity["value"],
                            "low_s": interval.get("low"),
                            "high_s": interval.get("high"),
                            "error_percent": 100.0 * (quantity["value"] - measured["time_s"]) / measured["time_s"],
                            "software": measured.get("software"),
                            "source": measured.get("source"),
                        }
                    )
    units = {"measured_s": "s", "predicted_s": "s", "low_s": "s", "high_s": "s", "error_percent": "%"}
    return table_of(rows, {name: units.get(name, "") for name in rows[0]}) if rows else None


def error_groups(document: Mapping[str, Any], by: str) -> Table | None:
    """The error summaries of the document by device, subject, mode, family or dtype; None where no group has a row."""
    groups = [group for group in document.get("by", {}).get(by, ()) if group["rows"]]
    return table_of([dict(group, group=group["group"] or "(none)") for group in groups], GROUP_UNITS) if groups else None
