"""Why a predicted time is what it is, in words, and what would shorten it: each change put to the same engine again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gnomon.api.faster import WHAT_IF, faster_network
from gnomon.api.questions import build
from gnomon.core.dtype import DTYPES
from gnomon.core.errors import BadInput, GnomonError
from gnomon.core.in_words import share
from gnomon.core.prediction import Part
from gnomon.core.scenario import Scenario
from gnomon.core.units import show
from gnomon.report.facts.titles import LONG_LABELS, mode_words, question_title

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Outcome
    from gnomon.core.engine import Engine

# Formats of products, each step narrower; what a device lacks is passed over.
_NARROWER = ("fp32", "tf32", "bf16", "fp8", "fp4")
_WEIGHTS = ("int8", "int4")  # in which weights alone can be stored, whatever the products run in
WORTH_A_WORD = 0.005  # of the time: a smaller part is left out of the sentence
WORTH_NAMING = 1.005  # times as fast: below it a change is said to do next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the engine says when one thing is changed."""

    name: str  # what is changed, in words
    value_s: float  # predicted time of the pass with it, seconds
    times_as_fast: float  # items per second with it over without; of a service its time without over with
    fits: bool  # whether the pass still fits into the device's memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Why one pass takes its time."""

    outcome: Outcome
    changes: tuple[Change, ...]  # the most helpful first; empty without a prediction

    def __str__(self) -> str:
        found = self.outcome.prediction
        name = LONG_LABELS[self.outcome.quantity]
        name += f" ({mode_words(self.outcome.scenario.plan.mode, self.outcome.length)})"
        if found is None:
            return f"{name}: not answered: {'; '.join(self.outcome.reasons)}"
        words, unit = (_BOUND, "pass") if found.step is None else (_BOUND_OF_A_STEP, "step")
        lines = [f"{name}: {show(found.value, 's')}." + (f" {words[found.bound]}" if found.bound else "")]
        shares = [_share(part, found.value) for part in found.parts if part.value >= WORTH_A_WORD * found.value]
        lines.append("  Where it goes: " + "; ".join(shares))
        if not found.fits:
            lines.append("  It does not fit into the device's memory.")
        helps = [change for change in self.changes if change.times_as_fast >= WORTH_NAMING]
        rest = [change.name for change in self.changes if change.times_as_fast < WORTH_NAMING]
        lines += ["  What would help, one thing changed at a time:"] if helps else []
        width = max((len(change.name) for change in helps), default=0)
        for change in helps:
            line = f"    {change.name:{width}}  {change.times_as_fast:.2f} times as fast"
            line += f" ({show(change.value_s, 's')} a {unit})"
            lines.append(line + ("" if change.fits else "; does not fit"))
        lines += [f"  Would not help: {', '.join(rest)}."] if rest else []
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """Every pass of an answer explained; prints as text."""

    title: str
    passes: tuple[Pass, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.passes)])

    def __repr__(self) -> str:
        return str(self)


_BOUND = {
    "compute": "Most of it is arithmetic: the peak of the compute units binds.",
    "memory": "Most of it is memory traffic: the memory's bandwidth binds.",
    "network": "Most of it is traffic between devices: the network binds.",
    "overhead": "Most of it is overhead: starting kernels binds.",
}
# Of a training step, whose computations are bound by this or that.
_BOUND_OF_A_STEP = {
    "compute": "Most of it is computation.",
    "memory": "Most of it is computation.",
    "network": _BOUND["network"],
    "overhead": "Most of it is idle time or launching kernels.",
}


def explain(answer: Answer, engine: Engine) -> Explanation:
    """What binds each pass, where its time goes, and what `engine`, asked again, says would help."""
    passes = []
    for outcome in answer.outcomes:
        changes = () if outcome.prediction is None else tuple(_changes(answer, outcome, engine))
        ordered = tuple(sorted(changes, key=lambda change: -change.times_as_fast))
        passes.append(Pass(outcome=outcome, changes=ordered))
    return Explanation(title=f"{question_title(answer.fields)}, as {answer.engine} sees it", passes=tuple(passes))


def _changes(answer: Answer, outcome: Outcome, engine: Engine) -> Iterator[Change]:
    """The engine's answers with one thing changed; what it cannot answer is left out."""
    assert outcome.items_per_s is not None
    assert outcome.prediction is not None
    for name, scenario in _variants(answer, outcome.scenario):
        try:
            if engine.missing(scenario):
                continue
            found = engine.predict(scenario)
        except BadInput:  # a plan that the changed question cannot have
            continue
        changed = replace(outcome, scenario=scenario, prediction=found)
        assert changed.items_per_s is not None
        # A service has no more tokens a second than its requests ask for: what is shorter is their time.
        of_a_service = outcome.prediction.value / found.value
        yield Change(
            name=name,
            value_s=found.value,
            times_as_fast=changed.items_per_s / outcome.items_per_s if found.service is None else of_a_service,
            fits=found.fits,
        )


def _variants(answer: Answer, scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    """The scenario with one thing changed, each with its name."""
    system, plan = scenario.system, scenario.plan
    for name, device in (
        ("twice the memory bandwidth", system.device.scaled(bandwidth=2, why=WHAT_IF)),
        ("twice the peak", system.device.scaled(peak=2, why=WHAT_IF)),
        ("half the launch overhead", system.device.scaled(launch=0.5, why=WHAT_IF)),
    ):
        yield name, replace(scenario, system=replace(system, device=device))
    if system.dimensions:
        yield "twice the network bandwidth", replace(scenario, system=faster_network(system, 2))
    batch = "batch" if plan.training is None else "micro-batch"
    plans = [] if plan.serving is not None else [(f"twice the {batch}", replace(plan, batch=2 * plan.batch))]
    stored = DTYPES[plan.weight_dtype or plan.dtype].bytes
    if (narrower := _narrower(scenario)) is not None:
        plans.append((f"products in {narrower}", replace(plan, dtype=narrower)))
    plans += [
        (f"weights stored in {name}", replace(plan, weight_dtype=name))
        for name in _WEIGHTS
        if DTYPES[name].bytes < stored and not plan.mode.startswith("forward+backward")
    ]
    for name, changed in plans:
        try:
            workload = build(answer.question.model, changed)
        except GnomonError:  # the model has no such shape
            continue
        yield name, replace(scenario, workload=workload, plan=changed)


def _narrower(scenario: Scenario) -> str | None:
    """The next narrower format of products that the device has; None where there is none."""
    present = "bf16" if scenario.plan.dtype == "fp16" else scenario.plan.dtype
    if present not in _NARROWER:
        return None
    has = scenario.system.device.product_dtypes
    below = _NARROWER[_NARROWER.index(present) + 1 :]
    return next((name for name in below if name in has), "fp16" if present == "fp32" and "fp16" in has else None)


def _share(part: Part, whole_s: float) -> str:
    """A part with its share of the time, and the largest of what it is made of."""
    text = f"{part.name} {share(part.value / whole_s)}"
    inner = [f"{p.name} {share(p.value / whole_s)}" for p in part.parts if p.value >= WORTH_A_WORD * whole_s]
    return f"{text} ({', '.join(inner)})" if len(inner) > 1 else text
