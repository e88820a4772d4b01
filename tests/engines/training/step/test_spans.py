"""What each stage does when, as it is drawn."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gnomon.core.timeline import Span, Timeline
from gnomon.core.training_plan import TrainingPlan
from tests.engines.training.step.test_step_is_its_trace import ENGINE, scenario

PLANS = [
    TrainingPlan(tp=2, pp=2, global_batch=8, schedule="interleaved", virtual=2, zero=2),
    TrainingPlan(pp=4, global_batch=8, schedule="zero-bubble"),
    TrainingPlan(zero=3),
]


def shown(training: TrainingPlan, most: int = 10**9) -> Timeline:
    return ENGINE.timeline(scenario("gpt2", "hgx-h100:4x2", 64, training), most)


def by_track(found: Timeline) -> dict[str, list[Span]]:
    tracks: dict[str, list[Span]] = {}
    for span in found.spans:
        tracks.setdefault(span.track, []).append(span)
    return tracks


@pytest.mark.parametrize("training", PLANS)
def test_nothing_on_a_track_begins_before_what_was_there_has_ended(training: TrainingPlan) -> None:
    for spans in by_track(shown(training)).values():
        assert all(one.end_s <= other.start_s for one, other in pairwise(spans))


@pytest.mark.parametrize("training", PLANS)
def test_computations_and_waits_are_those_of_the_stage(training: TrainingPlan) -> None:
    tracks = by_track(shown(training))
    step = ENGINE.predict(scenario("gpt2", "hgx-h100:4x2", 64, training)).step
    assert step is not None
    for stage in step.stages:
        computes, passes = tracks[f"stage {stage.stage}: compute"], tracks[f"stage {stage.stage}: passes"]
        assert sum(span.end_s - span.start_s for span in computes) == pytest.approx(
            stage.compute_s + (stage.host_s or 0)
        )
        waits = [span for span in passes if span.kind == "idle"]
        assert sum(span.end_s - span.start_s for span in waits) == pytest.approx(stage.idle_s, abs=1e-12)


def test_passes_stand_in_the_order_of_the_schedule() -> None:
    passes = by_track(shown(TrainingPlan(pp=4, global_batch=8)))["stage 3: passes"]
    assert [span.name for span in passes if span.kind == "compute"] == [
        *(name for at in range(4) for name in (f"forward {at}", f"backward {at}")),
        "update",
    ]


@pytest.mark.parametrize("most", [1, 10, 30, 100, 1000])
def test_no_more_spans_are_shown_than_asked_for_and_the_others_are_counted(most: int) -> None:
    every, some = shown(PLANS[0]), shown(PLANS[0], most)
    assert len(some.spans) <= most
    assert some.left_out == len(every.spans) - len(some.spans)
    assert all(span in every.spans for span in some.spans)


def test_of_fewer_spans_all_passes_and_waits_are_shown() -> None:
    every = shown(PLANS[0])
    outline = [span for span in every.spans if span.track.endswith("passes")]
    some = shown(PLANS[0], len(outline) + 40)
    assert [span for span in some.spans if span.track.endswith("passes")] == outline
    assert 0 < len(some.spans) - len(outline) <= 40
