"""A ledger of claims as facts and tables: how many of each tool have each status, and every claim with its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gnomon.lab.claims.claim import STATUSES
from gnomon.report.facts.listing import Fact, number
from gnomon.report.facts.table import Table, table_of

_COLUMNS = (
    "claim",
    "tool",
    "status",
    "claimed",
    "measured",
    "discrepancy",
    "relative discrepancy",
    "what is claimed",
    "conditions",
    "what differs",
    "experiment",
    "source",
    "note",
)
_PROSE = ("what is claimed", "conditions", "what differs", "source", "note")
_ALWAYS = ("claim", "tool", "status", "claimed", "what is claimed", "conditions", "source")


def counts(data: Mapping[str, Any]) -> Iterator[Fact]:
    """How many there are, and of each status."""
    yield Fact(name="claims", text=f"{data['claims']:,} of {len(data['by_tool']):,} tools, systems and papers")
    for status in STATUSES:
        yield Fact(name=status.replace("_", " "), text=f"{data['by_status'].get(status, 0):,}")


def by_tool(data: Mapping[str, Any]) -> Table | None:
    """A row for each tool and status that it has claims of; None without claims."""
    rows = [
        {"tool": one["tool"], "status": status.replace("_", " "), "claims": one[status]}
        for one in data["by_tool"]
        for status in STATUSES
        if one[status]
    ]
    return table_of(rows, {"tool": "", "status": "", "claims": ""}) if rows else None


def claims(data: Mapping[str, Any]) -> Table:
    """A row for each claim, the decided ones first; columns that nothing stands in are left out."""
    table = table_of([_row(one) for one in data["rows"]], dict.fromkeys(_COLUMNS, ""))
    return Table(
        columns=tuple(
            replace(column, is_prose=column.name in _PROSE, unit="share" if column.name.startswith("relative") else "")
            for column in table.columns
            if column.name in _ALWAYS or any(cell not in (None, "") for cell in column.values)
        )
    )


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    off, found, test = one.get("discrepancy"), one.get("resolved_by"), one.get("test")
    measured = None
    if one["measured"] is not None:
        measured = number(one["measured"], one["unit"])
    elif found and found.get("measured") is not None:
        measured = number(found["measured"], found["unit"])
    where = [found["experiment"], found.get("run"), f"{found['arm']}.{found['metric']}", found["date"]] if found else []
    return {
        "claim": one["id"],
        "tool": one["tool"],
        "status": one["status"].replace("_", " "),
        "claimed": one["said"],
        "measured": measured,
        "discrepancy": f"{off['absolute']:+.4g} {one['unit']}".rstrip() if off else None,
        "relative discrepancy": off.get("relative") if off else None,
        "what is claimed": one["statement"],
        "conditions": "; ".join(filter(None, (one["conditions"].get(n) for n in ("workload", "system", "metric")))),
        "what differs": (test or {}).get("differs") or None,
        "experiment": ", ".join(filter(None, where)) or (test or {}).get("experiment"),
        "source": _source(one["source"]),
        "note": one.get("note") or None,
    }


def _source(one: Mapping[str, Any]) -> str:
    known = ", ".join(filter(None, (one.get("cite"), str(one.get("year") or ""))))
    head = f"{one['title']} ({known})" if known else one["title"]
    relayed = f"; as relayed by {one['relayed_by']}" if one.get("relayed_by") else ""
    return f"{head}, {one['where']}{relayed}"
