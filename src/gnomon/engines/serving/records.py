"""Rows of batches, where they are asked for: arrays that grow while the simulation runs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.costs import TOKEN_STEP, up
from gnomon.engines.serving.state import THROUGH, Records, Rules

NUMBER, REPLICA, STAGE, SIZE, TOTAL, ROUNDED, DECODING, KV, MEMBERS = range(9)  # columns of Log.rows


class Log(NamedTuple):
    """A row for every batch and stage, in the order in which stages began."""

    rows: Ints  # (row, 9)
    times_s: Floats  # (row, 2): begin and length
    members: Records  # (place, 3): request, tokens, length before them rounded up; a batch's begin at its row's MEMBERS
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
        for row in range(log.counts[0]):
            for column in range(9):
                rows[row, column] = log.rows[row, column]
            for column in range(2):
                times_s[row, column] = log.times_s[row, column]
    if log.counts[1] + members > len(all_members):
        all_members = np.zeros((2 * (len(log.members) + members), 3), np.int64)
        for place in range(log.counts[1]):
            for column in range(3):
                all_members[place, column] = log.members[place, column]
    return Log(rows, times_s, all_members, log.counts)


@inner
def write(
    log: Log,
    rules: Rules,
    batch: Records,
    members: Records,
    kv_step: int,
    slot: int,
    stage: int,
    now_s: float,
    took_s: float,
) -> None:
    """A stage begins with a batch."""
    row, place = log.counts[0], log.counts[1]
    log.times_s[row, 0], log.times_s[row, 1] = now_s, took_s
    values = log.rows[row]
    values[NUMBER], values[REPLICA], values[STAGE] = batch.number, slot // rules.slots, stage
    values[SIZE], values[TOTAL] = batch.count, batch.total
    values[ROUNDED] = up(batch.total, TOKEN_STEP)
    values[DECODING], values[KV], values[MEMBERS] = batch.decodes, batch.kv, place
    for at in range(batch.count):
        before = members[at].before if members[at].before == THROUGH else up(members[at].before, kv_step)
        member = log.members[place + at]
        member[0], member[1], member[2] = members[at].request, members[at].tokens, before
    log.counts[0] += 1
    log.counts[1] += batch.count
