"""Predictions as a timeline in the Trace Event Format, which Perfetto and chrome://tracing open.

A process is one engine's answer; a thread of it shows one pass, either its parts, each inside what it is a part of, or
its operators one after another. That order is a convention of the picture: a sum of times says nothing of when each
began. `repeat` equal operators are one event as long as all of them, with the number in its arguments: written out, a
training step of a large model would have a hundred thousand. Parts that overlap or race are given a thread each, from
the start of what they are parts of.

Where an engine tells what runs when, each of its tracks is a thread too: there the order is that of time.

The unit of time is the microsecond, and ends are rounded to the nanosecond, the finest that viewers keep: rounded as
ends, not as lengths, parts stay inside their whole. `args` holds the exact seconds.

[Trace Event Format, Google: complete events "X" and metadata events "M"]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gnomon.core.prediction import Part
from gnomon.core.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPass:
    """One pass of an answer."""

    name: str  # like "TPOT decode @512"
    value_s: float
    parts: tuple[Part, ...]  # add up to the value
    operators: Sequence[Mapping[str, Any]] = ()  # name, repeat, time_s of one copy, and more; empty where unknown
    timeline: Timeline | None = None  # what runs when, where that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedAnswer:
    """One engine's answer: a process of the trace."""

    name: str  # model, system, engine
    passes: Sequence[TracedPass]


def chrome_trace(answers: Sequence[TracedAnswer], *, version: str) -> dict[str, Any]:
    """The trace as a JSON object; every pass begins at 0."""
    events = [event for pid, answer in enumerate(answers, start=1) for event in _process(pid, answer)]
    about: dict[str, Any] = {"writer": "gnomon", "version": version}
    if left_out := sum(one.timeline.left_out for answer in answers for one in answer.passes if one.timeline):
        about["spans_left_out"] = left_out
    return {"traceEvents": events, "displayTimeUnit": "ns", "otherData": about}


@dataclass(slots=True)
class _Threads:
    """The threads of a process, numbered as they are named."""

    pid: int
    names: list[str] = field(default_factory=list)

    def new(self, name: str) -> int:
        self.names.append(name)
        return len(self.names)


def _process(pid: int, answer: TracedAnswer) -> list[dict[str, Any]]:
    threads = _Threads(pid)
    events: list[dict[str, Any]] = []
    for one in answer.passes:
        whole = Part(name=one.name, value=one.value_s, kind="mixed", parts=one.parts)
        events += _part(threads, threads.new(f"{one.name}: parts"), whole, 0.0)
        if one.operators:
            events += _operators(pid, threads.new(f"{one.name}: operators"), one.operators)
        if one.timeline is not None:
            events += _spans(threads, one.name, one.timeline)
    named = [
        _metadata("process_name", pid, 0, {"name": answer.name}),
        _metadata("process_sort_index", pid, 0, {"sort_index": pid}),
    ]
    for tid, name in enumerate(threads.names, start=1):
        named += [
            _metadata("thread_name", pid, tid, {"name": name}),
            _metadata("thread_sort_index", pid, tid, {"sort_index": tid}),
        ]
    return [*named, *events]


def _metadata(name: str, pid: int, tid: int, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": pid, "tid": tid, "args": dict(args)}


def _part(threads: _Threads, tid: int, part: Part, start_s: float) -> Iterator[dict[str, Any]]:
    """A part from `start_s`, then those that it is made of."""
    args = {"seconds": part.value, "kind": part.kind}
    yield _complete(threads.pid, tid, part.name, part.kind, start_s, start_s + part.value, args)
    for inner in part.parts:
        if part.combine == "sum":
            yield from _part(threads, tid, inner, start_s)
            start_s += inner.value
        else:
            yield from _part(threads, threads.new(f"{part.name}: {inner.name}"), inner, start_s)


def _operators(pid: int, tid: int, operators: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The operators one after another, equal ones as one event."""
    start_s = 0.0
    for row in operators:
        total_s = row["time_s"] * row["repeat"]
        name = f"{row['name']} x{row['repeat']}" if row["repeat"] > 1 else str(row["name"])
        args = {"seconds": total_s, "seconds_each": row["time_s"]} | {k: v for k, v in row.items() if k != "time_s"}
        yield _complete(pid, tid, name, str(row.get("family", "operator")), start_s, start_s + total_s, args)
        start_s += total_s


def _spans(threads: _Threads, name: str, timeline: Timeline) -> Iterator[dict[str, Any]]:
    """What runs when, a thread for each track, by name."""
    tracks = sorted({span.track for span in timeline.spans}, key=_by_numbers)
    tids = {track: threads.new(f"{name}: {track}") for track in tracks}
    for span in timeline.spans:
        args = {"seconds": span.end_s - span.start_s, **span.details}
        yield _complete(threads.pid, tids[span.track], span.name, span.kind, span.start_s, span.end_s, args)


def _by_numbers(track: str) -> list[tuple[int, str]]:
    """A key under which "stage 10" stands after "stage 9"."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", track)]


def _complete(
    pid: int, tid: int, name: str, category: str, start_s: float, end_s: float, args: Mapping[str, Any]
) -> dict[str, Any]:
    """A complete event; both ends in whole nanoseconds, written in microseconds."""
    start_ns, end_ns = round(start_s * 1e9), round(end_s * 1e9)
    span = {"ts": start_ns / 1e3, "dur": (end_ns - start_ns) / 1e3}
    return {"name": name, "cat": category, "ph": "X", "pid": pid, "tid": tid, **span, "args": dict(args)}
