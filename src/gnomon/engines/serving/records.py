"""Rows of batches and of decisions, where they are asked for: arrays that grow while the simulation runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gnomon.core.jit import inner_making_arrays
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.costs import TOKEN_STEP, up
from gnomon.engines.serving.state import THROUGH, Records, Rules

NUMBER, REPLICA, STAGE, SIZE, TOTAL, ROUNDED, DECODING, KV, MEMBERS = range(9)  # columns of Log.rows
IN_REPLICA, MEMBERS_FROM, IN_BATCH, FREE, VICTIMS_FROM, LOST = range(6)  # columns of Log.steps
ROWS, ALL_MEMBERS, STEPS, VICTIMS = range(4)  # places in Log.counts


class Log(NamedTuple):
    """A row for every batch and stage, in the order in which stages began, and one for every batch in that in which they were made."""

    rows: Ints  # (row, 9)
    times_s: Floats  # (row, 2): begin and length
    members: Ints  # (place, 4): request, tokens, length before them or THROUGH, whether it was admitted with this batch
    steps: Ints  # (batch, 6)
    steps_s: Floats  # (batch, 2): when it was made, and when it was through; 0: never
    victims: Ints  # (place, 1): requests that lost their blocks
    counts: Ints  # (4): how many of each there are


def new_log() -> Log:
    """No rows."""
    return Log(
        rows=np.zeros((64, 9), np.int64),
        times_s=np.zeros((64, 2)),
        members=np.zeros((64, 4), np.int64),
        steps=np.zeros((64, 6), np.int64),
        steps_s=np.zeros((64, 2)),
        victims=np.zeros((64, 1), np.int64),
        counts=np.zeros(4, np.int64),
    )


@inner_making_arrays
def longer(rows: Any, used: int, more: int) -> Any:
    """The same with room for more rows."""
    if used + more <= len(rows):
        return rows
    found = np.zeros((2 * (len(rows) + more), rows.shape[1]), rows.dtype)
    for row in range(used):
        for column in range(rows.shape[1]):
            found[row, column] = rows[row, column]
    return found


@inner_making_arrays
def write_stage(log: Log, rules: Rules, batch: Records, slot: int, stage: int, now_s: float, took_s: float) -> Log:
    """The log with a stage that begins with a batch."""
    row, counts = log.counts[ROWS], log.counts
    rows, times_s = longer(log.rows, row, 1), longer(log.times_s, row, 1)
    times_s[row, 0], times_s[row, 1] = now_s, took_s
    values = rows[row]
    values[NUMBER], values[REPLICA], values[STAGE] = batch.number, slot // rules.slots, stage
    values[SIZE], values[TOTAL] = batch.count, batch.total
    values[ROUNDED] = up(batch.total, TOKEN_STEP)
    values[DECODING], values[KV], values[MEMBERS] = batch.decodes, batch.kv, log.steps[batch.number, MEMBERS_FROM]
    counts[ROWS] += 1
    return Log(rows, times_s, log.members, log.steps, log.steps_s, log.victims, counts)


@inner_making_arrays
def write_step(
    log: Log, requests: Records, batch: Records, members: Records, replica: int, free: int, kv_step: int, now_s: float
) -> Log:
    """The log with a batch that was made; batches are numbered as their rows."""
    step, place, lost, counts = log.counts[STEPS], log.counts[ALL_MEMBERS], log.counts[VICTIMS], log.counts
    steps, steps_s = longer(log.steps, step, 1), longer(log.steps_s, step, 1)
    all_members, victims = longer(log.members, place, batch.count), longer(log.victims, lost, batch.victims)
    steps_s[step, 0] = now_s
    values = steps[step]
    values[IN_REPLICA], values[MEMBERS_FROM], values[IN_BATCH] = replica, place, batch.count
    values[FREE], values[VICTIMS_FROM], values[LOST] = free, lost, batch.victims
    for at in range(batch.count):
        one, row = members[at], all_members[place + at]
        row[0], row[1], row[2], row[3] = one.request, one.tokens, one.before, 0
        if one.before != THROUGH:
            row[2], row[3] = up(one.before, kv_step), one.is_admitted
    victim = batch.victim
    for at in range(batch.victims):
        victims[lost + batch.victims - 1 - at, 0] = victim
        victim = requests[victim].also
    counts[STEPS] += 1
    counts[ALL_MEMBERS] += batch.count
    counts[VICTIMS] += batch.victims
    return Log(log.rows, log.times_s, all_members, steps, steps_s, victims, counts)
