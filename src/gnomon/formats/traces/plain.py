"""Our own trace: CSV with `arrived_s,prompt_tokens,answer_tokens`, and what else is known of a request.

Further columns, each of which may be missing or empty in a row: `priority` (the lowest first), `adapter` (any name), `prefix`
(any name) with `prefix_tokens`, the beginning of the prompt that requests of the same name share, and `conversation` (any
name): each of its rows after the first comes `arrived_s` after the end of the former, with a prompt that begins with the
former prompt and its answer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnomon.core.errors import BadInput, near_match
from gnomon.core.service import Arrivals, Ints, Prefixes
from gnomon.formats.traces.columns import LINE, check_rising, floats, read_columns, refuse, tokens, wholes
from gnomon.formats.traces.prompts import Pieces, as_prefixes
from gnomon.formats.traces.trace_file import TraceFile

COLUMNS = ("arrived_s", "prompt_tokens", "answer_tokens")
FURTHER = ("priority", "adapter", "prefix", "prefix_tokens", "conversation")
_PRIORITIES = 10**9  # the farthest from 0
_NONE = -1


def read_plain(path: Path) -> TraceFile:
    """The requests as they stand. BadInput: the file, the line, the column."""
    frame = read_columns(path, COLUMNS)
    for name in frame.columns:
        if name not in (*COLUMNS, *FURTHER, LINE):
            raise BadInput(
                f"unknown column {name!r}{near_match(name, FURTHER)} (known: {', '.join(COLUMNS + FURTHER)})",
                where=f"{path}:1",
            )
    prompts, answers = tokens(path, frame, COLUMNS[1]), tokens(path, frame, COLUMNS[2])
    moments = floats(path, frame, COLUMNS[0])
    refuse(path, frame, COLUMNS[0], moments < 0, "{} s is before the beginning")
    after = _after(frame)
    begins = after == _NONE
    check_rising(path, frame.filter(pl.Series(begins)), COLUMNS[0], moments[begins])
    adapters = _numbered(frame, "adapter")
    arrivals = Arrivals(
        ids=np.arange(len(frame), dtype=np.int64),
        arrived_s=moments,
        prefill_tokens=prompts,
        decode_tokens=answers,
        prefixes=_prefixes(path, frame, prompts, answers, after, adapters),
        after=None if begins.all() else after,
        priorities=_priorities(path, frame),
        adapters=adapters if (adapters != _NONE).any() else None,
    )
    return TraceFile(kind="plain", arrivals=arrivals)


def _numbered(frame: pl.DataFrame, column: str) -> Ints:
    """Names as numbers in the order in which they are first met; -1 where there is none."""
    if column not in frame.columns:
        return np.full(len(frame), _NONE, np.int64)
    numbers: dict[str | None, int] = {None: _NONE}
    return np.array([numbers.setdefault(name, len(numbers) - 1) for name in frame[column]], np.int64)


def _priorities(path: Path, frame: pl.DataFrame) -> Ints | None:
    if "priority" not in frame.columns or frame["priority"].is_null().all():
        return None
    filled = frame.with_columns(pl.col("priority").fill_null("0"))
    return wholes(path, filled, "priority", least=-_PRIORITIES, most=_PRIORITIES)


def _after(frame: pl.DataFrame) -> Ints:
    """The row that each row waits for: the former of its conversation."""
    last: dict[int, int] = {}
    after = np.full(len(frame), _NONE, np.int64)
    for row, talk in enumerate(_numbered(frame, "conversation").tolist()):
        if talk != _NONE:
            after[row] = last.get(talk, _NONE)
            last[talk] = row
    return after


def _prefixes(
    path: Path, frame: pl.DataFrame, prompts: Ints, answers: Ints, after: Ints, adapters: Ints
) -> Prefixes | None:
    """What the prompts are made of: what is shared or was said before, and what is new."""
    names = _numbered(frame, "prefix")
    shared = _shared_tokens(path, frame, names, prompts)
    if (names == _NONE).all() and (after == _NONE).all():
        return None
    numbers: dict[tuple[int, int], int] = {}  # of shared pieces; what one adapter computed is no other's
    next_piece = 0
    pieces: list[list[tuple[int, int]]] = []
    answer_pieces = [_NONE] * len(prompts)
    for row, former in enumerate(after.tolist()):
        if former != _NONE:
            answer_pieces[former] = next_piece
            chain = [*pieces[former], (next_piece, int(answers[former]))]
            next_piece += 1
        elif names[row] != _NONE:
            key = (int(names[row]), int(adapters[row]))
            if key not in numbers:
                numbers[key] = next_piece
                next_piece += 1
            chain = [(numbers[key], int(shared[row]))]
        else:
            chain = []
        new = int(prompts[row]) - sum(length for _, length in chain)
        if new < 0 or (new == 0 and former != _NONE):
            before = int(prompts[row]) - new
            raise BadInput(
                f"{prompts[row]} is not more than the {before} of the former prompt and its answer",
                field="prompt_tokens",
                where=f"{path}:{frame[LINE][row]}",
            )
        if new:
            chain.append((next_piece, new))
            next_piece += 1
        pieces.append(chain)
    made: list[Pieces] = list(pieces)
    return as_prefixes(made, answer_pieces)


def _shared_tokens(path: Path, frame: pl.DataFrame, names: Ints, prompts: Ints) -> Ints:
    """How long the prefix of each row is; 0 where it has none. Rows that share one have to agree."""
    if "prefix_tokens" not in frame.columns:
        what = "no column 'prefix_tokens' says how long it is"
        if "prefix" in frame.columns:
            refuse(path, frame, "prefix", names != _NONE, what)
        return np.zeros(len(frame), np.int64)
    has_length = frame["prefix_tokens"].is_not_null().to_numpy()
    refuse(path, frame, "prefix_tokens", (names != _NONE) & ~has_length, "nothing there")
    refuse(path, frame, "prefix_tokens", (names == _NONE) & has_length, "{} tokens of no prefix")
    lengths = wholes(path, frame.with_columns(pl.col("prefix_tokens").fill_null("0")), "prefix_tokens", least=0)
    refuse(path, frame, "prefix_tokens", has_length & (lengths < 1), "{} is less than 1")
    refuse(path, frame, "prefix_tokens", lengths > prompts, "{} is more than the whole prompt")
    _, first, which = np.unique(names, return_index=True, return_inverse=True)
    refuse(path, frame, "prefix_tokens", lengths != lengths[first][which], "{} is not as long as that prefix is above")
    return lengths
