"""A service of language models: its replicas, how they batch, what a stage takes, and the requests that arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnomon.core.autoscale import Autoscale

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RouterName = Literal[
    "random",
    "round_robin",
    "weighted",
    "lor",
    "join_shortest_queue",
    "least_outstanding",
    "power_of_two",
    "prefix_aware",
]
BatchOrder = Literal["fcfs", "lpm"]
Scheduling = Literal["fcfs", "priority"]
PoolRole = Literal["both", "prefill", "decode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderShape:
    """What a plan of memory needs to know of a decoder."""

    layers: int
    query_heads: int
    kv_heads: int
    embedding: int  # elements of a token between layers
    hidden: int  # of the MLP
    is_gated: bool  # the MLP has three matrices, not two


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRoom:
    """What Vidur's plan of memory divides among sequences."""

    shape: DecoderShape
    tensor_parallel: int
    stages: int
    device_bytes: float  # memory of a device
    margin: float  # share of it that is left alone
    sequence_tokens: int  # prompt and answer of a request have at most so many
    block_tokens: int  # of a block of the KV cache
    blocks: int | None  # of the KV cache; None: as planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """Tokens that are guessed, and then computed at once."""

    tokens: int  # drafted for each request in a step
    acceptance: float  # probability that a draft is accepted, those before it being so
    has_model: bool  # a model drafts, and keeps keys and values of its own; else the prompt's n-grams do
    seed: int = 0  # of the draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How a replica makes batches of its requests."""

    policy: str  # of gnomon.engines.serving.simulator.policies
    most_requests: int  # admitted at once; of a pipeline its stages share them
    block_tokens: int  # of a block of the KV cache
    watermark: float = 0.0  # share of the blocks that stays free when a request is admitted
    most_tokens: int | None = (
        None  # of a prefill batch, as the policy counts them; of vllm-v1 of any; None: it has no such bound
    )
    chunk_tokens: int | None = (
        None  # of a batch that splits prompts; vllm-v1: of each request in a step, None: no bound
    )
    is_chunked: bool = True  # of vllm-v1: a prompt may be computed in several steps
    order: BatchOrder = "fcfs"  # of sglang: who waits comes in as he came, or whose prompt the cache has most of
    is_mixed: bool = False  # of sglang: answers go on in batches of prompts
    most_waits: int | None = None  # decode iterations before waiting requests are looked at; None: it does not wait
    most_adapters: int | None = None  # of vllm-v1: different LoRA adapters of a step; None: no request has one
    speculation: Speculation | None = None  # of vllm-v1; None: every step gives a request one token
    scheduling: Scheduling = "fcfs"  # of vllm-v1: who waits first; priority: by Arrivals.priorities, then as they came


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Which replica a request goes to."""

    name: RouterName
    seed: int = 0  # of what is drawn; of `random` of Python's generator
    draws_before: int = 0  # numbers that were drawn from it before the first request is routed
    weights: tuple[int, ...] = ()  # of the replicas, where they are weighted


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """What parts of a layer take, in ms, by tokens of a batch (index: tokens - 1) and by lengths in the KV cache.

    They are kept apart because a stage's time is their sum in one order, to the last bit.
    """

    projections_ms: Floats  # (tokens): attention's products and its positions
    kv_save_ms: Floats  # (tokens)
    exchange_ms: Floats  # (tokens): one all-reduce; a layer has two, the MLP's is counted with it
    norm_ms: Floats  # (tokens): before attention
    mlp_ms: Floats  # (tokens): with its norm and its all-reduce
    add_ms: Floats  # (tokens)
    send_ms: Floats  # (tokens): to the next stage, once
    decode_ms: Floats  # (requests - 1, kv / kv_step): attention of requests that decode, by the mean of their lengths
    prefill_ms: Floats  # (kv / kv_step, chunk - 1): attention of prompts
    kv_step: int  # tokens between two columns
    layers: int  # of a stage
    decode_factor: float = 1.0  # where more than one request decodes
    prefill_factor: float = 1.0  # where more than one prompt is in a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """What a step takes on one stage, in seconds, on grids of rising sizes; between their points it is linear.

    A step is what a replica computes at once: tokens of prompts and of answers together.
    """

    tokens: Ints  # (t): of a step
    by_tokens_s: Floats  # (t): all layers of a stage but for attention itself, with their exchanges
    first_s: Floats  # (t): what the first stage does besides: embedding
    send_s: Floats  # (t): to the next stage
    sampled: Ints  # (s): sequences that get a token in a step
    last_s: Floats  # (s): what the last stage does besides: norm, head, sampling
    decodes: Ints  # (d): sequences with one new token
    decode_kv: Ints  # (k): mean length of what they attend to
    decode_s: Floats  # (d, k): their attention, all layers of a stage
    before: Ints  # (b): tokens in the cache before a chunk of a prompt
    chunks: Ints  # (c): tokens of a chunk
    prefill_s: Floats  # (b, c): its attention, all layers of a stage; chunks of one step add up
    host_step_s: float = 0.0  # of the host, for each step
    host_request_s: float = 0.0  # likewise, for each request in it
    request_s: float = 0.0  # before a request reaches the queue
    adapted: Ints | None = None  # (a): tokens of a step that have a LoRA adapter; None: none has
    adapters: Ints | None = None  # (l): different adapters of a step
    adapters_s: Floats | None = None  # (a, l): their products, all layers of a stage
    adapter_load_s: float = 0.0  # to copy one to the devices


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTier:
    """A slower memory that blocks of the KV cache are kept in, too."""

    blocks: int  # of a replica that it holds; of a remote store of all of them
    block_s: float  # that one takes to it or from it, on the link of a replica alone


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTiers:
    """Slower memories that prompts are looked up in behind the KV cache of the devices, one after the other."""

    cpu: KvTier | None = None  # of the host of each replica
    remote: KvTier | None = None  # that all replicas share
    block_bytes: float = 0.0  # of a block, on all devices of a replica together


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Replicas that are alike."""

    name: str
    role: PoolRole = "both"  # what of a request its replicas compute: the prompt, the answer
    replicas: int
    tensor_parallel: int
    stages: int  # of each replica's pipeline
    kv_blocks: int  # of the KV cache of a replica
    steps_ahead: int = 0  # made up while those before them are under way [vLLM from 0.14 on: asynchronous scheduling]
    kv_sequences: int | None = (
        None  # of the greatest length that a policy reserves room for; None: as many as blocks hold
    )
    batching: Batching
    times: StageTimes | StepTimes
    draft_times: StepTimes | None = None  # of a model that drafts, on the same devices
    device: str = ""  # its name, where it is told
    tiers: KvTiers | None = None  # of vllm-v1; None: there are none

    @property
    def devices(self) -> int:
        """Of a replica."""
        return self.tensor_parallel * self.stages


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTransfer:
    """How a KV cache goes from the replica that computed a prompt to the one that computes the answer.

    Each replica of the first pool has a link of its own.
    """

    blocks: Ints  # (b): of a prompt, rising
    seconds: Floats  # (b): that they take alone on the link; linear between, and in proportion beyond both ends
    # Of that time, what cannot begin before the prompt is through: 1 where the cache is sent whole, the last layer's where it
    # is sent layer by layer.
    last_share: float = 1.0
    lead_share: float = 0.0  # of the time that a prompt is computed, what is left when its first layer can be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Replicas of one model, and which of them a request goes to."""

    pools: tuple[Pool, ...]  # one, or one of role prefill and one of role decode
    routing: Routing
    sequence_tokens: int  # prompt and answer of a request have at most so many
    time_limit_s: float | None = None  # the first event after it is the last
    most_open: int | None = (
        None  # requests under way at once: the next comes when one is through; None: they come when they come
    )
    autoscale: Autoscale | None = None  # None: all replicas of the pool are there all the time, else they are the most
    replicas_at_start: int | None = None  # of autoscale; None: all
    most_waiting: int | None = None  # in a replica's queue: who comes when it is full is turned away; None: any number
    most_wait_s: float | None = None  # who has waited so long for a first step is turned away; None: nobody is
    transfer: KvTransfer | None = None  # between two pools


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What prompts are made of: two requests share a prefix as far as their segments are the same from the first on."""

    starts: Ints  # (requests + 1): of each request's segments in the two below
    segments: Ints  # what a piece of text is, by any number
    tokens: Ints  # of each of them; of a request they add up to its prompt
    answers: Ints  # (requests): which segment the answer is for prompts to come; -1: none continues it


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Requests in the order of their arrival; arrays of one length."""

    ids: Ints
    arrived_s: Floats  # of one that waits for another: after that one's end
    prefill_tokens: Ints
    decode_tokens: Ints
    prefixes: Prefixes | None = None  # None: no prompt has anything in common with another
    after: Ints | None = None  # the place of the request whose end lets it come; -1: none
    priorities: Ints | None = None  # the lowest first [vLLM]; None: all are alike
    adapters: Ints | None = None  # which LoRA adapter; -1: none

    def __len__(self) -> int:
        return len(self.ids)
