"""Requests as a server timed them, one JSON object a line.

`request_id`, `input_toks`, `output_toks`, `arrival_time` in seconds of some clock, and times of what became of it, which are
not read. [per-request records of vLLM 0.19 that come with LLMServingSim, version 1 of their schema]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnomon.formats.traces.columns import plain_arrivals
from gnomon.formats.traces.json_rows import read_rows
from gnomon.formats.traces.trace_file import TraceFile

KEYS = ("arrival_time", "input_toks", "output_toks")


def read_measured_requests(path: Path) -> TraceFile:
    """The requests by time, the first at 0 s. BadInput: the file, the line, the key."""
    rows = [(row.number(KEYS[0]), row.tokens(KEYS[1]), row.tokens(KEYS[2])) for row in read_rows(path)]
    rows.sort(key=lambda row: row[0])
    moments, prompts, answers = (np.array(column) for column in zip(*rows, strict=True))
    return TraceFile(kind="measured-requests", arrivals=plain_arrivals(moments - moments[0], prompts, answers))
