"""Rows of batches and of decisions, where they are asked for: arrays that grow while the simulation runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Floats, Ints
from gnomon.engines.serving.simulator.costs import TOKEN_STEP, up
from gnomon.engines.serving.simulator.state import THROUGH, Records, Rules

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


def roomier(log: Log, least: int) -> Log:
    """The same with room for at least so many rows more of each kind."""

    def longer(rows: Any) -> Any:
        return np.concatenate([rows, np.zeros((len(rows) + least, rows.shape[1]), rows.dtype)])

    *arrays, counts = log
    return Log._make([*map(longer, arrays), counts])


@inner
def is_full(log: Log, room: int) -> bool:
    """Whether there may be no room for what happens at one event: so many rows of a kind."""
    counts = log.counts
    full: bool = (
        counts[ROWS] + room > len(log.rows)
        or counts[STEPS] + room > len(log.steps)
        or counts[ALL_MEMBERS] + room > len(log.members)
        or counts[VICTIMS] + room > len(log.victims)
    )
    return full


@inner
def write_stage(log: Log, rules: Rules, batch: Records, slot: int, stage: int, now_s: float, took_s: float) -> None:
    """A stage begins with a batch."""
    row, rows, times_s = log.counts[ROWS], log.rows, log.times_s
    times_s[row, 0], times_s[row, 1] = now_s, took_s
    values = rows[row]
    values[NUMBER], values[REPLICA], values[STAGE] = batch.number, slot // rules.slots, stage
    values[SIZE], values[TOTAL] = batch.count, batch.total
    values[ROUNDED] = up(batch.total, TOKEN_STEP)
    values[DECODING], values[KV], values[MEMBERS] = batch.decodes, batch.kv, log.steps[batch.number, MEMBERS_FROM]
    log.counts[ROWS] += 1


@inner
def write_step(
    log: Log, requests: Records, batch: Records, members: Records, replica: int, kv_step: int, now_s: float
) -> None:
    """A batch was made; batches are numbered as their rows."""
    step, place, lost, counts = log.counts[STEPS], log.counts[ALL_MEMBERS], log.counts[VICTIMS], log.counts
    steps, steps_s, all_members, victims = log.steps, log.steps_s, log.members, log.victims
    steps_s[step, 0] = now_s
    values = steps[step]
    values[IN_REPLICA], values[MEMBERS_FROM], values[IN_BATCH] = replica, place, batch.count
    values[FREE], values[VICTIMS_FROM], values[LOST] = batch.free, lost, batch.victims
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
