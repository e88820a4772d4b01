"""Rows of batches, where they are asked for: arrays that grow while the simulation runs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.costs import TOKEN_STEP, up
from gnomon.engines.serving.state import Batches, Requests, Rules

DECODES = -1  # in place of the length before a chunk: the request is through its prompt
NUMBER, REPLICA, STAGE, SIZE, TOTAL, ROUNDED, DECODING, KV, MEMBERS = range(9)  # columns of Log.rows


class Log(NamedTuple):
    """A row for every batch and stage, in the order in which stages began."""

    rows: Ints  # (row, 9)
    times_s: Floats  # (row, 2): begin and length
    members: Ints  # (place, 3): request, tokens, length before them rounded up; a batch's begin at its row's MEMBERS
    counts: Ints  # (2): rows, members


def new_log() -> Log:
    """No rows."""
    return Log(
        rows=np.zeros((64, 9), np.int64),
        times_s=np.zeros((64, 2)),
        members=np.zeros((64, 3), np.int64),
        counts=np.zeros(2, np.int64),
    )


@inner
def grown(log: Log, members: int) -> Log:
    """The same with room for a row and so many members more."""
    rows, times_s, all_members = log.rows, log.times_s, log.members
    if log.counts[0] == len(rows):
        rows, times_s = np.zeros((2 * len(log.rows), 9), np.int64), np.zeros((2 * len(log.rows), 2))
        rows[: len(log.rows)], times_s[: len(log.rows)] = log.rows, log.times_s
    if log.counts[1] + members > len(all_members):
        all_members = np.zeros((2 * (len(log.members) + members), 3), np.int64)
        all_members[: len(log.members)] = log.members
    return Log(rows, times_s, all_members, log.counts)


@inner
def write(
    log: Log, rules: Rules, requests: Requests, batches: Batches, kv_step: int, slot: int, stage: int, now_s: float, took_s: float
) -> None:
    """A stage begins with a batch."""
    row, place = log.counts[0], log.counts[1]
    log.times_s[row, 0], log.times_s[row, 1] = now_s, took_s
    values = log.rows[row]
    values[NUMBER], values[REPLICA], values[STAGE] = batches.number[slot], slot // rules.stages, stage
    values[SIZE], values[TOTAL] = batches.size[slot], batches.total[slot]
    values[ROUNDED] = up(batches.total[slot], TOKEN_STEP)
    values[DECODING], values[KV], values[MEMBERS] = batches.decodes[slot], batches.kv[slot], place
    for at in range(batches.size[slot]):
        request = batches.members[slot, at]
        before = DECODES if requests.is_prefilled[request] else up(requests.processed[request], kv_step)
        member = log.members[place + at]
        member[0], member[1], member[2] = request, batches.tokens[slot, at], before
    log.counts[0] += 1
    log.counts[1] += batches.size[slot]
