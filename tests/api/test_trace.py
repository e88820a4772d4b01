"""Answers as Chrome traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnomon
from gnomon.api.trace import write_trace
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


def test_of_a_step_what_every_stage_does_when_is_written_and_what_is_left_out_is_told(tmp_path: Path, monkeypatch):
    asked = {"mode": "train", "engine": "training", "pp": 2, "global_batch": 8, "seq": 64}
    answer, told = gnomon.predict("gpt2", "hgx-h100:2", **asked), []
    whole = json.loads(write_trace([answer], tmp_path / "t.json", tell=told.append).read_text())
    assert told == []
    assert "spans_left_out" not in whole["otherData"]
    for events in by_thread(whole).values():
        assert_nested(events)
        assert max(event["ts"] + event["dur"] for event in events) <= 1e6 * answer.value + 2e-3
    spans = sum(map(len, by_thread(whole).values())) - 1 - len(answer["time"].parts)
    monkeypatch.setattr("gnomon.api.trace.MOST_SPANS", 50)
    some = json.loads(write_trace([answer], tmp_path / "t.json", tell=told.append).read_text())
    left_out = some["otherData"]["spans_left_out"]
    assert sum(map(len, by_thread(some).values())) == sum(map(len, by_thread(whole).values())) - left_out
    assert told == [
        f"forward+backward+optimizer 64: the trace holds {spans - left_out} spans; {left_out} later ones are left out"
    ]
