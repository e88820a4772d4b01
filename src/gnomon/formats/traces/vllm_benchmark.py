"""What `vllm bench serve --save-result --save-detailed` writes: a JSON object with a list for each thing.

`input_lens`, `output_lens`, `errors`, and of newer versions `start_times`: seconds of some clock, when each was sent.
[github.com/vllm-project/vllm, vllm/benchmarks/serve.py]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.in_words import counted
from gnomon.formats.strict import read_json
from gnomon.formats.traces.columns import plain_arrivals
from gnomon.formats.traces.json_rows import Row, as_row, checked_number, checked_tokens
from gnomon.formats.traces.trace_file import TraceFile

KEYS = ("input_lens", "output_lens")
_SUMMARY = ("completed", "request_throughput")  # what is written with and without the lists


def read_vllm_benchmark(path: Path) -> TraceFile:
    """The requests that did not fail, by time, the first at 0 s. BadInput: the file, the key, the place in its list."""
    result = as_row(read_json(path), str(path))
    if KEYS[0] not in result.values and any(key in result.values for key in _SUMMARY):
        raise BadInput("has no lists of requests: write it anew with --save-detailed", field=KEYS[0], where=str(path))
    prompts = _list(result, KEYS[0])
    failed = _failed(result, len(prompts))
    answers = _list(result, KEYS[1], len(prompts))
    sent = _list(result, "start_times", len(prompts)) if "start_times" in result.values else [0.0] * len(prompts)
    rows = sorted(
        (
            (
                checked_number(sent[place], field=f"start_times.{place}", where=str(path)),
                checked_tokens(prompts[place], field=f"{KEYS[0]}.{place}", where=str(path)),
                checked_tokens(answers[place], field=f"{KEYS[1]}.{place}", where=str(path)),
            )
            for place in range(len(prompts))
            if place not in failed
        ),
        key=lambda row: row[0],
    )
    if not rows:
        raise BadInput("no request that did not fail", where=str(path))
    moments, prompt_tokens, answer_tokens = (np.array(column) for column in zip(*rows, strict=True))
    arrivals = plain_arrivals(moments - moments[0], prompt_tokens, answer_tokens)
    return TraceFile(kind="vllm-benchmark", arrivals=arrivals, notes=tuple(_notes(result, len(failed))))


def _list(result: Row, key: str, count: int | None = None) -> list[Any]:
    found = result.get(key)
    if not isinstance(found, list) or not found:
        raise BadInput("not a list of requests", field=key, where=result.where)
    if count is not None and len(found) != count:
        raise BadInput(f"{len(found):,} of {count:,} requests", field=key, where=result.where)
    return found


def _failed(result: Row, count: int) -> set[int]:
    if "errors" not in result.values:
        return set()
    return {place for place, error in enumerate(_list(result, "errors", count)) if error}


def _notes(result: Row, failed: int) -> list[str]:
    notes = []
    if failed:
        notes.append(f"{counted(failed, 'request')} with an error left out")
    if "start_times" not in result.values:
        notes.append("no start_times: all requests come at once; say how they arrive")
    if result.values.get("max_concurrency"):
        open_at_once = result.values["max_concurrency"]
        notes.append(f"sent with at most {open_at_once} under way: times are those of sending, not of queueing for it")
    return notes
