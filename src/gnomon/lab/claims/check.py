"""What sealed results say of a claim, by a rule that asks nobody.

A claim that names no test is left as it is. Of one that does:

* unverified: the experiment has no sealed run yet, or its results are not what was sealed
* not_comparable: the test differs in a condition, the metric has another unit, or the run has no value of it
* reproduced: the measured value satisfies the relation within the claim's tolerance
* refuted: it does not
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnomon.core.errors import BadInput
from gnomon.lab.claims.claim import Claim, Discrepancy, Resolved, Status, Trial
from gnomon.lab.claims.ledger import Entry, own, rewrite
from gnomon.lab.results.verification import verify
from gnomon.lab.specs.registration import ran
from gnomon.lab.specs.spec import Spec

# Units that differ in spelling alone, or by a factor: (written by the experiment, claimed) -> measured times this.
_SCALES = {"": 1.0, "%": 0.01, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_RATIOS = ("", "%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A claim beside what results say of it."""

    entry: Entry
    status: Status
    resolved_by: Resolved | None
    discrepancy: Discrepancy | None
    why: str  # of the status, in words

    @property
    def claim(self) -> Claim:
        """The claim as it should stand."""
        return self.entry.claim.model_copy(
            update={"status": self.status, "resolved_by": self.resolved_by, "discrepancy": self.discrepancy}
        )

    @property
    def changes(self) -> tuple[str, ...]:
        """What differs between the ledger and the results, a line each; nothing: they agree."""
        before, after = _stored(self.entry.claim), _stored(self.claim)
        return tuple(
            f"{name}: {_shown(before.get(name))} -> {_shown(after.get(name))}"
            for name in dict.fromkeys((*before, *after))
            if before.get(name) != after.get(name)
        )


def check(root: Path) -> tuple[Checked, ...]:
    """Each claim of a repository that names a test, beside what its results say. BadInput for a test that cannot be."""
    return tuple(_checked(root, entry) for entry in own(root) if entry.claim.test is not None)


def update(found: Checked) -> None:
    """Write what results say into the ledger."""
    if found.changes:
        rewrite(found.entry, found.claim)


def _checked(root: Path, entry: Entry) -> Checked:
    claim, test = entry.claim, entry.claim.test
    assert test is not None
    spec_path = root / "experiments" / f"{test.experiment}.md"
    if not spec_path.exists():
        raise BadInput(
            f"{spec_path}: no such experiment; the test of claim {claim.id!r} names it", where=str(entry.file)
        )
    folder = root / "results" / test.experiment
    folder = folder / "runs" / test.run if test.run else folder
    try:
        verified = verify(spec_path, folder)
    except BadInput as fault:
        return _unknown(entry, str(fault))
    if not verified.is_whole:
        first = verified.findings[0]
        return _unknown(entry, f"{folder} is not as it was sealed: {first.name}: {first.text}")
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    spec = ran(spec_path, folder, document["_protocol"]["spec_sha256"])
    arm, metric = _arm(spec, claim, test), _metric(spec, claim, test)
    measured = _value(document, spec, arm, test.metric)
    resolved = Resolved(
        experiment=test.experiment,
        metric=test.metric,
        arm=arm,
        run=test.run,
        measured=measured,
        unit=metric,
        date=str(document["timestamp"])[:10],
    )
    return _compared(entry, test, resolved)


def _compared(entry: Entry, test: Trial, resolved: Resolved) -> Checked:
    claim = entry.claim

    def came_to(status: Status, why: str, discrepancy: Discrepancy | None = None) -> Checked:
        return Checked(entry=entry, status=status, resolved_by=resolved, discrepancy=discrepancy, why=why)

    if resolved.measured is None:
        return came_to("not_comparable", f"{resolved.arm}.{resolved.metric} has no value in the sealed results")
    factor = factor_of(resolved.unit, claim.unit)
    if factor is None:
        return came_to(
            "not_comparable", f"measured in {resolved.unit or 'a ratio'}, claimed in {claim.unit or 'a ratio'}"
        )
    measured = resolved.measured * factor
    discrepancy = claim.discrepancy_of(measured)
    shown = f"{measured:.6g} {claim.unit}".strip()
    if test.differs:
        return came_to("not_comparable", f"{shown} under another condition: {test.differs}", discrepancy)
    if claim.holds(measured):
        return came_to("reproduced", f"{shown} is {claim.said}", discrepancy)
    return came_to("refuted", f"{shown} is not {claim.said}", discrepancy)


def factor_of(measured: str, claimed: str) -> float | None:
    """What a number in the one unit is multiplied by to be in the other; None where they are not of one kind."""
    if measured == claimed:
        return 1.0
    if measured not in _SCALES or claimed not in _SCALES or (measured in _RATIOS) != (claimed in _RATIOS):
        return None
    return _SCALES[measured] / _SCALES[claimed]


def _unknown(entry: Entry, why: str) -> Checked:
    return Checked(entry=entry, status="unverified", resolved_by=None, discrepancy=None, why=why)


def _arm(spec: Spec, claim: Claim, test: Trial) -> str:
    arms = {arm.name: arm.role for arm in spec.protocol.arms}
    if test.arm and test.arm not in arms:
        raise BadInput(f"claim {claim.id!r}: {spec.id} has no arm {test.arm!r}, it has {', '.join(arms)}")
    return test.arm or next(name for name, role in arms.items() if role == "treatment")


def _metric(spec: Spec, claim: Claim, test: Trial) -> str:
    units = {metric.name: metric.unit for metric in spec.metrics.every}
    if test.metric not in units:
        raise BadInput(f"claim {claim.id!r}: {spec.id} has no metric {test.metric!r}, it has {', '.join(units)}")
    return units[test.metric]


def _value(document: dict[str, Any], spec: Spec, arm: str, metric: str) -> float | None:
    """The number of an arm in metrics.json, whose first baseline and first treatment have places of their own."""
    for role in ("baseline", "treatment"):
        if arm == next((one.name for one in spec.protocol.arms if one.role == role), None):
            found = document[role].get(metric)
            break
    else:
        found = document["_protocol"]["arms"].get(arm, {}).get(metric)
    return float(found) if isinstance(found, (int, float)) else None


def _stored(claim: Claim) -> dict[str, Any]:
    """The fields that results decide, flat."""
    found: dict[str, Any] = {"status": claim.status}
    for name in ("resolved_by", "discrepancy"):
        part = getattr(claim, name)
        found |= dict(_leaves(name, part.model_dump(mode="json"))) if part is not None else {}
    return found


def _leaves(name: str, data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if value != "":
            yield f"{name}.{key}", value


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
