"""What the compiled functions work on: requests, replicas, batches in flight and stages, as arrays that they change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnomon.core.service import Arrivals, Floats, Ints

Flags = NDArray[np.bool_]
NONE = -1  # no request, no batch


class Rules(NamedTuple):
    """What does not change."""

    policy: int  # its place in policies.POLICIES
    stages: int
    most_admitted: int  # requests that hold blocks
    most_batched: int  # requests of a batch, where the stages share the above
    most_reserved: int  # requests of a batch, where each reserves a whole sequence
    blocks: int
    block_tokens: int
    watermark_blocks: int
    sequence_blocks: int
    most_tokens: int
    chunk_tokens: int
    most_waits: int
    has_defects: bool  # those of the simulator that a policy was first written down in
    has_static_routes: bool
    time_limit_s: float  # infinite: none
    layers: int  # of a stage
    records: bool  # a row for every batch and stage


class Costs(NamedTuple):
    """gnomon.core.service.StageTimes for compiled functions."""

    projections_ms: Floats
    kv_save_ms: Floats
    exchange_ms: Floats
    norm_ms: Floats
    mlp_ms: Floats
    add_ms: Floats
    send_ms: Floats
    decode_ms: Floats
    prefill_ms: Floats
    kv_step: int
    decode_factor: float
    prefill_factor: float
    largest: Ints  # (5): asked for: tokens, decoding requests, their mean length, length before chunks, chunk


class Requests(NamedTuple):
    """By request, in the order of arrival; a time that has not come is 0."""

    arrived_s: Floats
    asked: Ints  # output tokens that were asked for
    prefill: Ints  # tokens to be computed before the next output; grows when a request starts again
    decode: Ints  # output tokens beyond those; shrinks likewise
    processed: Ints
    is_prefilled: Flags
    is_scheduled: Flags
    is_completed: Flags
    scheduled_s: Floats
    first_token_s: Floats
    completed_s: Floats
    execution_s: Floats  # of its batches on all stages
    idle_s: Floats  # between them
    stage_end_s: Floats  # of the last of them
    restarts: Ints
    blocks: Ints  # that it holds
    replica: Ints
    behind: Ints  # the next in a queue


class Replicas(NamedTuple):
    """By replica."""

    first: Ints  # of the queue of those not admitted
    last: Ints
    queued: Ints
    used_blocks: Ints
    admitted: Ints  # requests that hold blocks
    running: Ints  # batches
    ready: Ints  # (replica, place): admitted and in no batch
    readies: Ints
    paused: Ints  # (replica, place): batches between two iterations, of policies that keep a batch together
    pauses: Ints
    waits: Ints  # decode iterations since waiting requests were looked at


class Batches(NamedTuple):
    """By slot; replica r has the slots from r * stages on."""

    members: Ints  # (slot, place)
    tokens: Ints  # (slot, place)
    size: Ints
    is_taken: Flags
    held: Ints  # first of a chain of completed requests whose blocks are kept until all have
    number: Ints  # batches are numbered in the order in which they were made
    total: Ints  # tokens
    decodes: Ints
    kv: Ints  # mean length of those that decode, rounded up
    stage_s: Floats  # of each stage but the last
    last_stage_s: Floats
    end_s: Floats  # of the stage that it is in


class Stages(NamedTuple):
    """By replica * stages + stage."""

    serves: Ints  # a batch's slot
    waiting: Ints  # (stage, place)
    waits: Ints


def new_requests(arrivals: Arrivals) -> Requests:
    """Requests before any has arrived."""
    count = len(arrivals)

    def times() -> Floats:
        return np.zeros(count)

    def counts(value: int = 0) -> Ints:
        return np.full(count, value, np.int64)

    def flags() -> Flags:
        return np.zeros(count, np.bool_)

    return Requests(
        arrived_s=arrivals.arrived_s.astype(np.float64),
        asked=arrivals.decode_tokens.astype(np.int64),
        prefill=arrivals.prefill_tokens.astype(np.int64),
        decode=arrivals.decode_tokens.astype(np.int64),
        processed=counts(),
        is_prefilled=flags(),
        is_scheduled=flags(),
        is_completed=flags(),
        scheduled_s=times(),
        first_token_s=times(),
        completed_s=times(),
        execution_s=times(),
        idle_s=times(),
        stage_end_s=times(),
        restarts=counts(),
        blocks=counts(),
        replica=counts(NONE),
        behind=counts(NONE),
    )


def new_replicas(count: int, rules: Rules) -> Replicas:
    """Replicas that have nothing to do."""

    def counts(value: int = 0) -> Ints:
        return np.full(count, value, np.int64)

    return Replicas(
        first=counts(NONE),
        last=counts(NONE),
        queued=counts(),
        used_blocks=counts(),
        admitted=counts(),
        running=counts(),
        ready=np.full((count, rules.most_admitted * rules.stages + 1), NONE, np.int64),
        readies=counts(),
        paused=np.full((count, rules.stages + 1), NONE, np.int64),
        pauses=counts(),
        waits=counts(),
    )


def new_batches(replicas: int, rules: Rules) -> Batches:
    """As many slots as batches can be in flight."""
    slots, room = replicas * rules.stages, rules.most_admitted + 1

    def counts(value: int = 0) -> Ints:
        return np.full(slots, value, np.int64)

    return Batches(
        members=np.full((slots, room), NONE, np.int64),
        tokens=np.zeros((slots, room), np.int64),
        size=counts(),
        is_taken=np.zeros(slots, np.bool_),
        held=counts(NONE),
        number=counts(),
        total=counts(),
        decodes=counts(),
        kv=counts(),
        stage_s=np.zeros(slots),
        last_stage_s=np.zeros(slots),
        end_s=np.zeros(slots),
    )


def new_stages(replicas: int, rules: Rules) -> Stages:
    """Stages without a batch."""
    count = replicas * rules.stages
    return Stages(
        serves=np.full(count, NONE, np.int64),
        waiting=np.full((count, rules.stages + 1), NONE, np.int64),
        waits=np.zeros(count, np.int64),
    )
