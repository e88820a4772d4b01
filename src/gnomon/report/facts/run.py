"""What is told of a run in words and short tables: nothing here is computed that the run's own steps do not compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gnomon.core.units import show
from gnomon.lab.results.reading import DRAWS, LEVEL
from gnomon.lab.runs.budget import Line, ledger
from gnomon.lab.runs.collect import metrics_document
from gnomon.lab.specs.plan import of_phase
from gnomon.lab.specs.spec import Expected, Metric
from gnomon.lab.store.series import aggregated, series
from gnomon.lab.store.state import ENDS
from gnomon.report.facts.listing import Fact, Listing, listing, number
from gnomon.report.runs import Run

# What a word in a marked place says to the eye; the word stands there too.
_WELL = ("completed", "whole", "none", "pass", "within", "done")
_ILL = ("not as it was sealed", "fail", "outside", "failed", "over", *(end for end in ENDS if end != "completed"))
MOODS = {**dict.fromkeys(_WELL, "good"), **dict.fromkeys(_ILL, "bad")}
_GOOD = {"lower": "lower", "higher": "higher", "none": "-"}
_AXES = {"runs": "runs", "gpu_hours": "GPU-hours", "wall_clock": "wall-clock time", "usd": "money"}
_MOST_FINDINGS = 5  # told at the top; `exp verify` tells all
# Of a violation: what every record has, and what stands in a column of its own.
_CHAINED = ("seq", "prev", "hash", "time", "mono", "kind", "pid", "what", "unit", "attempt", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as the page tells it, part by part."""

    statement: str  # of the hypothesis
    question: tuple[Fact, ...]
    variables: Listing
    criteria: Listing
    statistics: Listing
    baselines: Listing
    sanity: Listing
    phases: Listing
    budget: Listing
    protocol: tuple[Fact, ...]
    violations: Listing
    waived: Listing
    overages: Listing
    notes: tuple[str, ...]
    registration: tuple[Fact, ...]
    amendments: Listing
    anchors: tuple[str, ...]
    limits: tuple[str, ...]
    environment: tuple[Fact, ...]
    no_environment: str  # why nothing is told of it; empty: it is


def run_view(run: Run) -> RunView:
    """Everything but what is drawn and the long tables."""
    document = measured(run)
    return RunView(
        statement=run.spec.hypothesis.statement,
        question=tuple(_question(run)),
        variables=_variables(run),
        criteria=_criteria(run),
        statistics=_statistics(run, document),
        baselines=_baselines(run),
        sanity=_sanity(run),
        phases=_phases(run),
        budget=_budget(run),
        protocol=tuple(_protocol(run)),
        violations=_violations(run),
        waived=_waived(run),
        overages=listing(
            "Overages that were justified",
            ("axis", "reason"),
            [(_AXES.get(str(one["axis"]), str(one["axis"])), str(one["text"])) for one in run.state.overages],
            prose=("reason",),
        ),
        notes=tuple(document["notes"].splitlines()),
        registration=tuple(_registration(run)),
        amendments=_amendments(run),
        anchors=run.verified.anchors if run.verified is not None else (),
        limits=run.verified.limits if run.verified is not None else (),
        environment=tuple(_environment(run)),
        no_environment=_no_environment(run),
    )


def measured(run: Run) -> dict[str, Any]:
    """metrics.json as the journal has it."""
    return metrics_document(run.spec, run.planned, run.state, time="", head="", executor="")


def metric_of(run: Run, name: str) -> Metric:
    """A metric that the spec declares."""
    return next(metric for metric in run.spec.metrics.every if metric.name == name)


def alarms(run: Run) -> Iterator[str]:
    """What a reader must know before any number."""
    if run.findings:
        told = "; ".join(f"{one.name}: {one.text}" for one in run.findings[:_MOST_FINDINGS])
        more = len(run.findings) - _MOST_FINDINGS
        yield (
            f"This run is not as it was registered and sealed: {told}{f'; and {more} more' if more > 0 else ''}. "
            f"What follows is what its journal says. `{run.command('verify')}` checks it again."
        )


