"""What the compiled functions work on: requests, replicas, batches in flight and stages, as arrays that they change.

A table has a record for each request, replica or slot. A compiled function counts a reference of each array that it is handed, at
the price of twenty additions: what is called for every request of a batch takes records, which are not counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Floats, Ints
from gnomon.engines.serving.simulator.step_costs import Grids

Records = Any  # np.recarray: a field of a record is read and set as an attribute
NONE = -1  # no request, no batch
VIDUR_VLLM, SARATHI, ORCA, FASTER_TRANSFORMER, LIGHTLLM, VLLM_V1, SGLANG = range(7)  # policies
THROUGH = -1  # in place of the length before a chunk: the request is through its prompt
BY_TOKENS = range(7)
PROJECTIONS, KV_SAVE, EXCHANGE, NORM, MLP, ADD, SEND = BY_TOKENS  # columns of Costs.by_tokens

_REQUEST = np.dtype(
    [
        ("arrived_s", "f8"),
        ("priority", "i8"),  # the lowest goes first, where that counts
        ("asked", "i8"),  # output tokens that were asked for
        ("prefill", "i8"),  # tokens to be computed before the next output; grows when a request starts again
        ("decode", "i8"),  # output tokens beyond those; shrinks likewise
        ("processed", "i8"),
        ("is_prefilled", "?"),
        ("is_scheduled", "?"),  # since it last began
        ("is_begun", "?"),  # it has been in a batch
        ("is_completed", "?"),
        ("is_let_in", "?"),  # it was held back, and one that was under way is through
        ("has_let_come", "?"),  # whoever waited for its end
        ("is_refused", "?"),  # at the door: it could never be through
        ("turned_away", "i8"),  # why it is not served, as in admission.py; 0: it is
        ("turned_away_s", "f8"),
        ("has_left", "?"),  # it is not counted among those of its replica any more
        ("goes_on", "?"),  # with its KV cache to another pool, which computes the answer; or some of it is being copied
        ("is_brought", "?"),  # the KV cache of its prompt comes with it, and it has its first token
        ("scheduled_s", "f8"),  # this and all that follow: 0 before the time has come
        ("first_token_s", "f8"),
        ("completed_s", "f8"),
        ("execution_s", "f8"),  # of its batches on all stages
        ("idle_s", "f8"),  # between them
        ("stage_end_s", "f8"),  # of the last of them
        ("send_s", "f8"),  # that its KV cache takes alone on the link
        ("sent_s", "f8"),  # when that is with the other pool
        ("restarts", "i8"),
        ("in_flight", "i8"),  # tokens of batches that are not through, where a request may be in several
        ("found", "i8"),  # tokens that a cache had, all times together
        ("also", "i8"),  # the victim before it in the same step
        ("blocks", "i8"),  # that it holds
        ("drawn", "i8"),  # the replica, where that does not depend on queues
        ("replica", "i8"),  # that it was sent to
        ("behind", "i8"),  # the next in a queue; before that the next that comes to the same replica
    ],
    align=True,
)
_MEMBER = np.dtype(
    [
        ("request", "i8"),
        ("tokens", "i8"),
        ("before", "i8"),  # tokens in the cache before them; THROUGH: it is through its prompt
        ("epoch", "i8"),  # restarts of the request when it joined
        ("is_sampled", "i8"),  # whether it gets a token
        ("is_admitted", "i8"),  # whether it came from the queue; of one that is through its prompt this says nothing
    ]
)
_REPLICA = np.dtype(
    [
        ("first", "i8"),  # of the queue of those not admitted
        ("last", "i8"),
        ("queued", "i8"),
        ("used_blocks", "i8"),
        ("admitted", "i8"),  # requests that hold blocks
        ("running", "i8"),  # batches
        ("readies", "i8"),
        ("pauses", "i8"),
        ("waits", "i8"),  # decode iterations since waiting requests were looked at
        ("coming", "i8"),  # the next request that will arrive, where routes are known
        ("victims", "i8"),  # requests that lost their blocks since the last batch was made
        ("victim", "i8"),  # the last of them
        ("busy_s", "f8"),  # of its stages, added up
        ("prompts_s", "f8"),  # when the last prompts ended whose KV cache goes on
        ("layers_s", "f8"),  # when the link is through with all of what goes on but the last layers of those prompts
        ("lasts_s", "f8"),  # that those last layers take on it
    ]
)
_BATCH = np.dtype(
    [
        ("count", "i8"),  # requests
        ("is_taken", "?"),
        ("held", "i8"),  # first of a chain of completed requests whose blocks are kept until all have
        ("number", "i8"),  # batches are numbered in the order in which they were made
        ("total", "i8"),  # tokens
        ("decodes", "i8"),
        ("kv", "i8"),  # mean length of those that decode, rounded up
        ("first_stage_s", "f8"),  # of several
        ("stage_s", "f8"),  # of each between the first and the last
        ("last_stage_s", "f8"),
        ("victims", "i8"),  # requests that lost their blocks when it was made
        ("victim", "i8"),  # the last of them
        ("steps", "i8"),  # iterations that are done at once
        ("free", "i8"),  # blocks that nobody held when it had been made
        ("besides_s", "f8"),  # of a stage: for adapters
        ("is_loading", "?"),  # an adapter is copied to the devices first
    ],
    align=True,
)


class Rules(NamedTuple):
    """What does not change."""

    policy: int  # its place in policies.POLICIES
    stages: int
    slots: int  # batches in flight at most: one for each stage, and those made up ahead
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
    waits_for_ends: bool  # some come only when others are through
    most_open: int  # under way at once; 0: as many as come
    door_s: float  # before a request is in a queue
    has_step_times: bool  # Costs.grids, not the tables before it
    is_chunked: bool  # a prompt may be computed in several batches
    has_cache: bool  # blocks are found again by their content
    sends: bool  # requests go on to another pool with their KV caches
    brings: bool  # requests come from another pool with them
    last_share: float  # of a KV cache that cannot be sent before its prompt is through
    lead_share: float  # of a prompt's time that is left when the first of the rest can be
    has_tiers: bool  # also in slower memories
    cpu_block_s: float  # of a block, between the devices and the memory of their host
    remote_block_s: float  # likewise, and a store that all replicas share
    has_tree: bool  # tokens are, by what is before them
    is_longest_first: bool  # of sglang: whoever waits and finds the most of his prompt comes first
    is_mixed: bool  # of sglang: answers go on in batches of prompts
    by_priority: bool  # the queue is in the order of priorities
    most_adapters: int  # different ones of a step; 0: nobody has any
    draft_tokens: int  # of each request that decodes; 0: nothing is drafted
    draft_lookahead: int  # tokens beyond those of a step that have blocks
    has_draft_model: bool
    sequence_tokens: int
    model: int  # which of two on the same devices; NONE: it is the only one
    records: bool  # a row for every batch and stage


class Costs(NamedTuple):
    """gnomon.core.service.StageTimes or StepTimes for compiled functions."""

    by_tokens: Floats  # (tokens - 1, column)
    decode_ms: Floats
    prefill_ms: Floats
    largest: Ints  # (5): asked for: tokens, decoding requests, their mean length, length before chunks, chunk
    kv_step: int
    decode_factor: float
    prefill_factor: float
    grids: Grids
    draft: Grids  # of a model that drafts


class Replicas(NamedTuple):
    """Replicas."""

    each: Records
    ready: Ints  # (replica, place): requests that are admitted and in no batch
    phases: Ints  # (replica, iteration): scratch
    paused: Ints  # (replica, place): batches between two iterations, of policies that keep a batch together
    desks: Any  # policies.sglang.Desks


class Batches(NamedTuple):
    """Batches in flight; replica r has the slots from r * stages on."""

    each: Records
    members: Records  # (slot, place)


class Stages(NamedTuple):
    """By replica * stages + stage."""

    serves: Ints  # a batch's slot
    waiting: Ints  # (stage, place)
    waits: Ints


def new_requests(arrivals: Arrivals) -> Records:
    """Requests before any has arrived."""
    requests = _records(len(arrivals), _REQUEST)
    requests.arrived_s[:] = arrivals.arrived_s
    requests.prefill[:] = arrivals.prefill_tokens
    if arrivals.priorities is not None:
        requests.priority[:] = arrivals.priorities
    requests.asked[:] = requests.decode[:] = arrivals.decode_tokens
    requests.drawn[:] = requests.replica[:] = requests.behind[:] = requests.also[:] = NONE
    return requests


def new_replicas(count: int, rules: Rules, desks: Any) -> Replicas:
    """Replicas that have nothing to do."""
    each = _records(count, _REPLICA)
    each.first[:] = each.last[:] = each.coming[:] = NONE
    return Replicas(
        each=each,
        ready=np.full((count, rules.most_admitted * rules.stages + 1), NONE, np.int64),
        phases=np.zeros((count, rules.block_tokens + 1), np.int64),
        paused=np.full((count, rules.stages + 1), NONE, np.int64),
        desks=desks,
    )


def new_batches(replicas: int, rules: Rules) -> Batches:
    """As many slots as batches can be in flight."""
    each = _records(replicas * rules.slots, _BATCH)
    each.held[:] = NONE
    members = np.zeros((len(each), rules.most_admitted + 1), _MEMBER).view(np.recarray)
    return Batches(each=each, members=members)


def new_stages(replicas: int, rules: Rules) -> Stages:
    """Stages without a batch."""
    count = replicas * rules.stages
    return Stages(
        serves=np.full(count, NONE, np.int64),
        waiting=np.full((count, rules.slots + 1), NONE, np.int64),
        waits=np.zeros(count, np.int64),
    )


def _records(count: int, shape: np.dtype[np.void]) -> Records:
    return np.zeros(count, shape).view(np.recarray)


@inner
def put(place: Records, request: int, tokens: int) -> None:
    """A request takes a place in a batch with so many tokens."""
    place.request = request
    place.tokens = tokens
