"""Answers as a Chrome trace in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gnomon.api import plugins
from gnomon.api.operators import operator_fields
from gnomon.core.errors import Unsupported
from gnomon.core.version import version
from gnomon.formats.files import write_whole
from gnomon.report.timeline import TracedAnswer, TracedPass, chrome_trace

if TYPE_CHECKING:
    from gnomon.api.answers import Answer


def write_trace(answers: Iterable[Answer], path: str | Path) -> Path:
    """Write the parts and operators of every answered pass and return the path.

    BadInput where it cannot be written; Unsupported, with the reasons, where no pass was answered.
    """
    target, answers = Path(path), tuple(answers)
    if not any(answer.has_predictions for answer in answers):
        reasons = dict.fromkeys(reason for answer in answers for reason in answer.reasons)
        raise Unsupported(f"no answer, so nothing to trace: {'; '.join(reasons)}")
    trace = chrome_trace([_traced(answer) for answer in answers], version=version())
    write_whole(target, json.dumps(trace, allow_nan=False) + "\n")
    return target


def _traced(answer: Answer) -> TracedAnswer:
    engine = plugins.engine(answer.engine)
    passes = [
        TracedPass(
            name=outcome.title,
            value_s=outcome.prediction.value,
            parts=outcome.prediction.parts,
            operators=operator_fields(outcome, engine).get("operators", ()),
        )
        for outcome in answer.outcomes
        if outcome.prediction is not None
    ]
    return TracedAnswer(name=answer.title, passes=passes)
