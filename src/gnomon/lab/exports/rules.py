"""Every rule of the protocol, asked of a sealed run: whether it held, why not, or why it was never asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gnomon.lab.exports.sealed import SealedRun
from gnomon.lab.runs import gates
from gnomon.lab.runs.budget import ledger
from gnomon.lab.runs.readiness import LEVELS
from gnomon.lab.specs.plan import PHASES, Unit, of_phase, units
from gnomon.lab.store.state import State

_GATES = {
    "sanity": "sanity checks pass",
    "baseline": "the baseline is reproduced",
    "mve": "the minimum viable experiment passes",
    "full": "the full protocol runs to its end",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One rule."""

    rule: str  # in words
    outcome: Literal["held", "broken", "not asked"]
    why: str = ""  # of one that did not hold, or was not asked


def asked(run: SealedRun) -> Iterator[Asked]:
    """The rules in the order of the protocol."""
    yield from _before(run)
    yield from _phases(run)
    yield from _numbers(run)
    yield from _limits(run)
    yield _told("every sealed byte is as it was", "")  # or there would be no SealedRun


def _told(rule: str, fault: str) -> Asked:
    return Asked(rule=rule, outcome="broken" if fault else "held", why=fault)


def _before(run: SealedRun) -> Iterator[Asked]:
    state, spec = run.state, run.spec
    is_first = datetime.fromisoformat(run.lock.registered) <= datetime.fromisoformat(state.started)
    late = "" if is_first else f"registered {run.lock.registered}, begun {state.started}"
    yield _told("the spec is registered before anything is measured", late)
    wanted, reached = spec.integrity.min_enforcement, state.enforcement
    below = LEVELS.index(reached) < LEVELS.index(wanted)
    yield _told("units are held at the level asked for", f"{wanted} is asked for, {reached} reached" if below else "")
    tried = [one for one in state.violations if one["what"] == "protected"]
    texts = [f"{one.get('call', '?')} {one.get('target', '')}".strip() for one in tried]
    yield _told("no unit reaches for what is protected", "; ".join(texts))
    changed = [one["text"] for one in state.violations if one["what"] == "environment"]
    yield _told("dependencies are the same before and after", "; ".join(changed))
    due = [_ran_as(unit, str(run.config["before"]["executable"])) for unit in units(spec, state.spec_sha256)]
    other = [unit.label for unit, ran in zip(run.planned, due, strict=True) if (unit.command, unit.env) != ran]
    yield _told("units run with the parameters of the spec", ", ".join(other))


def _ran_as(unit: Unit, python: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Command and environment of a unit where the interpreter was that one."""
    return tuple(word.replace(sys.executable, python) for word in unit.command), unit.env


def _phases(run: SealedRun) -> Iterator[Asked]:
    done, state = run.state.phases_done, run.state
    in_order = done == list(PHASES[: len(done)])
    yield _told("phases follow their order", "" if in_order else f"they were {', '.join(done)}")
    for phase in PHASES:
        if phase == "mve" and run.spec.mve is None:
            continue
        rule = _GATES[phase]
        fault = _gate(run, phase) if phase == state.phase or phase in done else ""
        if phase in done:
            yield _told(rule, fault)
        elif phase == state.phase:
            yield _told(rule, fault or f"{state.end}: {state.reason}")
        else:
            yield Asked(rule=rule, outcome="not asked", why=f"the run ended before: {state.end}: {state.reason}")


def _gate(run: SealedRun, phase: str) -> str:
    match phase:
        case "sanity":
            return gates.sanity(run.planned, run.state)
        case "baseline":
            return gates.baseline(run.spec, run.planned, run.state)
        case "mve":
            return gates.mve(run.spec, run.planned, run.state)
    return ""


def _numbers(run: SealedRun) -> Iterator[Asked]:
    state = run.state
    measured = [unit for phase in ("baseline", "full") for unit in of_phase(run.planned, phase)]
    gone = [unit.label for unit in measured if not run.is_done(unit)]
    yield _told("every cell and seed of every arm is there", _some(gone, len(measured)))
    lacking = [
        f"{unit.label}: {name}: {why}"
        for unit in measured
        if run.is_done(unit)
        for name, why in state.units[unit.id].missing.items()
    ]
    yield _told("every declared metric has a value", "; ".join(lacking))
    declared = {metric.name for metric in run.spec.metrics.every}
    other = sorted({name for unit in state.units.values() for name in unit.metrics} - declared)
    yield _told("no metric is there that was not declared", ", ".join(other))
    odd = [str(one.get("text", "")) for one in state.violations if one["what"] == "value"]
    yield _told("values are within their bounds and told once", "; ".join(odd))


def _some(labels: list[str], count: int) -> str:
    return f"{len(labels)} of {count} are not: {', '.join(labels)}" if labels else ""


def _limits(run: SealedRun) -> Iterator[Asked]:
    state = run.state
    waived = {one["id"]: one["reason"] for one in state.waived}
    for one in run.spec.abort:
        rule = f"abort criterion {one.id} does not fire: {one.expr}"
        if one.id in waived:
            yield Asked(rule=rule, outcome="not asked", why=f"waived: {waived[one.id]}")
        else:
            fired = state.end == "aborted" and state.reason.startswith(f"{one.id}:")
            yield _told(rule, state.reason if fired else "")
    justified = {one["axis"]: one["text"] for one in state.overages}
    for line in ledger(run.spec, state):
        over = f"{line.used:.4g} {line.unit} used of {line.allowed:g}" if line.is_over else ""
        held = not over or line.axis in justified
        yield _told(f"the budget of {line.axis} holds, or its overage is justified", "" if held else over)
    yield _told("the run comes to its end", _end(state))


def _end(state: State) -> str:
    return "" if state.end == "completed" else f"{state.end}: {state.reason}"
