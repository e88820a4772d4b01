"""The ledger as a report: what each claim says, what was measured, how far apart they are, and under which conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gnomon.lab.claims.check import factor_of
from gnomon.lab.claims.claim import STATUSES, Claim
from gnomon.lab.claims.ledger import Entry, as_data

SCHEMA = "gnomon/claims-report/1"
_ORDER = ("refuted", "not_comparable", "reproduced", "unverified")  # what a reader looks for first


def row(entry: Entry) -> dict[str, Any]:
    """A claim as plain data, every field with its place."""
    return {
        "tool": entry.tool,
        **as_data(entry.claim),
        "said": entry.claim.said,
        "measured": measured(entry.claim),
        "file": str(entry.file) if entry.file is not None else None,
    }


def report(entries: Iterable[Entry]) -> dict[str, Any]:
    """The document: how many claims have each status, of all and by tool, and the claims, decided ones first."""
    listed = list(entries)
    tools = dict.fromkeys(entry.tool for entry in listed)
    return {
        "schema": SCHEMA,
        "claims": len(listed),
        "by_status": _counted(listed),
        "by_tool": [{"tool": tool, **_counted([entry for entry in listed if entry.tool == tool])} for tool in tools],
        "rows": [row(entry) for status in _ORDER for entry in listed if entry.claim.status == status],
    }


def _counted(entries: Sequence[Entry]) -> dict[str, int]:
    found = Counter[str](entry.claim.status for entry in entries)
    return {status: found[status] for status in STATUSES}


def measured(claim: Claim) -> float | None:
    """What was measured, in the claim's unit; None: nothing, or nothing in a unit of its kind."""
    if claim.discrepancy is None or claim.resolved_by is None:
        return None
    factor = factor_of(claim.resolved_by.unit, claim.unit)
    found = claim.resolved_by.measured
    return None if factor is None or found is None else found * factor


def measured_text(claim: Claim) -> str:
    """The same for people; what was measured in another unit is shown in that."""
    found, resolved = measured(claim), claim.resolved_by
    if found is not None:
        return _quantity(found, claim.unit)
    return _quantity(resolved.measured, resolved.unit) if resolved is not None and resolved.measured is not None else ""


def discrepancy_text(claim: Claim) -> str:
    """How far off, with its sign: +3.2 % (+36 %)."""
    off = claim.discrepancy
    if off is None:
        return ""
    relative = "" if off.relative is None else f" ({100 * off.relative:+.3g} % of it)"
    return f"{off.absolute:+.4g} {claim.unit}".strip() + relative


def conditions_text(claim: Claim) -> str:
    """What it holds for, in one line."""
    said = claim.conditions
    return "; ".join(text for text in (said.workload, said.system, said.metric) if text)


def source_text(claim: Claim) -> str:
    """Where it is said, in one line."""
    source = claim.source
    known = ", ".join(text for text in (source.cite, str(source.year or "")) if text)
    head = f"{source.title} ({known})" if known else source.title
    relayed = f"; as relayed by {source.relayed_by}" if source.relayed_by else ""
    return f"{head}, {source.where}{relayed}"


def markdown(entries: Iterable[Entry]) -> str:
    """The report as a page of Markdown that changes only where the ledger does."""
    listed = list(entries)
    document = report(listed)
    by_id = {entry.claim.id: entry for entry in listed}
    lines = [
        "# Claims",
        "",
        "Numbers that others published, each a hypothesis until an experiment decides it.",
        "",
        _line(("tool", *(status.replace("_", " ") for status in STATUSES))),
        _line(["---"] + ["---:"] * len(STATUSES)),
        *(_line((one["tool"], *(str(one[status] or "") for status in STATUSES))) for one in document["by_tool"]),
        _line(("all", *(str(document["by_status"][status]) for status in STATUSES))),
    ]
    for status in _ORDER:
        rows = [by_id[one["id"]] for one in document["rows"] if one["status"] == status]
        if rows:
            lines += [
                "",
                f"## {status.replace('_', ' ').capitalize()}",
                "",
                *_section(rows, is_decided=status != "unverified"),
            ]
    return "\n".join(lines) + "\n"


def _section(entries: Sequence[Entry], *, is_decided: bool) -> Iterable[str]:
    found = ("measured", "discrepancy", "experiment") if is_decided else ()
    columns = ("claim", "tool", "what is claimed", "claimed", *found, "conditions", "source")
    yield _line(columns)
    yield _line(["---"] * len(columns))
    for entry in entries:
        claim, resolved = entry.claim, entry.claim.resolved_by
        where = f"{resolved.experiment}, {resolved.arm}.{resolved.metric}, {resolved.date}" if resolved else ""
        cells = (measured_text(claim), discrepancy_text(claim), where) if is_decided else ()
        differs = f"; tested with another condition: {claim.test.differs}" if claim.test and claim.test.differs else ""
        yield _line(
            (
                f"`{claim.id}`",
                entry.tool,
                claim.statement,
                claim.said,
                *cells,
                conditions_text(claim) + differs,
                source_text(claim),
            )
        )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _quantity(value: float, unit: str) -> str:
    return f"{value:.6g} {unit}".strip()
