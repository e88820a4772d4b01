"""Traces of Vidur: what its generators write, and what it replays.

CSV with `arrived_at,num_prefill_tokens,num_decode_tokens`; seconds. A run of Vidur writes `request_id` besides; other columns
are not read. Its lists of lengths have `num_total_tokens,pd_ratio` and no times. [github.com/microsoft/vidur,
data/processed_traces]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnomon.formats.traces.columns import moments_s, plain_arrivals, read_columns, tokens
from gnomon.formats.traces.trace_file import TraceFile
from gnomon.formats.vidur.trace import COLUMNS as WITH_IDS
from gnomon.formats.vidur.trace import read_trace

COLUMNS = WITH_IDS[1:]
LENGTHS = ("num_prefill_tokens", "num_decode_tokens", "num_total_tokens", "pd_ratio")
_ANY_LENGTH = 2**53  # how long a request may be is for a service to say


def read_vidur(path: Path) -> TraceFile:
    """The requests. BadInput: the file, the line or the request, the column."""
    frame = read_columns(path, COLUMNS)
    if WITH_IDS[0] in frame.columns:
        return TraceFile(kind="vidur", arrivals=read_trace(path, _ANY_LENGTH))
    arrivals = plain_arrivals(
        moments_s(path, frame, COLUMNS[0]), tokens(path, frame, COLUMNS[1]), tokens(path, frame, COLUMNS[2])
    )
    return TraceFile(kind="vidur", arrivals=arrivals)


def read_vidur_lengths(path: Path) -> TraceFile:
    """The requests, all at 0 s. BadInput: the file, the line, the column."""
    frame = read_columns(path, LENGTHS)
    prompts, answers = tokens(path, frame, LENGTHS[0]), tokens(path, frame, LENGTHS[1])
    arrivals = plain_arrivals(np.zeros(len(prompts)), prompts, answers)
    notes = ("no times: all requests come at once; say how they arrive",)
    return TraceFile(kind="vidur-lengths", arrivals=arrivals, notes=notes)
