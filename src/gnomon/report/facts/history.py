"""Errors of one table and engine over several comparisons, in the order they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gnomon.report.facts.table import Table, table_of

UNITS = {
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


def histories(documents: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Table]:
    """By "engine beside table", the runs of every table that two or more labelled documents compare."""
    found: dict[str, list[dict[str, Any]]] = {}
    for label, document in documents:
        if "overall" not in document:
            continue
        overall, inside = document["overall"], document["inside_interval"]
        found.setdefault(f"{document['engine']} beside {PurePath(document['table']).name}", []).append(
            {
                **overall,
                "run": label,
                "version": document["version"],
                "sha256": document["sha256"],
                "inside_interval": inside["rows"] / inside["of"] if inside["of"] else None,
            }
        )
    return {name: table_of(runs, UNITS) for name, runs in found.items() if len(runs) > 1}
