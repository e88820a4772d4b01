"""How a service runs a language model: policy, replicas, limits and memory; and the requests that come."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from gnomon.core.autoscale import Autoscale
from gnomon.core.beside import Beside
from gnomon.core.errors import BadInput, near_match
from gnomon.core.service import BatchOrder, RouterName, Scheduling
from gnomon.core.system import System
from gnomon.core.traffic.played import AnyTraffic

Policy = Literal["vllm-v1", "sglang", "vidur-vllm", "sarathi", "orca", "faster-transformer", "lightllm"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
ROUTERS: tuple[RouterName, ...] = get_args(RouterName)
ORDERS: tuple[BatchOrder, ...] = get_args(BatchOrder)
SCHEDULINGS: tuple[Scheduling, ...] = get_args(Scheduling)
Quantity = Literal["ttft", "tpot", "e2e"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
KvSent = Literal["whole", "layerwise"]
KV_SENT: tuple[KvSent, ...] = get_args(KvSent)
GPU_MEMORY_UTILIZATION = 0.9  # [vLLM: --gpu-memory-utilization]
BLOCK_TOKENS = 16  # of a block of the KV cache [vLLM: --block-size on CUDA]
BY_TOKEN: tuple[Policy, ...] = (
    "sglang",
    "lightllm",
)  # policies whose blocks hold one token [SGLang: --page-size; LightLLM: TokenAttention]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPlan:
    """What `Plan` leaves open of a service. Raises BadInput for a value that cannot be, whatever the model.

    Names and defaults are vLLM's where it has them, else SGLang's.
    """

    quantity: Quantity = "e2e"  # what is asked for, the mean over requests
    policy: Policy = "vllm-v1"
    tp: int = 1  # tensor parallel: devices that share every layer
    pp: int = 1  # pipeline parallel: stages of a replica
    # Expert parallel: devices that share the experts of a mixture, a multiple of tp; 1: each expert is divided among the tp.
    ep: int = 1
    replicas: int | None = None  # None: as many as the devices allow
    router: RouterName = "round_robin"
    scheduling: Scheduling = "fcfs"  # of vllm-v1; priority: by the priorities of the requests, the lowest first
    router_weights: tuple[int, ...] | None = None  # of the replicas, of router weighted
    max_waiting: int | None = None  # requests in a replica's queue; who comes when it is full is turned away
    max_wait_s: float | None = None  # who has waited so long for a first step is turned away
    autoscale: Autoscale | None = None  # replicas come and go; `replicas` are those at the start; None: they stay
    max_num_seqs: int | None = None  # requests of a step; None: as vLLM, or SGLang, chooses by the device
    max_num_batched_tokens: int | None = None  # tokens of a step; None: likewise
    max_model_len: int | None = None  # tokens of a prompt with its answer; None: the positions of the model
    block_size: int | None = None  # tokens of a block of the KV cache; None: 16 as of vLLM, of sglang and lightllm 1
    gpu_memory_utilization: float = (
        GPU_MEMORY_UTILIZATION  # share of a device's memory that weights, activations and KV cache may take
    )
    kv_blocks: int | None = None  # of a replica, of two pools of one for answers; None: as many as that memory holds
    prefix_caching: bool = True  # policies that know of it
    kv_offloading_size_gib: float | None = (
        None  # of the host's memory, for blocks of a replica [vLLM: kv_offloading_size]
    )
    kv_offloading_gbit_per_s: float | None = None  # of a device's link to its host; None: as its data sheet has it
    kv_remote_size_gib: float | None = None  # of a store over the network that all replicas share; None: there is none
    kv_remote_gbit_per_s: float | None = None  # of a device's link to it
    max_loras: int | None = None  # different LoRA adapters of a step, for which memory is kept; None: there are none
    max_lora_rank: int | None = None  # of every adapter; None: 16, as vLLM has it
    num_speculative_tokens: int | None = None  # drafted for each request in a step; None: nothing is drafted
    draft_acceptance: float | None = None  # probability that a draft is accepted, those before it being so
    draft_model: str | None = None  # by its name, on the same devices; None: drafts are n-grams of the text, and free
    chunk_tokens: int | None = None  # of a prompt in one step; None: only the tokens of the step bound it
    schedule_policy: BatchOrder = (
        "fcfs"  # of sglang, who comes in first: who came first, or has most of his prompt in the cache
    )
    mixed_chunk: bool = False  # of sglang: answers go on in the steps that compute prompts
    usd_per_device_hour: float | None = None  # None: no cost is told
    warmup_s: float | None = (
        None  # who comes so soon after the first is left out of times, rates and goodput; None: nobody
    )
    # Replicas of their own for prompts, from which KV caches are sent to the others, which compute answers alone. There are some
    # where their number is said, or what they are on; all else of them is as of the others where it is not said.
    prefill_replicas: int | None = None  # None: as many as the devices of prefill_on allow
    prefill_tp: int | None = None
    prefill_pp: int | None = None
    prefill_on: System | None = None  # None: on the devices of the one system that the others leave
    prefill_max_num_batched_tokens: int | None = None
    prefill_kv_blocks: int | None = None  # None: as many as their memory holds
    prefill_usd_per_device_hour: float | None = None
    kv_transfer: KvSent = "whole"  # layerwise: all but the last layer while the prompt is computed
    kv_transfer_gbit_per_s: float | None = None  # of the link of each device; None: as its network has it
    beside: Beside | None = None  # another model on the same devices; None: it has them alone
    traffic: AnyTraffic | None = None  # who asks; None: it is not said

    def __post_init__(self) -> None:
        for name in WHOLE:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadInput(f"{value!r} is not a positive whole number", field=name)
        for name, known in (
            ("policy", POLICIES),
            ("router", ROUTERS),
            ("scheduling", SCHEDULINGS),
            ("quantity", QUANTITIES),
            ("kv_transfer", KV_SENT),
            ("schedule_policy", ORDERS),
        ):
            value = getattr(self, name)
            if value not in known:
                raise BadInput(
                    f"unknown {value!r}{near_match(str(value), known)} (known: {', '.join(known)})", field=name
                )
        if self.block_size == BLOCK_TOKENS and self.policy not in BY_TOKEN:
            object.__setattr__(self, "block_size", None)  # what is said though it is so anyway asks nothing else
        self._check_router()
        for name in ("prefix_caching", "mixed_chunk"):
            if not isinstance(getattr(self, name), bool):
                raise BadInput(f"{getattr(self, name)!r} is neither true nor false", field=name)
        share = self.gpu_memory_utilization
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise BadInput(f"{share!r} is not a share above 0, and at most 1", field="gpu_memory_utilization")
        for name in ("max_wait_s", "warmup_s"):
            seconds = getattr(self, name)
            if seconds is not None and not (_is_number(seconds) and 0 < seconds < math.inf):
                raise BadInput(f"{seconds!r} is not a time above 0", field=name)
        for name in ("usd_per_device_hour", "prefill_usd_per_device_hour"):
            price = getattr(self, name)
            if price is not None and not (_is_number(price) and 0 <= price < math.inf):
                raise BadInput(f"{price!r} is not a price of at least 0", field=name)
        if self.prefill_usd_per_device_hour is not None and self.usd_per_device_hour is None:
            raise BadInput(
                "no cost is told without the price of the devices that compute answers: say that too",
                field="prefill_usd_per_device_hour",
                remedies=[("usd_per_device_hour", f"{self.prefill_usd_per_device_hour:g} where it is the same")],
            )
        rate = self.kv_transfer_gbit_per_s
        if rate is not None and not (_is_number(rate) and 0 < rate < math.inf):
            raise BadInput(f"{rate!r} is not a rate above 0", field="kv_transfer_gbit_per_s")
        self._check_drafts()
        self._check_beside()
        self._check_tiers()
        if self.max_lora_rank is not None and self.max_loras is None:
            raise BadInput("a rank is of adapters: say how many a step may have (max_loras)", field="max_lora_rank")
        if self.ep > 1 and self.ep % self.tp:
            raise BadInput(f"{self.ep} is not a multiple of the {self.tp} devices that share a layer (tp)", field="ep")
        if self.ep > 1 and self.prefill_tp is not None and self.ep % self.prefill_tp:
            divisors = [number for number in range(1, self.ep + 1) if not self.ep % number]
            raise BadInput(
                f"the {self.ep} devices that share experts (ep) are no multiple of {self.prefill_tp} that share a layer",
                field="prefill_tp",
                remedies=[("prefill_tp", " or ".join(map(str, divisors)))],
            )
        if not self.has_prefill_pool:
            for name in PREFILL_FIELDS:
                if getattr(self, name) not in (None, "whole"):
                    raise BadInput(
                        "only a service with replicas for prompts alone has it: say prefill_replicas or prefill_on",
                        field=name,
                    )

    @property
    def block_tokens(self) -> int:
        """Tokens of a block of the KV cache."""
        return self.block_size or (1 if self.policy in BY_TOKEN else BLOCK_TOKENS)

    @property
    def has_prefill_pool(self) -> bool:
        """Whether prompts are computed by replicas of their own."""
        return self.prefill_replicas is not None or self.prefill_on is not None

    @property
    def has_kv_tiers(self) -> bool:
        """Whether there are slower memories behind the KV cache."""
        return self.kv_offloading_size_gib is not None or self.kv_remote_size_gib is not None

    def _check_beside(self) -> None:
        """BadInput where two models cannot share their devices."""
        if self.beside is None:
            return
        if not isinstance(self.beside, Beside) or self.beside.plan.serving is None:
            raise BadInput(f"{self.beside!r:.60} is no model with a plan of mode serve", field="beside")
        other = self.beside.serving
        if other.beside is not None:
            raise BadInput("two models share devices, not three", field="beside.beside")
        for name in ("tp", "pp", "replicas"):
            own, its = getattr(self, name), getattr(other, name)
            if own != its:
                raise BadInput(
                    f"both models lie on the same devices in the same way: {_said(own)}, not {_said(its)}",
                    field=f"beside.{name}",
                )
        together = self.gpu_memory_utilization + other.gpu_memory_utilization
        if together > 1 + 1e-9:
            raise BadInput(
                f"{other.gpu_memory_utilization:g} of a device's memory beside {self.gpu_memory_utilization:g} are more than there is: both "
                "shares add up to 1 at most",
                field="beside.gpu_memory_utilization",
                remedies=[("beside.gpu_memory_utilization", f"{1 - self.gpu_memory_utilization:g}")]
                if self.gpu_memory_utilization < 1
                else (),
            )

    def _check_tiers(self) -> None:
        """BadInput where of slower memories something is said and not all, or nothing could be found there."""
        for store in ("kv_offloading", "kv_remote"):
            size, rate = f"{store}_size_gib", f"{store}_gbit_per_s"
            for name, what in ((size, "size in GiB"), (rate, "rate")):
                value = getattr(self, name)
                if value is not None and not (_is_number(value) and 0 < value < math.inf):
                    raise BadInput(f"{value!r} is not a {what} above 0", field=name)
            if getattr(self, rate) is not None and getattr(self, size) is None:
                raise BadInput(f"a rate is of a memory: say how large it is ({size})", field=rate)
        if self.kv_remote_size_gib is not None and self.kv_remote_gbit_per_s is None:
            raise BadInput("how fast a device reaches the remote store is not said", field="kv_remote_gbit_per_s")
        if self.has_kv_tiers and (self.policy != "vllm-v1" or not self.prefix_caching):
            raise BadInput(
                "slower memories are for prefixes that begin alike: they need policy vllm-v1 and prefix_caching",
                field="kv_remote_size_gib" if self.kv_offloading_size_gib is None else "kv_offloading_size_gib",
            )

    def _check_drafts(self) -> None:
        """BadInput where of drafts something is said and not all."""
        share = self.draft_acceptance
        for name in ("draft_acceptance", "draft_model"):
            if getattr(self, name) is not None and self.num_speculative_tokens is None:
                raise BadInput("nothing is drafted: say how many tokens (num_speculative_tokens)", field=name)
        if self.num_speculative_tokens is not None and share is None:
            raise BadInput("how probably a draft is accepted is not said", field="draft_acceptance")
        if share is not None and not (_is_number(share) and 0 <= share <= 1):
            raise BadInput(f"{share!r} is not a probability from 0 to 1", field="draft_acceptance")

    def _check_router(self) -> None:
        """BadInput for weights that are none or that nobody needs, and for a router without what it looks at."""
        weights = self.router_weights
        if weights is not None:
            if not isinstance(weights, (list, tuple)) or not weights or not all(map(_is_weight, weights)):
                raise BadInput(
                    f"{weights!r:.60} is not a list of positive whole numbers, like [3, 1]", field="router_weights"
                )
            object.__setattr__(self, "router_weights", tuple(weights))
        if (weights is not None) != (self.router == "weighted"):
            told = "only router weighted has them" if weights else "router weighted needs one for each replica"
            raise BadInput(told, field="router_weights")
        if weights and self.autoscale is not None:
            raise BadInput("weights are of replicas that stay: with autoscale they come and go", field="router_weights")
        if self.autoscale is not None and not isinstance(self.autoscale, Autoscale):
            raise BadInput(f"{self.autoscale!r:.60} is not an Autoscale", field="autoscale")
        if self.router == "prefix_aware" and (self.policy != "vllm-v1" or not self.prefix_caching):
            raise BadInput(
                "prefix_aware looks for prompts in caches of prefixes: it needs policy vllm-v1 and prefix_caching",
                field="router",
            )


def _said(value: int | None) -> str:
    return "as many as the devices allow" if value is None else f"{value}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_weight(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


WHOLE = (  # fields that are positive whole numbers
    "tp",
    "pp",
    "ep",
    "replicas",
    "max_waiting",
    "max_num_seqs",
    "max_num_batched_tokens",
    "max_model_len",
    "block_size",
    "kv_blocks",
    "chunk_tokens",
    "prefill_replicas",
    "prefill_tp",
    "prefill_pp",
    "prefill_max_num_batched_tokens",
    "prefill_kv_blocks",
    "max_loras",
    "max_lora_rank",
    "num_speculative_tokens",
)
FIELDS = tuple(field.name for field in fields(ServingPlan) if field.name != "quantity")  # that a user says
OWN_FIELDS = tuple(name for name in FIELDS if name not in ("tp", "pp", "ep", "traffic"))  # that no other plan has
PREFILL_FIELDS = tuple(name for name in FIELDS if name.startswith(("prefill_", "kv_transfer")))
