"""Answers as a Chrome trace in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gnomon.api.operators import operator_fields
from gnomon.core.engine import Engine
from gnomon.core.errors import Unsupported
from gnomon.core.tell import Tell, silent
from gnomon.core.timeline import HasTimeline, Timeline
from gnomon.core.version import version
from gnomon.formats.files import write_whole
from gnomon.report.timeline import TracedAnswer, TracedPass, chrome_trace

if TYPE_CHECKING:
    from gnomon.api.answers import Answer, Outcome

MOST_SPANS = 100_000  # of one pass, some 20 MB of JSON: as much as a viewer opens in a few seconds


def write_trace(answers: Iterable[Answer], path: str | Path, *, tell: Tell = silent) -> Path:
    """Write the parts and operators of every answered pass, or what runs when where its engine tells it; return the path.

    Of what runs when `MOST_SPANS` spans of a pass are written, from the beginning; `tell`, and the file, say how many more
    there are.
    BadInput where it cannot be written; Unsupported, with the reasons, where no pass was answered.
    """
    target, answers = Path(path), tuple(answers)
    if not any(answer.has_predictions for answer in answers):
        reasons = dict.fromkeys(reason for answer in answers for reason in answer.reasons)
        raise Unsupported(f"no answer, so nothing to trace: {'; '.join(reasons)}")
    traced = [_traced(answer) for answer in answers]
    for one in (one for each in traced for one in each.passes if one.timeline and one.timeline.left_out):
        assert one.timeline is not None
        tell(
            f"{one.name}: the trace holds {len(one.timeline.spans):,} spans; {one.timeline.left_out:,} later ones are left out"
        )
    trace = chrome_trace(traced, version=version())
    write_whole(target, json.dumps(trace, allow_nan=False) + "\n")
    return target


def _traced(answer: Answer) -> TracedAnswer:
    engine = answer.asked_engine
    passes = [
        TracedPass(
            name=outcome.title,
            value_s=outcome.prediction.value,
            parts=outcome.prediction.parts,
            operators=operator_fields(outcome, engine).get("operators", ()),
            timeline=_timeline(outcome, engine),
        )
        for outcome in answer.outcomes
        if outcome.prediction is not None
    ]
    return TracedAnswer(name=answer.title, passes=passes)


def _timeline(outcome: Outcome, engine: Engine) -> Timeline | None:
    """What runs when, of an engine that tells it; of a service once, for its quantities are of one run."""
    if outcome.service is not None and outcome.quantity != "e2e":
        return None
    return engine.timeline(outcome.scenario, MOST_SPANS) if isinstance(engine, HasTimeline) else None
