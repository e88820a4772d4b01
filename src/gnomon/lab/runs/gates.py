"""What must hold before the next phase begins: sanity, the baseline, the minimum viable experiment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gnomon.lab.specs import expression
from gnomon.lab.specs.plan import Unit, of_phase
from gnomon.lab.specs.spec import Expected, Spec
from gnomon.lab.store.series import aggregated, series
from gnomon.lab.store.state import State


def sanity(planned: Iterable[Unit], state: State) -> str:
    """Why nothing may be measured; empty: every check held."""
    failed = [unit for unit in of_phase(planned, "sanity") if not state.is_done(unit.id)]
    reasons = [state.units[unit.id].failure if unit.id in state.units else "" for unit in failed]
    told = [f"{unit.arm}{why and f' ({why})'}" for unit, why in zip(failed, reasons, strict=True)]
    return f"sanity check {', '.join(told)} failed" if told else ""


def baseline(spec: Spec, planned: Sequence[Unit], state: State) -> str:
    """Why the treatment may not start; empty: every baseline is within its tolerance."""
    values = series(spec, planned, state)
    metrics = {metric.name: metric for metric in spec.metrics.every}
    told = []
    for one in spec.baselines:
        for name, expected in one.expected.items():
            numbers = values.get(f"{one.arm}.{name}")
            found = aggregated(metrics[name], numbers)
            if found is None:
                told.append(f"{one.name}: {name} has no value on {_lacking(one.arm, name, planned, state)}")
            elif not expected.holds(found):
                told.append(f"{one.name}: {name} is {found:.6g}, expected {_shown(expected)}")
    return "; ".join(told)


def _lacking(arm: str, metric: str, planned: Sequence[Unit], state: State) -> str:
    """On how many units of a baseline a metric has no value, and why on the first of them."""
    listed = [unit for unit in of_phase(planned, "baseline") if unit.arm == arm]
    found = [(unit, state.units.get(unit.id)) for unit in listed]
    without = [(unit, ended) for unit, ended in found if ended is None or ended.metrics.get(metric) is None]
    unit, ended = without[0]
    why = (ended.missing.get(metric) or ended.failure) if ended is not None else ""
    return f"{len(without)} of {len(listed)} units ({unit.label}: {why or 'not run'})"


def _shown(expected: Expected) -> str:
    if expected.ci is not None:
        return f"{expected.ci[0]:g} to {expected.ci[1]:g}"
    if expected.tol_abs is not None:
        return f"{expected.value:g} within {expected.tol_abs:g}"
    return f"{expected.value:g} within {100 * (expected.tol_rel or 0):g} %"


def mve(spec: Spec, planned: Iterable[Unit], state: State) -> str:
    """Why the full protocol may not start; empty: the minimum viable experiment passed, or there is none."""
    if spec.mve is None:
        return ""
    found = expression.evaluate(expression.parse(spec.mve.pass_if), series(spec, planned, state, treatment="mve"))
    if found is None:
        return f"{spec.mve.pass_if}: not every unit has the values that it needs"
    return "" if found else f"{spec.mve.pass_if}: does not hold"
