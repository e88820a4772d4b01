"""Answers as Chrome traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnomon
from tests.report.test_timeline import assert_nested, by_thread


@pytest.mark.parametrize(("model", "device"), [("llama-2-7b", "h100-sxm"), ("resnet-50", "t4")])
def test_parts_and_operators_of_an_answer_each_add_up_to_its_time(tmp_path: Path, model, device):
    answer = gnomon.predict(model, device)
    trace = json.loads(answer.parts.trace(tmp_path / "t.json").read_text())
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert len(names) == 2 * len(answer.outcomes)
    for thread, events in by_thread(trace).items():
        assert_nested(events)
        value_s = answer[names[thread].split()[0].lower() if len(answer.outcomes) > 1 else "time"].value
        assert max(event["ts"] + event["dur"] for event in events) == pytest.approx(1e6 * value_s, abs=2e-3)


def test_a_trace_that_cannot_be_written_is_refused(tmp_path: Path):
    with pytest.raises(gnomon.BadInput, match="cannot be written"):
        gnomon.predict("resnet-50", "t4").parts.trace(tmp_path)
