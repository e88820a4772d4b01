"""The same question over several runs, in the order they were given: errors of a table, times of a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gnomon.report.facts.passes import passes
from gnomon.report.facts.table import Table, table_of

Labelled = tuple[str, Mapping[str, Any]]  # what the reader called the document, and the document

ERROR_UNITS = {
    "run": "",
    "version": "",
    "sha256": "",
    "rows": "",
    "asked": "",
    "median_ape": "%",
    "p90_ape": "%",
    "bias": "%",
    "coverage": "share",
    "inside_interval": "share",
}
TIME_UNITS = {"run": "", "version": "", "pass": "", "time_s": "s", "low_s": "s", "high_s": "s", "of_first": ""}


def error_histories(documents: Sequence[Labelled]) -> dict[str, Table]:
    """By "engine beside table", the runs of every table that two or more comparisons hold.

    `inside_interval`: share of the rows in the interval of their prediction; None where no row has one.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for label, document in documents:
        inside = document["inside_interval"]
        found.setdefault(f"{document['engine']} beside {PurePath(document['table']).name}", []).append(
            {
                **document["overall"],
                "run": label,
                "version": document["version"],
                "sha256": document["sha256"],
                "inside_interval": inside["rows"] / inside["of"] if inside["of"] else None,
            }
        )
    return {name: table_of(runs, ERROR_UNITS) for name, runs in found.items() if len(runs) > 1}


def time_history(documents: Sequence[Labelled]) -> Table | None:
    """The predicted times of every pass that two or more documents hold; `of_first` is over that of the first run.

    Of a pass that one document answers twice, the first. None where no pass recurs.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for label, document in documents:
        for key, one in {one.key: one for one in reversed(list(passes(document)))}.items():
            interval = one.quantity.get("interval") or {}
            row = {"time_s": one.quantity["value"], "low_s": interval.get("low"), "high_s": interval.get("high")}
            version = one.quantity.get("provenance", {}).get("version")
            found.setdefault(key, []).append({**row, "run": label, "version": version, "pass": one.title})
    rows = [
        row | {"pass": runs[0]["pass"], "of_first": row["time_s"] / runs[0]["time_s"] if runs[0]["time_s"] else None}
        for runs in found.values()
        if len(runs) > 1
        for row in runs
    ]
    return table_of(rows, TIME_UNITS) if rows else None
