"""Predicted beside measured: the rows, and their errors by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gnomon.core.in_words import percent, share
from gnomon.report.facts.table import Table, table_of
from gnomon.report.facts.titles import pass_title
from gnomon.stats.errors import percent_error

ROW_UNITS = {
    "subject": "",
    "engine": "",
    "device": "",
    "mode": "",
    "family": "",
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
    "what": "",
}
GROUP_UNITS = {
    "group": "",
    "rows": "",
    "asked": "",
    "coverage": "share",
    "median_ape": "%",
    "mean_ape": "%",
    "p90_ape": "%",
    "bias": "%",
    "kendall_tau": "",
}

ERROR_COLUMNS = ("group", "rows", "coverage", "median", "mean", "p90", "bias", "Kendall tau")  # of a table of errors


def error_cells(name: str, errors: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of one group under `ERROR_COLUMNS`; `errors` as in the documents."""
    tau = errors["kendall_tau"]
    return (
        name or "(none)",
        f"{errors['rows']:,}",
        share(errors["coverage"]),
        percent(errors["median_ape"]),
        percent(errors["mean_ape"]),
        percent(errors["p90_ape"]),
        percent(errors["bias"], is_signed=True),
        "-" if tau is None else f"{tau:.2f}",
    )


def measured_rows(document: Mapping[str, Any]) -> Table | None:
    """The rows of a comparison with a table, without the columns that no row fills; None where it carries none."""
    return _used(list(document.get("rows", ())))


def scenario_rows(document: Mapping[str, Any]) -> Table | None:
    """Answers of scenarios beside the measured rows of the same mode; None where nothing was measured."""
    return _used([row for scenario in document["scenarios"] for row in _beside(scenario)])


def _used(rows: list[Any]) -> Table | None:
    if not rows:
        return None
    used = {name for row in rows for name, value in row.items() if value not in (None, "")}
    return table_of(rows, {name: unit for name, unit in ROW_UNITS.items() if name in used})


def _beside(scenario: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in scenario["answers"]:
        for quantity in row["quantities"]:
            for measured in scenario["measured"]:
                if not quantity["value"] or measured["mode"] != quantity["mode"]:
                    continue  # a time of zero has no place beside a measured one
                interval = quantity.get("interval") or {}
                yield {
                    "subject": row["model"],
                    "engine": row["engine"],
                    "device": row["system"],
                    "mode": quantity["mode"],
                    "batch": row["batch"],
                    "dtype": row["dtype"],
                    "measured_s": measured["time_s"],
                    "predicted_s": quantity["value"],
                    "low_s": interval.get("low"),
                    "high_s": interval.get("high"),
                    "error_percent": percent_error(quantity["value"], measured["time_s"]),
                    "software": measured.get("software"),
                    "conditions": measured.get("conditions"),
                    "source": measured.get("source"),
                    "what": pass_title(row, quantity),
                }


def error_groups(document: Mapping[str, Any], by: str) -> Table | None:
    """The error summaries of the document by device, subject, mode, family or dtype; None where no group has a row."""
    groups = [group for group in document["by"].get(by, ()) if group["rows"]]
    return (
        table_of([dict(group, group=group["group"] or "(none)") for group in groups], GROUP_UNITS) if groups else None
    )