def tiles(run: Run, document: Mapping[str, Any]) -> Iterator[Fact]:
    """How it ended, whether it is whole, how far it came; document: of `measured`."""
    state, count = run.state, document["_protocol"]["units"]
    if state.end is not None:
        text = f"{state.reason or 'every unit ended'}{'' if state.is_sealed else '; not sealed yet'}"
        yield Fact(name="end", text=text, mark=state.end)
    else:
        mark, what = ("at work", "") if run.is_running else ("interrupted", f"; `{run.command('resume')}` goes on")
        yield Fact(name="end", text=f"in phase {state.phase}{what}", mark=mark)
    if run.verified is None:
        yield Fact(name="seal", text="nothing to hold it against until it ends", mark="not sealed")
    else:
        text = f"{run.records:,} records, {run.verified.files:,} files"
        yield Fact(name="seal", text=text, mark="whole" if run.verified.is_whole else "not as it was sealed")
    words = [f"{count['done']} of {count['planned']} done"]
    words += [f"{count[name]} {word}" for name, word in (("failed", "failed"), ("skipped", "not run")) if count[name]]
    yield Fact(name="units", text=", ".join(words))
    yield Fact(name="time at work", text=f"{show(state.wall_s, 's')}, begun {moment(state.started)}")
    yield Fact(name="enforcement", text=state.enforcement or "no runner began")
    told = len(state.violations)
    yield Fact(name="violations", text=f"{told} recorded" if told else "", mark="" if told else "none")


def _question(run: Run) -> Iterator[Fact]:
    one = run.spec.hypothesis
    unit = metric_of(run, one.metric).unit
    yield Fact(name="metric", text=one.metric)
    yield Fact(name="expected", text=f"{one.direction} {number(one.magnitude, unit)}")
    yield Fact(name="held against", text=one.reference)


def _variables(run: Run) -> Listing:
    varied, held = run.spec.variables.independent, run.spec.variables.controls
    rows = [(one.name, "varied", ", ".join(map(str, one.levels)), one.why) for one in varied]
    rows += [(one.name, "held", str(one.value), one.why) for one in held]
    return listing("Variables", ("variable", "role", "values", "why"), rows, prose=("values", "why"))


def _criteria(run: Run) -> Listing:
    if not run.verdicts:
        rows = [(one.id, one.expr, one.on) for one in run.spec.criteria]
        return listing("Criteria", ("criterion", "expression", "on"), rows, note=_unread(run))
    return listing(
        "Verdict",
        ("criterion", "verdict", "expression", "left", "right", f"left - right, {100 * LEVEL:g} %", "on", "why"),
        [
            (
                one.id,
                one.verdict,
                one.expr,
                number(one.left),
                number(one.right),
                "-" if one.margin_low is None else f"{number(one.margin_low)} to {number(one.margin_high)}",
                one.on,
                one.why,
            )
            for one in run.verdicts
        ],
        numbers=("left", "right", f"left - right, {100 * LEVEL:g} %"),
        prose=("why",),
        marked="verdict",
        note=f"As `{run.command('read')}` gave it: the registered expressions on the sealed numbers. The interval is of left "
        f"minus right with the seeds drawn again {DRAWS:,} times; the verdict does not depend on it.",
    )


def _unread(run: Run) -> str:
    if run.verified is None:
        return f"No verdict: criteria are read of a sealed run. `{run.command('status')}` tells how far this one is."
    if run.findings:
        return "No verdict: criteria are read only of a run that is as it was sealed."
    read = f"`{run.command('read')}`"
    if run.unread == "none":
        return f"No verdict yet: {read} gives it."
    return f"verdict.json is not what the criteria say of the sealed numbers, and is not shown: {read} writes it anew."


