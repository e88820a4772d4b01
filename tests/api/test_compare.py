"""Scenarios beside what was measured of their like."""

from __future__ import annotations

import pytest

import gnomon


def test_each_measured_row_has_the_error_of_every_engine_that_answered() -> None:
    (found,) = gnomon.compare(["llama-2-7b-chat-h100"])
    (row,) = found.to_dict()["measured"]
    answer = next(one for one in found.answers if one.engine == "roofline")
    error = 100 * (answer["ttft"].value - row["time_s"]) / row["time_s"]
    assert row["errors_percent"] == {"roofline": pytest.approx(error)}  # null answers nothing
    assert found.has_predictions


def test_a_scenario_that_nobody_answers_has_reasons() -> None:
    (found,) = gnomon.compare(["llama-2-7b-chat-h100"], ["null"])
    assert not found.has_predictions
    assert found.reasons.startswith("null: null answers nothing")
