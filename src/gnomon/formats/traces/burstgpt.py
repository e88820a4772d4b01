"""BurstGPT: requests to GPT-3.5 and GPT-4 of a campus over months.

CSV with `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`; its third part has `Session ID,Elapsed time`
after the first. Seconds from a midnight; a response of no token is a request that failed. [github.com/HPMLL/BurstGPT,
README.md]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.in_words import counted
from gnomon.formats.traces.columns import moments_s, plain_arrivals, read_columns, wholes
from gnomon.formats.traces.trace_file import TraceFile

COLUMNS = ("Timestamp", "Request tokens", "Response tokens")


def read_burstgpt(path: Path) -> TraceFile:
    """The requests that did not fail, the first at 0 s. BadInput: the file, the line, the column."""
    frame = read_columns(path, COLUMNS)
    moments = moments_s(path, frame, "Timestamp")
    prompts = wholes(path, frame, "Request tokens", least=0)
    answers = wholes(path, frame, "Response tokens", least=0)
    has_both = (prompts > 0) & (answers > 0)
    if not has_both.any():
        raise BadInput("no request with a prompt and an answer", where=str(path))
    notes = []
    if not has_both.all():
        failed = int(np.sum(~has_both))
        notes.append(f"{counted(failed, 'request')} without a prompt or an answer left out: they failed")
    moments = moments[has_both] - moments[has_both][0]
    arrivals = plain_arrivals(moments, prompts[has_both], answers[has_both])
    return TraceFile(kind="burstgpt", arrivals=arrivals, notes=tuple(notes))