def _statistics(run: Run, document: dict[str, Any]) -> Listing:
    roles = {arm.name: arm.role for arm in run.spec.protocol.arms}
    values = series(run.spec, run.planned, run.state)
    rows = []
    for metric in run.spec.metrics.every:
        for arm, stats in document["_protocol"]["stats"].items():
            one = stats[metric.name]
            together = aggregated(metric, values.get(f"{arm}.{metric.name}"))
            is_said = metric.aggregate != "mean"
            rows.append(
                (
                    metric.name,
                    arm,
                    roles[arm],
                    number(one["mean"], metric.unit),
                    "" if one["ci95"] is None else f"± {number(one['ci95'])}",
                    number(one["std"]),
                    f"{metric.aggregate} {number(together, metric.unit)}" if is_said else "",
                    str(one["n"]),
                    _GOOD[metric.direction],
                )
            )
    return listing(
        "By metric and arm",
        ("metric", "arm", "role", "mean", "95 %", "std", "taken together", "n", "better"),
        rows,
        numbers=("mean", "95 %", "std", "taken together", "n"),
        note="n: units with a value. 95 %: half of the interval of the mean, by Student's t.",
    )


def _baselines(run: Run) -> Listing:
    values = series(run.spec, run.planned, run.state)
    rows = []
    for one in run.spec.baselines:
        for name, expected in one.expected.items():
            metric = metric_of(run, name)
            found = aggregated(metric, values.get(f"{one.arm}.{name}"))
            word = "no value" if found is None else "within" if expected.holds(found) else "outside"
            told = (_expected(expected, metric.unit), number(found, metric.unit), word)
            rows.append((one.name, one.arm, name, *told, one.cite or one.source))
    return listing(
        "Baselines",
        ("baseline", "arm", "metric", "expected", "found", "found is", "from"),
        rows,
        numbers=("expected", "found"),
        prose=("from",),
        marked="found is",
    )


def _expected(one: Expected, unit: str) -> str:
    if one.ci is not None:
        return f"{one.ci[0]:g} to {one.ci[1]:g} {unit}".rstrip()
    if one.tol_abs is not None:
        return f"{number(one.value, unit)} ± {number(one.tol_abs, unit)}"
    return f"{number(one.value, unit)} ± {100 * (one.tol_rel or 0):g} % of it"


def _sanity(run: Run) -> Listing:
    rows = []
    for unit in of_phase(run.planned, "sanity"):
        found = run.state.units.get(unit.id)
        is_done = found is not None and found.done is not None
        word = "done" if is_done else "failed" if found is not None and found.failure else "not run"
        rows.append((unit.arm, word, "" if found is None or is_done else found.failure))
    return listing("Sanity checks", ("check", "outcome", "why"), rows, prose=("why",), marked="outcome")


def _phases(run: Run) -> Listing:
    rows = []
    for span in run.story.spans.values():
        tries = [one for one in run.story.attempts if one.phase == span.phase]
        counted = [str(sum(one.outcome == word for one in tries) or "") for word in ("done", "failed", "cut short")]
        rows.append((span.phase, moment(span.began), show(span.work_s, "s"), str(len(tries)), *counted))
    return listing(
        "Phases",
        ("phase", "began (UTC)", "time at work", "tries", "done", "failed", "cut short"),
        rows,
        numbers=("time at work", "tries", "done", "failed", "cut short"),
    )


def _budget(run: Run) -> Listing:
    def amount(line: Line, value: float) -> str:
        return show(value, "s") if line.unit == "s" else number(value, line.unit)

    lines = [line for line in ledger(run.spec, run.state) if line.used or line.allowed]
    rows = [
        (
            _AXES.get(line.axis, line.axis),
            amount(line, line.used),
            amount(line, line.allowed),
            f"{100 * line.used / line.allowed:.3g} %" if line.allowed else "-",
            "over" if line.is_over else "",
        )
        for line in lines
    ]
    return listing(
        f"Budget ({run.spec.budget.tier})",
        ("of", "used", "allowed", "share", "is"),
        rows,
        numbers=("used", "allowed", "share"),
        marked="is",
    )


def _protocol(run: Run) -> Iterator[Fact]:
    asked = run.spec.integrity.min_enforcement
    yield Fact(name="enforcement reached", text=f"{run.state.enforcement or 'none'} (asked for: at least {asked})")
    for name, word in (("reasons", "why no more"), ("uncovered", "not covered")):
        told = run.story.host.get(name)
        if isinstance(told, list) and told:
            yield Fact(name=word, text="; ".join(map(str, told)))
    if run.state.interruptions:
        often = "once" if run.state.interruptions == 1 else f"{run.state.interruptions} times"
        yield Fact(name="interrupted", text=f"{often}, and resumed")
    yield Fact(name="tries", text=f"{run.state.attempts} of {len(run.planned)} units")


