"""The numbers that a unit left: read as the spec declares them, with what is wrong told apart from what is missing.

A number that is not finite is no number (null, with what it was); one outside of its bounds is none either, and an event. A
name that the spec does not declare never becomes a metric: it is a fact for the notes. Two different values for one metric
are a violation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnomon.lab.specs import expression
from gnomon.lab.specs.spec import Metric, Source
from gnomon.lab.store.plain_file import content, opened

LINE_LIMIT = 1_000_000  # bytes of a line that is read; longer ones are no observation
_MLLOG = ":::MLLOG "
_SHOWN = 80
_MOST = 20  # facts, and violations, that are kept of a unit
_FILE_LIMIT = 256 << 20  # bytes of a file that is read whole
_CUT = re.compile(r"^\[gnomon: (\d+) bytes left out here\]$", re.MULTILINE)  # where a long log was cut: sandbox.logs


@dataclass(slots=True, kw_only=True)
class Observed:
    """What was read of one unit."""

    values: dict[str, float | None] = field(default_factory=dict)  # of every declared metric
    missing: dict[str, str] = field(default_factory=dict)  # why a metric has no value
    nonfinite: dict[str, str] = field(default_factory=dict)  # metric -> nan, inf or -inf
    violations: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)  # what else the unit told
    steps: int = 0  # the largest step among its observations


def observed(metrics: Iterable[Metric], room: Path, stdout: Path, lines: Path) -> Observed:
    """Read every metric; room: the unit's folder, stdout: what it printed, lines: the observations on its descriptor."""
    found = Observed()
    metrics = list(metrics)
    printed = _text(stdout)
    if cut := _CUT.search(printed):
        found.facts.append(f"standard output was too long: {cut[1]} bytes of its middle were left out")
    stream = _Stream(_json_lines(lines, found), found)
    for metric in metrics:
        if metric.from_.expr is None:
            _take(metric, _raw(metric.from_, room, printed, stream, found), found)
    waiting = [metric for metric in metrics if metric.from_.expr is not None]
    while waiting:  # linted: no circles, so each turn settles one at least
        ready = [metric for metric in waiting if _needs(metric) <= found.values.keys()]
        assert ready
        for metric in ready:
            value = expression.evaluate(expression.parse(metric.from_.expr or ""), found.values)
            _take(metric, value if value is not None else Missing("a metric that it is made of has no value"), found)
        waiting = [metric for metric in waiting if metric not in ready]
    declared = {metric.from_.observations for metric in metrics} | {metric.name for metric in metrics}
    found.facts += [
        f"not declared: {_shown(name)} = {stream.values[name]!r:.{_SHOWN}}"
        for name in sorted(stream.values.keys() - declared)
    ]
    found.facts = _first(found.facts)
    found.violations = _first(found.violations)
    found.steps = stream.steps
    return found


def _first(told: list[str]) -> list[str]:
    """As many as can be read, and how many more there are: a unit may say the same a million times."""
    return told if len(told) <= _MOST else [*told[:_MOST], f"and {len(told) - _MOST} more of the kind"]


def _shown(name: str) -> str:
    """A name that a unit gave, as text that can be written anywhere."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name[:_SHOWN])


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no number."""

    why: str


def _needs(metric: Metric) -> set[str]:
    return {name.name for name in expression.names(expression.parse(metric.from_.expr or ""))}


def _take(metric: Metric, raw: Any, found: Observed) -> None:
    """One metric's number, or why it has none."""
    name = metric.name
    found.values[name] = None
    if isinstance(raw, Missing):
        found.missing[name] = raw.why
        return
    value = _number(raw)
    if value is None:
        found.missing[name] = f"{raw!r:.{_SHOWN}} is no number"
    elif not math.isfinite(value):
        found.nonfinite[name] = str(value)
        found.missing[name] = f"not finite: {value}"
    elif metric.bounds is not None and not metric.bounds[0] <= value <= metric.bounds[1]:
        why = f"{value!r} is outside of its bounds, {metric.bounds[0]:g} to {metric.bounds[1]:g}"
        found.missing[name] = why
        found.violations.append(f"{name}: {why}")
    else:
        found.values[name] = value


def _number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)) or (isinstance(raw, str) and "_" in raw):
        return None
    try:
        return float(raw)
    except (ValueError, OverflowError):
        return None


