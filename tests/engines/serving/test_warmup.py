"""Requests that came while a service warmed up, left out of figures; what became of them is made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gnomon.core.errors import BadInput
from gnomon.core.serving_plan import ServingPlan
from gnomon.engines.serving.facts import facts, request_times
from tests.engines.serving.test_facts import made_up

# One a second for ten seconds; the first four wait 9 s, the others 1 s. Prompts take 1 s, answers 0.4 s more.
ARRIVED, WAITS = np.arange(10.0) + 100, np.array([9.0] * 4 + [1.0] * 6)


def figures(warmup_s: float | None, **others: Any) -> Any:
    made = made_up(arrived=ARRIVED, waits=WAITS, **others)
    none = {"usd_per_s": 2.0, "flop": 0.0, "peak_flop_per_s": None, "energy": None}
    return facts(made, request_times(made, warmup_s), **none, warmup_s=warmup_s)


def test_nobody_is_left_out_unless_it_is_asked_for():
    found = figures(None)
    assert found.after_warmup is None
    assert (found.spreads[0].count, found.spreads[0]["mean"]) == (10, pytest.approx(5.2))
    assert found.completed_per_s == 10 / found.span_s


def test_who_came_before_its_end_is_left_out_and_counted():
    found = figures(4.0)
    assert (found.after_warmup.left_out, found.after_warmup.requests) == (4, 6)
    assert {one.quantity: one.count for one in found.spreads} == dict.fromkeys(("ttft", "tpot", "e2e", "queueing"), 6)
    assert found.spreads[0]["mean"] == pytest.approx(2.0)


def test_rates_are_of_the_others_from_its_end_to_the_last_event():
    found = figures(4.0)  # the last event: the fourth request, which came at 3 s, and 9 + 1.4 s later is through
    assert found.span_s == pytest.approx(13.4)
    assert found.completed_per_s == pytest.approx(6 / 9.4)
    assert found.answer_tokens_per_s == pytest.approx(6 * 5 / 9.4)
    assert found.prompt_tokens_per_s == pytest.approx(6 * 30 / 9.4)


def test_counts_and_costs_are_of_the_whole_run():
    found, whole = figures(4.0), figures(None)
    for name in ("requests", "completed", "answer_tokens", "span_s", "usd_per_million_answer_tokens", "busy", "steps"):
        assert getattr(found, name) == getattr(whole, name), name


def test_each_priority_leaves_them_out_too():
    found = figures(4.0, priorities=np.array([0, 1] * 5))
    (urgent, other) = found.classes
    assert (urgent.requests, urgent.completed) == (urgent.spreads[0].count, 3) == (3, 3)
    assert urgent.spreads[0]["mean"] == pytest.approx(2.0)
    assert urgent.requests + other.requests == found.after_warmup.requests


def test_a_priority_that_only_they_have_is_none_of_the_others():
    (other,) = figures(4.0, priorities=np.array([7] * 4 + [1] * 6)).classes
    assert (other.priority, other.requests) == (1, 6)


def test_who_is_not_through_is_of_those_that_came_and_not_of_those_that_are_through():
    found = figures(4.0, done=[True] * 8 + [False] * 2)
    assert (found.after_warmup.requests, found.after_warmup.completed, found.spreads[0].count) == (6, 4, 4)


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan"), True, "60"])
def test_a_warmup_is_a_time_above_zero(seconds):
    with pytest.raises(BadInput, match=r"warmup_s: .* is not a time above 0"):
        ServingPlan(warmup_s=seconds)
