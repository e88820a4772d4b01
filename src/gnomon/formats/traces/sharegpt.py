"""Conversations as ShareGPT's are passed around: who said what.

A JSON list, or an object a line, of `{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}`, or with
`messages`, `role` and `content`. [the form that vLLM's `ShareGPTDataset` reads; OpenAI's chat messages] They have no times:
each conversation begins at once, and goes on when an answer is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnomon.core.errors import BadInput, near_match
from gnomon.core.in_words import counted
from gnomon.core.service import Arrivals
from gnomon.formats.strict import read_json
from gnomon.formats.traces.json_rows import Row, as_row, checked_tokens, read_rows
from gnomon.formats.traces.prompts import Pieces, as_prefixes
from gnomon.formats.traces.trace_file import TraceFile

KEYS = ("conversations", "messages")
_LETTERS_A_TOKEN = 4  # English text, GPT's tokens [OpenAI's help pages: what are tokens and how to count them]
_ANSWERING = ("gpt", "chatgpt", "assistant", "model", "bing", "bard", "claude")
_ASKING = ("human", "user", "system", "tool", "function", "developer")


@dataclass(slots=True)
class _Found:
    """What was gathered so far, a request after the other."""

    prompts: list[Pieces] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # tokens
    answer_pieces: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)  # of its conversation, from 0
    pieces: int = 0
    empty: int = 0  # conversations without an answer
    estimated: int = 0  # pieces


def read_sharegpt(path: Path) -> TraceFile:
    """Every turn with an answer, all first turns at 0 s. BadInput: the file, the place in it, the key."""
    found = _Found()
    for row in _conversations(path):
        _gather(row, found)
    if not found.prompts:
        raise BadInput("no conversation with an answer", where=str(path))
    notes = ["no times: all conversations begin at once; say how they arrive"]
    if found.estimated:
        notes.append(f"tokens of {counted(found.estimated, 'text')} estimated: a token for {_LETTERS_A_TOKEN} letters")
    if found.empty:
        notes.append(f"{counted(found.empty, 'conversation')} without an answer left out")
    return TraceFile(kind="sharegpt", arrivals=_arrivals(found), notes=tuple(notes))


def _conversations(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace") as file:
        is_list = file.read(64).lstrip().startswith("[")
    if not is_list:
        yield from read_rows(path)
        return
    for place, value in enumerate(read_json(path)):
        yield as_row(value, f"{path}: conversation {place + 1}")


def _gather(row: Row, found: _Found) -> None:
    """The turns of a conversation: each prompt is all that was said before its answer."""
    key = "messages" if "messages" in row.values else "conversations"
    said = row.get(key)
    if not isinstance(said, list):
        raise BadInput("not a list of who said what", field=key, where=row.where)
    chain: list[tuple[int, int]] = []
    turn, is_asked = 0, False
    for place, value in enumerate(said):
        one = as_row(value, f"{row.where}: {key}.{place}")
        is_answer, tokens = _said(one, found)
        if not tokens:
            continue
        piece = (found.pieces, tokens)
        found.pieces += 1
        if is_answer and is_asked:
            found.after.append(len(found.prompts) - 1 if turn else -1)
            found.prompts.append(tuple(chain))
            found.answers.append(tokens)
            found.answer_pieces.append(piece[0])
            found.turns.append(turn)
            turn += 1
        is_asked = not is_answer
        chain.append(piece)
    if turn:
        found.answer_pieces[-1] = -1
    else:
        found.empty += 1


def _said(one: Row, found: _Found) -> tuple[bool, int]:
    """Whether it is an answer, and how long it is; nothing for an empty text."""
    who_key, text_key = ("role", "content") if "role" in one.values else ("from", "value")
    who = str(one.get(who_key)).lower()
    if who not in _ANSWERING + _ASKING:
        near = near_match(who, _ANSWERING + _ASKING)
        raise BadInput(f"{who!r:.40} is nobody known{near}", field=who_key, where=one.where)
    if "tokens" in one.values:
        return who in _ANSWERING, checked_tokens(one.values["tokens"], field="tokens", where=one.where)
    text = one.get(text_key)
    if not isinstance(text, str):
        raise BadInput(f"{text!r:.40} is not text", field=text_key, where=one.where)
    found.estimated += bool(text)
    return who in _ANSWERING, -(-len(text) // _LETTERS_A_TOKEN)


def _arrivals(found: _Found) -> Arrivals:
    """First turns first, then second turns, and so on: each after the one that it waits for."""
    order = np.argsort(found.turns, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    after = np.array(found.after)[order]
    return Arrivals(
        ids=np.arange(len(order), dtype=np.int64),
        arrived_s=np.zeros(len(order)),
        prefill_tokens=np.array([sum(tokens for _, tokens in found.prompts[one]) for one in order]),
        decode_tokens=np.array(found.answers)[order],
        prefixes=as_prefixes([found.prompts[one] for one in order], [found.answer_pieces[one] for one in order]),
        after=np.where(after < 0, -1, place[after]) if (after >= 0).any() else None,
    )