def _violations(run: Run) -> Listing:
    labels = {unit.id: unit.label for unit in run.planned}
    rows = []
    for one in run.state.violations:
        rest = [f"{name}: {value}" for name, value in one.items() if name not in _CHAINED]
        text = "; ".join([*([str(one["text"])] if "text" in one else []), *rest])
        rows.append((str(one["what"]), labels.get(one.get("unit", ""), ""), text))
    return listing("Violations", ("of", "unit", "what happened"), rows, prose=("what happened",))


def _waived(run: Run) -> Listing:
    return listing(
        "Criteria that were waived",
        ("criterion", "limit", "estimate", "reason"),
        [
            (one["id"], show(one["threshold"], "s"), show(one["estimate"], "s"), one["reason"])
            for one in run.state.waived
        ],
        numbers=("limit", "estimate"),
        prose=("reason",),
    )


def _registration(run: Run) -> Iterator[Fact]:
    yield Fact(name="experiment", text=run.spec.id)
    yield Fact(name="run", text=run.state.run)
    yield Fact(name="sha256 of the spec", text=run.state.spec_sha256)
    lock = run.lock
    if lock is None:
        yield Fact(name="registered", text="its registration is gone, or was edited")
    else:
        version = f"amendment {lock.version}" if lock.version else "first version"
        yield Fact(
            name="registered", text=f"{moment(lock.registered)} UTC, {version}, with Gnomon {lock.gnomon or '?'}"
        )
        where = "which holds the spec" if lock.is_committed else "which does not hold the spec"
        yield Fact(name="commit", text=f"{lock.commit}, {where}" if lock.commit else "outside of a repository of git")
        yield Fact(name="tag", text=lock.tag or "none")
        yield Fact(name="signature", text="by ssh" if lock.signature else "none")
    yield Fact(name="head of the journal", text=run.head)


def _amendments(run: Run) -> Listing:
    rows = [
        (str(lock.version), moment(lock.registered), lock.why, "; ".join(text.strip() for text in lock.changes))
        for lock in run.locks
        if lock.version
    ]
    return listing("Amendments", ("version", "registered (UTC)", "why", "changes"), rows, prose=("why", "changes"))


def _environment(run: Run) -> Iterator[Fact]:
    if run.config is None:
        return
    found = run.config.environment
    cores = f"{found.cores} cores" if found.cores else ""
    memory = show(found.memory_bytes, "B") if found.memory_bytes else ""
    yield Fact(name="machine", text=", ".join(filter(None, (found.host, found.cpu, cores, memory))))
    yield Fact(name="GPUs", text="; ".join(found.gpus) or "none")
    yield Fact(name="system", text=f"{found.system} {found.kernel}{', in a container' if found.container else ''}")
    yield Fact(name="Python", text=f"{run.config.before.python}, {len(run.config.before.packages)} packages")
    yield Fact(name="Gnomon", text=f"{found.gnomon}, executor {run.config.executor}")
    if found.git.commit:
        dirty = ", with changes that are not committed (env/git.diff)" if found.git.is_dirty else ""
        yield Fact(name="git", text=f"{found.git.commit} on {found.git.branch}{dirty}")
    for name, value in found.variables.items():
        yield Fact(name=name, text=value)
    if found.withheld:
        yield Fact(name="withheld", text=", ".join(found.withheld))
    if run.config.changed:
        yield Fact(name="changed while it ran", text="; ".join(run.config.changed))


def _no_environment(run: Run) -> str:
    if run.config is not None:
        return ""
    if run.verified is None:
        return "It is written down when the run is sealed."
    return "config.json is not as it was sealed, or not as Gnomon writes it: nothing of it is told."


def moment(time: str) -> str:
    """A time of a record to the second: 2026-01-31 12:00:00."""
    return time.replace("T", " ").removesuffix("Z").split(".")[0]
