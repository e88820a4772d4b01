"""Azure's traces of LLM inference, of November 2023 and May 2024.

CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`, a request a line in the order of time. [github.com/Azure/
AzurePublicDataset, AzureLLMInferenceDataset2023.md and AzureLLMInferenceDataset2024.md] In 2023 a timestamp reads
`2023-11-16 18:15:46.6805900`; that of 2024 has microseconds and `+00:00` behind it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnomon.formats.traces.columns import check_rising, filled, plain_arrivals, read_columns, refuse, tokens
from gnomon.formats.traces.trace_file import TraceFile

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_NS_PER_S = 1e9


def read_azure_llm(path: Path) -> TraceFile:
    """The requests, the first at 0 s. BadInput: the file, the line, the column."""
    frame = read_columns(path, COLUMNS)
    filled(path, frame, "TIMESTAMP")
    in_utc = pl.col("TIMESTAMP").str.strip_chars().str.replace(r"(\+00:00|Z)$", "").str.replace("T", " ", literal=True)
    moments = frame.select(in_utc.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)).to_series()
    what = "{!r} is no time like 2023-11-16 18:15:46.6805900, in UTC"
    refuse(path, frame, "TIMESTAMP", moments.is_null().to_numpy(), what)
    counted = moments.to_physical().to_numpy()
    arrived_s = (counted - counted[0]) / _NS_PER_S
    check_rising(path, frame, "TIMESTAMP", arrived_s)
    arrivals = plain_arrivals(
        np.asarray(arrived_s, float), tokens(path, frame, "ContextTokens"), tokens(path, frame, "GeneratedTokens")
    )
    return TraceFile(kind="azure-llm", arrivals=arrivals)
