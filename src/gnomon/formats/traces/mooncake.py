"""Mooncake's traces of Kimi: conversations, tools and agents, synthetic.

A JSON object a line: `timestamp` in milliseconds, `input_length`, `output_length`, and `hash_ids`: which block of 512 tokens
each part of the prompt is, the last one cut. [github.com/kvcache-ai/Mooncake, FAST25-release] The same block has the same id
wherever all before it is the same. Nothing says in which block an answer comes back, so no answer is found again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.formats.traces.columns import plain_arrivals
from gnomon.formats.traces.json_rows import Row, read_rows
from gnomon.formats.traces.prompts import Pieces, as_prefixes
from gnomon.formats.traces.trace_file import TraceFile

KEYS = ("timestamp", "input_length", "output_length")
BLOCK_TOKENS = 512
_MS_PER_S = 1e3
_MOST_ID = 2**63 - 1  # what an array holds


def read_mooncake(path: Path) -> TraceFile:
    """The requests, with what their prompts have in common. BadInput: the file, the line, the key."""
    moments: list[float] = []
    prompts: list[int] = []
    answers: list[int] = []
    pieces: list[Pieces] = []
    for row in read_rows(path):
        moments.append(_moment_ms(row, moments))
        prompts.append(row.tokens("input_length"))
        answers.append(row.tokens("output_length"))
        pieces.append(_blocks(row, prompts[-1]) if "hash_ids" in row.values else ())
    arrivals = plain_arrivals(np.array(moments) / _MS_PER_S, np.array(prompts), np.array(answers))
    if not any(pieces):
        return TraceFile(kind="mooncake", arrivals=arrivals, notes=("no hash_ids: prompts have nothing in common",))
    if not all(pieces):
        line = next(place for place, blocks in enumerate(pieces, start=1) if not blocks)
        raise BadInput(f"no hash_ids of request {line}, though others have them", field="hash_ids", where=str(path))
    return TraceFile(kind="mooncake", arrivals=replace(arrivals, prefixes=as_prefixes(pieces, [-1] * len(pieces))))


def _moment_ms(row: Row, moments: list[float]) -> float:
    moment = row.number("timestamp")
    if moment < 0:
        raise BadInput(f"{moment:g} ms is before the beginning", field="timestamp", where=row.where)
    if moments and moment < moments[-1]:
        raise BadInput(
            f"{moment:g} ms is before the request above it: sort them by time", field="timestamp", where=row.where
        )
    return moment


def _blocks(row: Row, prompt: int) -> Pieces:
    ids = row.get("hash_ids")
    if not isinstance(ids, list) or any(isinstance(one, bool) or not isinstance(one, int) for one in ids):
        raise BadInput("not a list of whole numbers", field="hash_ids", where=row.where)
    if any(abs(one) > _MOST_ID for one in ids):
        raise BadInput(f"a number beyond {_MOST_ID:,}", field="hash_ids", where=row.where)
    blocks = -(-prompt // BLOCK_TOKENS)
    if len(ids) != blocks:
        raise BadInput(
            f"{len(ids)} blocks of {BLOCK_TOKENS} tokens for a prompt of {prompt}, expected {blocks}",
            field="hash_ids",
            where=row.where,
        )
    last = prompt - BLOCK_TOKENS * (blocks - 1)
    return [(one, BLOCK_TOKENS) for one in ids[:-1]] + [(ids[-1], last)]
