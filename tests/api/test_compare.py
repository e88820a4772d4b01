"""Scenarios beside what was measured of their like."""

from __future__ import annotations

import pytest

import gnomon


def test_each_measured_row_has_the_error_of_every_engine_that_answered() -> None:
    (found,) = gnomon.compare(["llama-2-7b-chat-h100"])
    (row,) = found.to_dict()["measured"]
    answered = {one.engine: one["ttft"].value for one in found.answers if one.is_answered}
    assert set(answered) >= {"roofline", "kernel"}
    assert "null" not in answered  # which answers nothing
    assert row["errors_percent"] == {
        engine: pytest.approx(100 * (time_s - row["time_s"]) / row["time_s"]) for engine, time_s in answered.items()
    }
    assert found.has_predictions


def test_a_scenario_that_nobody_answers_has_reasons() -> None:
    (found,) = gnomon.compare(["llama-2-7b-chat-h100"], ["null"])
    assert not found.has_predictions
    assert found.reasons.startswith("null: null answers nothing")
