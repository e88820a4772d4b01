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

    quantity: str  # ttft, tpot, e2e, queueing
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
class ClassFacts:
    """How requests of one priority fared."""

    priority: int
    requests: int
    completed: int
    restarts: int
    spreads: tuple[Spread, ...]  # empty where none is through


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
    restarts: int
    steps: int
    hit_tokens: int  # of prompts, found in the cache of prefixes
    prompt_tokens: int  # of the requests that were completed; both
    answer_tokens: int
    span_s: float  # from the first arrival to the last event
    offered_per_s: float | None  # requests, from the first arrival to the last; None: all at once
    mfu: float | None  # the model's own work over what the devices' peak could do in the span; None: no such peak
    spreads: tuple[Spread, ...]
    usd_per_s: float | None  # of all devices; None: no price is known
    warnings: tuple[str, ...]
    adapter_loads: int = 0  # LoRA adapters copied to the devices of a replica
    drafted_tokens: int = 0  # computed beside tokens that were known, of speculative decoding
    accepted_tokens: int = 0  # of answers, that came of them
    classes: tuple[ClassFacts, ...] = ()  # by priority, the first to go first; empty where requests have none

    @property
    def completed_per_s(self) -> float:
        return self.completed / self.span_s

    @property
    def answer_tokens_per_s(self) -> float:
        return self.answer_tokens / self.span_s

    @property
    def prompt_tokens_per_s(self) -> float:
        return self.prompt_tokens / self.span_s

    @property
    def usd_per_million_answer_tokens(self) -> float | None:
        """None without a price, and of a run without an answer."""
        if self.usd_per_s is None or not self.answer_tokens:
            return None
        return self.usd_per_s * self.span_s / self.answer_tokens * 1e6
