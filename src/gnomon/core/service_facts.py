"""What is known of a service beside one mean: how its requests fared, and what it handled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic of the requests of a run, with the interval of longer runs of the same traffic."""

    name: str  # mean, p50, p90, p95, p99
    value: float
    low: float  # both ends at the level of Spread
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A time over the requests that have it."""

    # ttft, tpot, e2e, queueing; of two pools also kv_transfer and decode_queueing; beside another model device_wait; of KV tiers kv_load
    quantity: str
    count: int  # requests
    estimates: tuple[Estimate, ...]
    quantiles: tuple[float, ...]  # at 0, 1, ... 100 %: what a curve of the shares is drawn from
    level: float = 0.9

    def __getitem__(self, name: str) -> float:
        """The value of a statistic. KeyError."""
        for one in self.estimates:
            if one.name == name:
                return one.value
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What the devices of a service use from the first arrival to the last event, in J, with its 90 % interval."""

    value_j: float
    low_j: float
    high_j: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCount:
    """How many replicas there are from some time on."""

    time_s: float  # as arrivals are counted
    ready: int  # requests are sent to them
    starting: int
    leaving: int  # they end their requests, and get no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How the number of replicas changed."""

    replica_s: (
        float  # replicas times seconds, from the first arrival to the last event; also while they start and leave
    )
    starts: int  # replicas that were started
    ticks: int  # how often it was asked how many are wanted
    at_most: int  # how often that was the most there may be
    course: tuple[ReplicaCount, ...]  # the first from the first arrival on


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """Replicas that are alike, where a service has several kinds."""

    name: str  # prefill, decode
    device: str
    replicas: int
    tensor_parallel: int
    stages: int
    kv_blocks: int  # of a replica
    steps: int
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KvTierFacts:
    """A slower memory of the KV cache."""

    name: str  # cpu, of the host of each replica; remote, one for all
    blocks: int  # that it holds
    hit_tokens: int  # of prompts of requests that are through, loaded from it
    loaded_bytes: float  # of all requests
    stored_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """How requests of one priority fared."""

    priority: int
    requests: int
    completed: int
    restarts: int
    spreads: tuple[Spread, ...]  # empty where none is through


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterWarmup:
    """What is left of a run whose first requests are left out: what times and rates are of."""

    warmup_s: float  # from the first arrival
    left_out: int  # requests that arrived in it
    requests: int  # those that came after it
    completed: int  # of these; the rest too is of them
    hit_tokens: int
    prompt_tokens: int
    answer_tokens: int
    span_s: float  # from the end of the warm-up to the last event


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """A service and what became of its requests."""

    policy: str
    follows: str  # the software whose rules the policy has, with its version
    replicas: int
    tensor_parallel: int
    stages: int
    kv_blocks: int  # of a replica
    block_tokens: int
    requests: int
    completed: int
    never_scheduled: int
    found_full: int  # requests that were turned away: their queue was full
    waited_too_long: int  # likewise: no first step came in time
    restarts: int
    steps: int
    hit_tokens: int  # of prompts, found in the cache of prefixes
    prompt_tokens: int  # of the requests that were completed; both
    answer_tokens: int
    span_s: float  # from the first arrival to the last event
    offered_per_s: float | None  # requests, from the first arrival to the last; None: all at once
    mfu: float | None  # the model's own work over what the devices' peak could do in the span; None: no such peak
    busy: float  # share of the span in which a step runs, mean over devices
    energy: Energy | None  # of the devices, not of their hosts; None: nothing is known of their power
    spreads: tuple[Spread, ...]
    usd_per_s: float | None  # of all devices, where replicas come and go on average; None: no price is known
    warnings: tuple[str, ...]
    scaling: Scaling | None = None  # where replicas come and go
    pools: tuple[PoolFacts, ...] = ()  # of several; the fields above are those of the last
    adapter_loads: int = 0  # LoRA adapters copied to the devices of a replica
    drafted_tokens: int = 0  # computed beside tokens that were known, of speculative decoding
    accepted_tokens: int = 0  # of answers, that came of them
    classes: tuple[ClassFacts, ...] = ()  # by priority, the first to go first; empty where requests have none
    after_warmup: AfterWarmup | None = None  # None: nobody is left out of times and rates
    beside: BesideFacts | None = None  # another model on the same devices
    kv_tiers: tuple[KvTierFacts, ...] = ()  # slower memories of the KV cache, in the order in which they are asked

    @property
    def measured(self) -> AfterWarmup | ServiceFacts:
        """The requests that times and rates are of."""
        return self.after_warmup or self

    @property
    def completed_per_s(self) -> float:
        return self.measured.completed / self.measured.span_s

    @property
    def answer_tokens_per_s(self) -> float:
        return self.measured.answer_tokens / self.measured.span_s

    @property
    def prompt_tokens_per_s(self) -> float:
        return self.measured.prompt_tokens / self.measured.span_s

    @property
    def usd_per_million_answer_tokens(self) -> float | None:
        """None without a price, and of a run without an answer."""
        if self.usd_per_s is None or not self.answer_tokens:
            return None
        return self.usd_per_s * self.span_s / self.answer_tokens * 1e6

    @property
    def joules_per_answer_token(self) -> float | None:
        """None where nothing is known of the devices' power, and of a run without an answer."""
        return None if self.energy is None or not self.answer_tokens else self.energy.value_j / self.answer_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedDevices:
    """Devices that two models share; of each model alone neither cost nor energy is told."""

    span_s: float  # from the first arrival at either model to the last event
    busy: float  # share of it in which a step of either runs, mean over devices
    answer_tokens: int  # of both models' requests that were completed
    energy: Energy | None  # None: nothing is known of their power
    usd_per_s: float | None  # None: no price is known

    @property
    def usd_per_million_answer_tokens(self) -> float | None:
        """Of both models; None without a price, and of a run without an answer."""
        if self.usd_per_s is None or not self.answer_tokens:
            return None
        return self.usd_per_s * self.span_s / self.answer_tokens * 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideFacts:
    """The other of two models on the same devices."""

    model: str
    service: ServiceFacts
    devices: SharedDevices