def _raw(source: Source, room: Path, printed: str, stream: _Stream, found: Observed) -> Any:
    if source.pointer is not None:
        return _pointed(source, room, printed, found)
    if source.regex is not None:
        matches = list(re.finditer(source.regex, printed))
        if not matches:
            return Missing("the regex matches nothing that was printed")
        return matches[-1].group(1) if matches[-1].re.groups else matches[-1].group(0)
    if source.mlperf is not None:
        return _mlperf(source.mlperf, printed)
    return stream.values.get(str(source.observations), Missing("not among the observations"))


def _pointed(source: Source, room: Path, printed: str, found: Observed) -> Any:
    """The value that a JSON pointer leads to (RFC 6901), in a file of the unit's folder or in what it printed."""
    if source.file is None:
        text, where = printed, "standard output"
    else:
        where = source.file
        path = room / source.file
        if not path.is_file() or not path.resolve().is_relative_to(room.resolve()):
            return Missing(f"{where}: no such file")
        if path.stat().st_size > _FILE_LIMIT:
            return Missing(f"{where}: {path.stat().st_size} bytes are more than is read, {_FILE_LIMIT}")
        text = _text(path)

    def one_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        last = dict(pairs)
        for key, other in pairs:
            if len(found.violations) <= _MOST and not _same(other, last[key]):
                told = f"{where}: {key!r:.{_SHOWN}} stands twice: {other!r:.{_SHOWN}} and {last[key]!r:.{_SHOWN}}"
                found.violations += [told] if told not in found.violations else []  # read for another metric before
        return last

    try:
        value = json.loads(text, object_pairs_hook=one_of_each)
    except (ValueError, RecursionError) as fault:
        return Missing(f"{where}: not JSON ({fault!s:.{_SHOWN}})")
    for part in (source.pointer or "").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return Missing(f"{where}: nothing at {source.pointer}")
    return value if value is not None else Missing(f"{where}: null at {source.pointer}")


def _mlperf(key: str, printed: str) -> Any:
    """The value of the last MLPerf log line of that key. [MLPerf logging: lines `:::MLLOG {"key": ..., "value": ...}`]"""
    found: Any = Missing(f"no {_MLLOG.strip()} line of key {key}")
    for line in printed.splitlines():
        _, mark, rest = line.partition(_MLLOG)
        if not mark:
            continue
        try:
            record = json.loads(rest)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("key") == key:
            found = record.get("value")
    return found


def _text(path: Path) -> str:
    """A plain file as text, bytes that are none replaced; empty where there is none."""
    return content(path).decode("utf-8", "replace")


def _json_lines(path: Path, found: Observed) -> Iterator[Mapping[str, Any]]:
    """The observations of a file, one on each line; what is none is counted."""
    broken, file = 0, opened(path)
    if file is None:
        return
    with file:
        for line in file:
            record = parsed(line)
            if record is None:
                broken += bool(line.strip())
                continue
            yield record
    if broken:
        found.facts.append(f"{broken} lines on the descriptor are no observations")


def parsed(line: bytes) -> Mapping[str, Any] | None:
    """The observation on a line: {"name": ..., "value": ...}, with a `step` where there is one."""
    if len(line) > LINE_LIMIT:
        return None
    try:
        record = json.loads(line, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("name"), str) and "value" in record else None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal; what is not a number is equal to itself here."""
    return bool(one == other or (one != one and other != other))


def _whole(text: str) -> int | float:
    """A whole number, as a float where a float cannot hold it exactly: one of 4000 digits is infinite."""
    return int(text) if len(text) <= _DIGITS else float(text)


_DIGITS = 15


class _Stream:
    """The last value of each name; another value for a name at the same step is a violation."""

    def __init__(self, records: Iterator[Mapping[str, Any]], found: Observed) -> None:
        self.values: dict[str, Any] = {}
        self.steps = 0
        at: dict[str, Any] = {}
        for record in records:
            name, value, step = record["name"], record["value"], record.get("step")
            if name in at and at[name] == step and not _same(self.values[name], value):
                place = f" at step {step}" if step is not None else ""
                found.violations.append(
                    f"{_shown(name)}: two values{place}: {self.values[name]!r:.{_SHOWN}} and {value!r:.{_SHOWN}}"
                )
            at[name], self.values[name] = step, value
            if isinstance(step, int) and not isinstance(step, bool):
                self.steps = max(self.steps, step)
