"""Little's law between the points that a tool gives."""

import pytest

from gnomon.core.errors import ToolError
from gnomon.core.serving_plan import ServingPlan
from gnomon.tools.serving.answer import Figures, checked
from gnomon.tools.serving.steady_state import Point, batches, settled
from gnomon.tools.serving.stream import reasons_against, reasons_against_plan, steady, untold
from tests.adapters.services import FEW, arrivals, scenario


def point(under_way, stay_s):
    return Point(under_way=under_way, ttft_s=0.1, tpot_s=stay_s / 10, e2e_s=stay_s)


POINTS = [point(1, 1.0), point(2, 1.2), point(4, 2.0)]


def test_requests_under_way_are_what_comes_while_one_stays():
    found, keeps_up = settled(
        POINTS, 1.8
    )  # between 2 and 4: 2 + 2 s under way, 1.2 + 0.8 s seconds: 2 + 2 s = 1.8 (1.2 + 0.8 s)
    share = (1.8 * 1.2 - 2) / (2 - 1.8 * 0.8)
    assert found.under_way == pytest.approx(2 + 2 * share)
    assert found.under_way == pytest.approx(1.8 * found.e2e_s)
    assert found.tpot_s == pytest.approx(found.e2e_s / 10)
    assert keeps_up


def test_one_request_is_the_least():
    assert settled(POINTS, 0.01) == (POINTS[0], True)


def test_more_than_the_last_point_holds_is_told():
    assert settled(POINTS, 3.0) == (POINTS[-1], False)


def test_all_at_once_is_the_last_point():
    assert settled(POINTS, None) == (POINTS[-1], True)


def test_sizes_rise_to_the_most():
    assert batches(1) == (1,)
    assert batches(6) == (1, 2, 4, 6)
    assert batches(8) == (1, 2, 4, 8)


def test_stream_is_its_means_and_its_rate():
    found = steady(FEW, scenario(requests=2).plan.serving)
    assert (found.requests, found.prompt_tokens, found.answer_tokens) == (6, 149, 8)
    assert found.rate_per_s == pytest.approx(5 / 0.3)
    assert (found.rate_of(2), found.most_of(4)) == (pytest.approx(2.5 / 0.3), 2)


def test_a_closed_loop_bounds_what_is_under_way():
    plan = scenario(requests=50, traffic={"most_open": 6}).plan.serving
    assert steady(FEW, plan).most_of(2) == 3


def test_requests_at_one_moment_have_no_rate():
    assert steady(arrivals([1.0, 1.0], [8, 8], [2, 2]), scenario(requests=2).plan.serving).rate_per_s is None


def test_requests_that_wait_for_others_are_declined():
    waiting = arrivals([0.0, 1.0], [8, 8], [2, 2], after=arrivals([0, 0], [-1, 0], [1, 1]).prefill_tokens)
    assert "wait for the ends of others" in " ".join(reasons_against(waiting))
    assert not list(reasons_against(FEW))


def test_what_a_tool_is_not_told_is_said():
    ids = FEW.ids
    told = untold(arrivals([0.0] * 6, [8] * 6, [2] * 6, priorities=ids, adapters=ids), "It")
    assert told == ("It knows no priorities", "It knows no LoRA adapters: their weights and their work are left out")


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"ttft_s": 0.0}, "time to first token: something was not counted"),
        ({"tpot_s": 0.0}, "time per output token: something was not counted"),
        ({"e2e_s": float("nan")}, "whole request: something was not counted"),
        ({"e2e_s": 0.5}, "gave 0.5 s for the whole request, and 1 s for its first token"),
    ],
)
def test_figures_that_cannot_be_are_refused(figures, told):
    with pytest.raises(ToolError, match=told):
        checked("tool", Figures(**({"ttft_s": 1.0, "tpot_s": 0.1, "e2e_s": 2.0, "version": "1"} | figures)))


def test_a_plan_with_drafts_is_a_reason():
    drafting = ServingPlan(num_speculative_tokens=2, draft_acceptance=0.5)
    assert list(reasons_against_plan(drafting)) == ["it gives a request one token in a step, and knows no drafts"]
    assert not list(reasons_against_plan(ServingPlan()))
