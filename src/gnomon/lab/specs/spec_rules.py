"""What the parts of a spec must be to each other: each rule is handed what is sound of them, and yields field and fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gnomon.core.errors import near_match
from gnomon.core.units import SPELLINGS
from gnomon.formats.strict import FieldPath
from gnomon.lab.specs import expression, template
from gnomon.lab.specs.expression import COMPARISONS, Call, ExpressionError, Kind, Name, Node, Number, Operation
from gnomon.lab.specs.spec import Arm, Metric

# What a spec of a tier may plan, and how many seeds it needs at least.
TIERS = {"small": (3600.0, 3), "medium": (24 * 3600.0, 3), "large": (14 * 24 * 3600.0, 5)}
LIVE = ("elapsed", "wall_clock", "maxrss", "gpu_hours", "runs", "failed", "step")  # what a run tells of itself, in SI
TIME_SLACK = 3.0  # a limit of time below so many times the estimate would end sound units

Told = Iterator[tuple[FieldPath, str]]


def _twice(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def metric_groups(parts: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Metric]]:
    """Every metric with the path of it."""
    for group in ("primary", "secondary", "sanity"):
        for index, metric in enumerate(getattr(parts["metrics"], group)):
            yield ("metrics", group, index), metric


def series_names(arms: Iterable[Arm], cells: Iterable[str], metrics: Iterable[str]) -> dict[str, Kind]:
    """What a criterion can name: arm.metric, arm.cell.metric, and the metric alone where one arm is under test."""
    arms, cells, metrics = list(arms), list(cells), list(metrics)
    known: dict[str, Kind] = {f"{arm.name}.{metric}": "series" for arm in arms for metric in metrics}
    known |= {f"{arm.name}.{cell}.{metric}": "series" for arm in arms for cell in cells for metric in metrics}
    if sum(arm.role == "treatment" for arm in arms) == 1:
        known |= dict.fromkeys(metrics, "series")
    return known


def _cell_names(parts: Mapping[str, Any]) -> list[str]:
    return [str(cell.get("name", "")) for cell in parts["protocol"].cells if cell.get("name")]


def _series(parts: Mapping[str, Any]) -> dict[str, Kind]:
    return series_names(parts["protocol"].arms, _cell_names(parts), [metric.name for metric in parts["metrics"].every])


def _checked(text: str, known: Mapping[str, Kind], path: FieldPath, wants: Kind = "truth") -> Told:
    try:
        kind = expression.kind_of(expression.parse(text), known)
    except ExpressionError as fault:
        yield path, f"column {fault.column} of {text!r}: {fault.text}"
        return
    if kind != wants:
        meant = {"truth": "true or false: compare it with a number", "number": "a single number", "series": "a series"}
        yield path, f"{text!r} is {'a series' if kind == 'series' else f'a {kind}'}, not {meant[wants]}"


# Rules: each takes the sound parts, and tells path and text of what is wrong.


def _metrics(parts: Mapping[str, Any]) -> Told:
    listed = list(metric_groups(parts))
    double = _twice(metric.name for _, metric in listed)
    known: dict[str, Kind] = {metric.name: "number" for _, metric in listed}
    for path, metric in listed:
        if metric.name in double:
            yield (*path, "name"), f"metric {metric.name!r} is declared twice"
        if metric.name in LIVE:
            yield (*path, "name"), f"{metric.name!r} is what a run tells of itself; take another name"
        if metric.from_.expr is not None:
            yield from _checked(metric.from_.expr, known, (*path, "from", "expr"), "number")
        if metric.from_.file is not None and not _is_inside(metric.from_.file):
            yield (*path, "from", "file"), f"{metric.from_.file!r} is not inside the unit's folder"
    yield from _circles(listed)


def _circles(listed: list[tuple[FieldPath, Metric]]) -> Told:
    """Metrics made of each other."""
    needs: dict[str, set[str]] = {}
    for _, metric in listed:
        try:
            made_of = expression.names(expression.parse(metric.from_.expr)) if metric.from_.expr else ()
            needs[metric.name] = {name.name for name in made_of}
        except ExpressionError:
            needs[metric.name] = set()
    for path, metric in listed:
        seen: set[str] = set()
        waiting = list(needs[metric.name])
        while waiting:
            name = waiting.pop()
            if name == metric.name:
                yield (*path, "from", "expr"), f"{metric.name!r} is made of itself"
                break
            if name not in seen:
                seen.add(name)
                waiting += needs.get(name, ())


def _hypothesis(parts: Mapping[str, Any]) -> Told:
    primary = [metric.name for metric in parts["metrics"].primary]
    about = parts["hypothesis"].metric
    if about not in primary:
        yield (
            ("hypothesis", "metric"),
            f"{about!r} is no primary metric{near_match(about, primary)} ({', '.join(primary)})",
        )


def _arms(parts: Mapping[str, Any]) -> Told:
    protocol = parts["protocol"]
    for name in _twice(arm.name for arm in protocol.arms):
        yield ("protocol", "arms"), f"arm {name!r} stands twice"
    if {arm.role for arm in protocol.arms} != {"treatment", "baseline"}:
        yield ("protocol", "arms"), "an arm of role treatment and one of role baseline are expected, at least"
    known = {"seed", "cell", "python"} | {key for cell in protocol.cells for key in cell} - {"name"}
    for index, arm in enumerate(protocol.arms):
        texts = [("command", text) for text in _words(arm.command)] + [("env", text) for text in arm.env.values()]
        if arm.gnomon is not None:
            asked = (arm.gnomon.engine, arm.gnomon.measurements, arm.gnomon.scenario, *arm.gnomon.where.values())
            texts += [("gnomon", str(text)) for text in asked if text is not None]
        for place, text in texts:
            yield from _template(text, known, ("protocol", "arms", index, place))


def _sanity(parts: Mapping[str, Any]) -> Told:
    for name in _twice(check.name for check in parts["sanity"]):
        yield ("sanity",), f"sanity check {name!r} stands twice"
    for index, check in enumerate(parts["sanity"]):
        for text in _words(check.command):
            yield from _template(text, {"python"}, ("sanity", index, "command"))


def _words(command: list[str] | str | None) -> list[str]:
    return [command] if isinstance(command, str) else list(command or ())


def _template(text: str, known: set[str], path: FieldPath) -> Told:
    try:
        for field in template.fields(text):
            if field not in known:
                yield (
                    path,
                    f"{{{field}}} is nothing that is filled in{near_match(field, known)} ({', '.join(sorted(known))})",
                )
    except ValueError as fault:
        yield path, str(fault)


def _cells(parts: Mapping[str, Any]) -> Told:
    protocol, independent = parts["protocol"], parts["variables"].independent
    levels = {variable.name: variable.levels for variable in independent}
    arms = {arm.name for arm in protocol.arms}
    used: dict[str, list[Any]] = {name: [] for name in levels}
    for index, cell in enumerate(protocol.cells):
        path: FieldPath = ("protocol", "cells", index)
        name = cell.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name):
            yield path, "a cell has a `name`: letters, digits and _, so that a criterion can name it"
        for key, value in cell.items():
            if key == "name":
                continue
            if key not in levels:
                yield (*path, key), f"{key!r} is no independent variable{near_match(key, levels)}"
                continue
            used[key].append(value)
            if value not in levels[key]:
                yield (*path, key), f"{value!r} is no level of {key} ({', '.join(map(str, levels[key]))})"
    for name in _twice(str(cell.get("name")) for cell in protocol.cells):
        yield ("protocol", "cells"), f"cell {name!r} stands twice"
    for index, variable in enumerate(independent):
        where: FieldPath = ("variables", "independent", index)
        if variable.name in ("name", "seed", "cell", "python"):
            yield (*where, "name"), f"{variable.name!r} is filled in already; take another name"
        by_arm = set(map(str, variable.levels)) <= arms
        if not used[variable.name]:
            if not by_arm:
                yield where, f"no cell varies {variable.name!r}, and its levels are not the arms"
            continue
        for cell_index, cell in enumerate(protocol.cells):
            if variable.name not in cell:
                yield ("protocol", "cells", cell_index), f"{variable.name!r} has no value here"
        for level in variable.levels:
            if level not in used[variable.name]:
                yield (*where, "levels"), f"level {level!r} is in no cell"


def _baselines(parts: Mapping[str, Any]) -> Told:
    arms = {arm.name: arm for arm in parts["protocol"].arms}
    metrics = [metric.name for metric in parts["metrics"].every]
    for name in _twice(baseline.name for baseline in parts["baselines"]):
        yield ("baselines",), f"baseline {name!r} stands twice"
    for index, baseline in enumerate(parts["baselines"]):
        path: FieldPath = ("baselines", index)
        if baseline.arm not in arms:
            yield (*path, "arm"), f"no arm is called {baseline.arm!r}{near_match(baseline.arm, arms)}"
        elif arms[baseline.arm].role != "baseline":
            yield (*path, "arm"), f"arm {baseline.arm!r} has the role {arms[baseline.arm].role}; give it role: baseline"
        for metric in baseline.expected:
            if metric not in metrics:
                yield (*path, "expected", metric), f"{metric!r} is no metric{near_match(metric, metrics)}"
    held = {baseline.arm for baseline in parts["baselines"]}
    for index, arm in enumerate(parts["protocol"].arms):
        if arm.role == "baseline" and arm.name not in held:
            yield (
                ("protocol", "arms", index),
                f"nothing is expected of the baseline arm {arm.name!r}: list it in baselines",
            )


def _criteria(parts: Mapping[str, Any]) -> Told:
    known = _series(parts)
    groups = {name: {m.name for m in getattr(parts["metrics"], name)} for name in ("primary", "secondary", "sanity")}
    for name in _twice(criterion.id for criterion in parts["criteria"]):
        yield ("criteria",), f"criterion {name!r} stands twice"
    for index, criterion in enumerate(parts["criteria"]):
        path: FieldPath = ("criteria", index, "expr")
        told = list(_checked(criterion.expr, known, path))
        yield from told
        if told or criterion.on not in groups:
            continue
        named = {name.name.split(".")[-1] for name in expression.names(expression.parse(criterion.expr))}
        if not named & groups[criterion.on]:
            yield path, f"names no {criterion.on} metric ({', '.join(sorted(groups[criterion.on])) or 'there is none'})"
    if not any(criterion.on == "primary" for criterion in parts["criteria"]):
        yield ("criteria",), "no criterion is on a primary metric"


def _mve(parts: Mapping[str, Any]) -> Told:
    mve = parts["mve"]
    if mve is None:
        return
    cells = _cell_names(parts)
    for index, cell in enumerate(mve.cells or ()):
        if cell not in cells:
            yield ("mve", "cells", index), f"no cell is called {cell!r}{near_match(cell, cells)}"
    yield from _checked(mve.pass_if, _series(parts), ("mve", "pass_if"))
    if len(set(mve.seeds)) < len(mve.seeds):
        yield ("mve", "seeds"), "a seed stands twice"


def _size(parts: Mapping[str, Any]) -> Told:
    protocol, budget = parts["protocol"], parts["budget"]
    if len(set(protocol.seeds)) < len(protocol.seeds):
        yield ("protocol", "seeds"), "a seed stands twice"
    _, least = TIERS[budget.tier]
    if len(protocol.seeds) < least:
        yield ("protocol", "seeds"), f"{len(protocol.seeds)} seeds; a {budget.tier} experiment has {least} at least"
    if len(protocol.seeds) > budget.max_seeds_per_config:
        yield ("protocol", "seeds"), f"{len(protocol.seeds)} seeds are more than budget.max_seeds_per_config"
    runs = _units(parts) + len(parts.get("sanity", ()))
    if runs > budget.max_runs:
        yield ("budget", "max_runs"), f"{runs} units are planned, sanity checks included"


def _units(parts: Mapping[str, Any]) -> int:
    """Units that are planned, without sanity checks."""
    protocol, mve = parts["protocol"], parts.get("mve")
    units = len(protocol.arms) * max(len(protocol.cells), 1) * len(protocol.seeds)
    treatments = sum(arm.role == "treatment" for arm in protocol.arms)
    return units + (treatments * len(mve.cells or (None,)) * len(mve.seeds) if mve is not None else 0)


def _times(parts: Mapping[str, Any]) -> Told:
    protocol, budget = parts["protocol"], parts["budget"]
    if protocol.unit_timeout < protocol.unit_estimate:
        yield ("protocol", "unit_timeout"), "a unit would be stopped before the time that it is expected to take"
    limit_s, units = TIERS[budget.tier][0], _units(parts)
    time_s = units * protocol.unit_estimate / protocol.workers
    for allowed, field in ((limit_s, "tier"), (budget.wall_clock, "wall_clock")):
        if time_s > allowed:
            yield ("budget", field), f"{units} units take {time_s:g} s by their estimate, more than {allowed:g} s"
    profile = parts["compute_profile"]
    if profile.device == "gpu" and profile.gpus < 1:
        yield ("compute_profile", "gpus"), "device is gpu: say how many"
    if profile.gpus and time_s * profile.gpus / 3600 > budget.gpu_hours:
        yield ("budget", "gpu_hours"), f"{time_s * profile.gpus / 3600:g} GPU-hours are expected"
    if profile.cloud == "advised" and not budget.max_usd:
        yield ("budget", "max_usd"), "a run in the cloud is advised: say what it may cost"


def _units_of_numbers(parts: Mapping[str, Any]) -> Told:
    """A number with a unit stands in SI: it is no number of a metric that is in another unit."""
    unit_of = {metric.name: metric.unit for metric in parts["metrics"].every}
    texts: list[tuple[FieldPath, str]] = [
        (("criteria", index, "expr"), one.expr) for index, one in enumerate(parts["criteria"])
    ]
    texts += [(("abort", index, "expr"), one.expr) for index, one in enumerate(parts["abort"])]
    texts += [(("mve", "pass_if"), parts["mve"].pass_if)] if parts.get("mve") is not None else []
    for path, text in texts:
        try:
            parsed = expression.parse(text)
        except ExpressionError:
            continue
        for node in expression.nodes(parsed):
            if isinstance(node, Operation) and node.sign in COMPARISONS:
                yield from ((path, told) for told in _unlike(node, unit_of))


def _unlike(comparison: Operation, unit_of: Mapping[str, str]) -> Iterator[str]:
    numbers = [part for part in expression.nodes(comparison) if isinstance(part, Number) and part.unit]
    metrics = dict.fromkeys(name.rpartition(".")[2] for name in _of_size(comparison))
    for number in numbers[:1]:
        sizes = next(sizes for sizes in SPELLINGS.values() if number.unit in sizes)
        for name in (name for name in metrics if name in unit_of and sizes.get(unit_of[name]) != 1.0):
            yield (
                f"{name} is in {unit_of[name] or 'no unit'}, and the number in {number.unit} is taken as {number.value:g}: "
                f"write it in the metric's own unit, and leave the unit out"
            )


def _of_size(node: Node) -> Iterator[str]:
    """Names whose unit the result has: none below a ratio or a count."""
    match node:
        case Name(name=name):
            yield name
        case Call(function="ratio" | "count" | "isfinite") | Operation(sign="/"):
            return
        case Call(arguments=inner) | Operation(sides=inner):
            for part in inner:
                yield from _of_size(part)


def _abort(parts: Mapping[str, Any]) -> Told:
    metrics = [metric.name for metric in parts["metrics"].every]
    live: dict[str, Kind] = dict.fromkeys((*metrics, *LIVE), "number")
    for name in _twice(abort.id for abort in parts["abort"]):
        yield ("abort",), f"abort criterion {name!r} stands twice"
    for index, abort in enumerate(parts["abort"]):
        path: FieldPath = ("abort", index, "expr")
        known = _series(parts) | dict.fromkeys(LIVE, "number") if abort.check == "phase" else live
        told = list(_checked(abort.expr, known, path))
        yield from told
        if told or abort.kind != "time":
            continue
        limit = time_limit(abort.expr)
        if limit is None:
            yield path, "a criterion of kind time is `elapsed > LIMIT` or `wall_clock > LIMIT`, like elapsed > 90 s"
        elif limit[0] == "elapsed" and limit[1] < TIME_SLACK * parts["protocol"].unit_estimate:
            least = TIME_SLACK * parts["protocol"].unit_estimate
            yield path, f"{limit[1]:g} s is below {TIME_SLACK:g} times the estimate of a unit: {least:g} s at least"


def time_limit(text: str) -> tuple[str, float] | None:
    """Name and limit in seconds of `elapsed > 90 s` or `wall_clock > 2 h`; None for another form."""
    match expression.parse(text):
        case expression.Operation(sign=">" | ">=", sides=(expression.Name(name=name), expression.Number(value=limit))):
            return (name, limit) if name in ("elapsed", "wall_clock") else None
    return None


def _files(parts: Mapping[str, Any]) -> Told:
    for path in _twice(item.path for item in parts["inputs"]):
        yield ("inputs",), f"input {path!r} stands twice"
    for index, item in enumerate(parts["inputs"]):
        if not _is_inside(item.path):
            yield ("inputs", index, "path"), f"{item.path!r} is not inside the repository"
    for index, folder in enumerate(parts["protocol"].scratch):
        top = PurePosixPath(folder).parts[:1]
        if not _is_inside(folder) or top in (("experiments",), ("results",), ("claims",), (".git",)):
            yield ("protocol", "scratch", index), f"{folder!r} cannot be written to by units"


def _is_inside(path: str) -> bool:
    """Whether a path leads to something below the folder it is taken from."""
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts


RULES = (
    _hypothesis,
    _metrics,
    _arms,
    _sanity,
    _cells,
    _baselines,
    _criteria,
    _mve,
    _size,
    _times,
    _units_of_numbers,
    _abort,
    _files,
)
