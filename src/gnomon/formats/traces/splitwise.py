"""Traces of splitwise-sim.

CSV with `request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size`; seconds; type 2 is a
request to a language model. [github.com/Mutinifni/splitwise-sim, traces/test_trace.csv, generate_trace.py, request.py]
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gnomon.formats.traces.columns import moments_s, plain_arrivals, read_columns, refuse, tokens, wholes
from gnomon.formats.traces.trace_file import TraceFile

COLUMNS = ("request_id", "request_type", "arrival_timestamp", "batch_size", "prompt_size", "token_size")
_LANGUAGE_MODEL = 2  # of RequestType
_MOST_ID = 2**53  # beyond it a float skips whole numbers


def read_splitwise(path: Path) -> TraceFile:
    """The requests. BadInput: the file, the line, the column."""
    frame = read_columns(path, COLUMNS)
    kinds = wholes(path, frame, "request_type", least=0)
    refuse(path, frame, "request_type", kinds != _LANGUAGE_MODEL, "{} is no request to a language model; that is 2")
    batches = wholes(path, frame, "batch_size", least=1)
    refuse(path, frame, "batch_size", batches != 1, "{} prompts in one request; give each a line of its own")
    arrivals = plain_arrivals(
        moments_s(path, frame, "arrival_timestamp"),
        tokens(path, frame, "prompt_size"),
        tokens(path, frame, "token_size"),
    )
    ids = wholes(path, frame, "request_id", least=0, most=_MOST_ID)
    return TraceFile(kind="splitwise", arrivals=replace(arrivals, ids=ids))
