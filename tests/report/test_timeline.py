"""The Chrome trace: its form, what is inside what, and that every thread adds up to the prediction."""

from __future__ import annotations

from collections import defaultdict

import pytest

from gnomon.core.prediction import Part
from gnomon.report.timeline import TracedAnswer, TracedPass, chrome_trace


def part(name: str, value: float, *parts: Part, combine="sum") -> Part:
    return Part(name=name, value=value, kind="compute", parts=parts, combine=combine)


def traced(*parts: Part, operators=(), value_s: float | None = None) -> TracedAnswer:
    value_s = sum(p.value for p in parts) if value_s is None else value_s
    return TracedAnswer(name="toy", passes=[TracedPass(name="time", value_s=value_s, parts=parts, operators=operators)])


def complete(trace):
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


def by_thread(trace):
    threads = defaultdict(list)
    for event in complete(trace):
        threads[event["pid"], event["tid"]].append(event)
    return threads


def assert_nested(events):
    """As viewers read them: sorted by begin, each event inside the last that has not ended."""
    open_ends: list[float] = []
    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        begin, end = round(event["ts"] * 1e3), round((event["ts"] + event["dur"]) * 1e3)
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        assert not open_ends or end <= open_ends[-1]
        open_ends.append(end)


def test_parts_follow_one_another_inside_what_they_are_parts_of():
    trace = chrome_trace([traced(part("a", 3e-6, part("b", 1e-6), part("c", 2e-6)), part("d", 1e-6))], version="1")
    spans = {event["name"]: (event["ts"], event["dur"]) for event in complete(trace)}
    assert spans == {"time": (0, 4), "a": (0, 3), "b": (0, 1), "c": (1, 2), "d": (3, 1)}


def test_repeated_operators_are_one_event_that_says_how_many():
    rows = [
        {"name": "layer", "repeat": 3, "time_s": 2e-6, "family": "matmul"},
        {"name": "head", "repeat": 1, "time_s": 1e-6},
    ]
    trace = chrome_trace([traced(part("all", 7e-6), operators=rows)], version="1")
    layer, head = complete(trace)[-2:]
    assert (layer["name"], layer["ts"], layer["dur"]) == ("layer x3", 0, 6)
    assert layer["args"]["repeat"] == 3
    assert layer["args"]["seconds_each"] == 2e-6
    assert layer["args"]["seconds"] == pytest.approx(6e-6)
    assert (head["name"], head["ts"], head["dur"]) == ("head", 6, 1)


def test_parts_that_race_have_a_thread_each_from_the_same_start():
    race = part("step", 5e-6, part("send", 5e-6), part("compute", 4e-6), combine="max")
    trace = chrome_trace([traced(part("before", 1e-6), race)], version="1")
    places = {event["name"]: (event["tid"], event["ts"]) for event in complete(trace)}
    assert places["send"][1] == places["compute"][1] == places["step"][1] == 1
    assert len({places[name][0] for name in ("step", "send", "compute")}) == 3


def test_lengths_that_no_nanosecond_holds_still_nest():
    thirds = [part(f"p{i}", 1e-9 / 3, part("x", 1e-9 / 7), part("y", 1e-9 / 3 - 1e-9 / 7)) for i in range(1000)]
    trace = chrome_trace([traced(*thirds)], version="1")
    for events in by_thread(trace).values():
        assert_nested(events)
    assert complete(trace)[0]["dur"] == pytest.approx(1e-3 * 1000 / 3, abs=1e-3)


def test_every_process_and_thread_has_its_name_and_order():
    trace = chrome_trace([traced(part("a", 1.0)), traced(part("a", 1.0))], version="1")
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert named == {(1, 1): "time: parts", (2, 1): "time: parts"}
    assert set(by_thread(trace)) == set(named)
    assert [e["pid"] for e in trace["traceEvents"] if e["name"] == "process_name"] == [1, 2]
