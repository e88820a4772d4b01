"""How a service runs a language model: policy, replicas, limits and memory; and the requests that come."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from gnomon.core.errors import BadInput, near_match
from gnomon.core.service import RouterName, Scheduling
from gnomon.core.traffic.played import AnyTraffic

Policy = Literal["vllm-v1", "sglang", "vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
ROUTERS: tuple[RouterName, ...] = get_args(RouterName)
SCHEDULINGS: tuple[Scheduling, ...] = get_args(Scheduling)
Quantity = Literal["ttft", "tpot", "e2e"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPlan:
    """What `Plan` leaves open of a service. Raises BadInput for a value that cannot be, whatever the model.

    Names and defaults are vLLM's where it has them.
    """

    quantity: Quantity = "e2e"  # what is asked for, the mean over requests
    policy: Policy = "vllm-v1"
    tp: int = 1  # tensor parallel: devices that share every layer
    pp: int = 1  # pipeline parallel: stages of a replica
    ep: int = 1  # expert parallel: devices that share the experts of a mixture; 1: each expert is divided among the tp
    replicas: int | None = None  # None: as many as the devices allow
    router: RouterName = "round_robin"
    scheduling: Scheduling = "fcfs"  # of vllm-v1; priority: by the priorities of the requests, the lowest first
    max_num_seqs: int | None = None  # requests of a step; None: as vLLM chooses by the device
    max_num_batched_tokens: int | None = None  # tokens of a step; None: likewise
    max_model_len: int | None = None  # tokens of a prompt with its answer; None: the positions of the model
    block_size: int = 16  # tokens of a block of the KV cache
    gpu_memory_utilization: float = 0.9  # share of a device's memory that weights, activations and KV cache may take
    kv_blocks: int | None = None  # of a replica; None: as many as that memory holds
    prefix_caching: bool = True  # policies that know of it
    max_loras: int | None = None  # different LoRA adapters of a step, for which memory is kept; None: there are none
    max_lora_rank: int | None = None  # of every adapter; None: 16, as vLLM has it
    num_speculative_tokens: int | None = None  # drafted for each request in a step; None: nothing is drafted
    draft_acceptance: float | None = None  # probability that a draft is accepted, those before it being so
    draft_model: str | None = None  # by its name, on the same devices; None: drafts are n-grams of the text, and free
    chunk_tokens: int | None = None  # of a prompt in one step; None: only the tokens of the step bound it
    usd_per_device_hour: float | None = None  # None: no cost is told
    traffic: AnyTraffic | None = None  # who asks; None: it is not said

    def __post_init__(self) -> None:
        for name in _WHOLE:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadInput(f"{value!r} is not a positive whole number", field=name)
        for name, known in (
            ("policy", POLICIES),
            ("router", ROUTERS),
            ("scheduling", SCHEDULINGS),
            ("quantity", QUANTITIES),
        ):
            value = getattr(self, name)
            if value not in known:
                raise BadInput(
                    f"unknown {value!r}{near_match(str(value), known)} (known: {', '.join(known)})", field=name
                )
        if not isinstance(self.prefix_caching, bool):
            raise BadInput(f"{self.prefix_caching!r} is neither true nor false", field="prefix_caching")
        share = self.gpu_memory_utilization
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise BadInput(f"{share!r} is not a share above 0, and at most 1", field="gpu_memory_utilization")
        price = self.usd_per_device_hour
        if price is not None and (
            isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 <= price < math.inf
        ):
            raise BadInput(f"{price!r} is not a price of at least 0", field="usd_per_device_hour")
        self._check_drafts()
        if self.max_lora_rank is not None and self.max_loras is None:
            raise BadInput("a rank is of adapters: say how many a step may have (max_loras)", field="max_lora_rank")
        if self.ep > 1 and self.ep % self.tp:
            raise BadInput(f"{self.ep} is not a multiple of the {self.tp} devices that share a layer (tp)", field="ep")

    def _check_drafts(self) -> None:
        share = self.draft_acceptance
        for name in ("draft_acceptance", "draft_model"):
            if getattr(self, name) is not None and self.num_speculative_tokens is None:
                raise BadInput("nothing is drafted: say how many tokens (num_speculative_tokens)", field=name)
        if self.num_speculative_tokens is not None and share is None:
            raise BadInput("how probably a draft is accepted is not said", field="draft_acceptance")
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1
        ):
            raise BadInput(f"{share!r} is not a probability from 0 to 1", field="draft_acceptance")


_WHOLE = (
    "tp",
    "pp",
    "ep",
    "replicas",
    "max_num_seqs",
    "max_num_batched_tokens",
    "max_model_len",
    "block_size",
    "kv_blocks",
    "chunk_tokens",
    "max_loras",
    "max_lora_rank",
    "num_speculative_tokens",
)
FIELDS = tuple(field.name for field in fields(ServingPlan) if field.name != "quantity")  # that a user says
OWN_FIELDS = tuple(name for name in FIELDS if name not in ("tp", "pp", "ep", "traffic"))  # that no other plan has
