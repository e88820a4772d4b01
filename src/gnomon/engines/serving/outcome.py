"""What came of a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Batching, Flags, Floats, Ints, Pool, Service
from gnomon.core.service_facts import Scaling
from gnomon.engines.serving.decisions import Decision, decisions
from gnomon.engines.serving.simulator.admission import QUEUE_FULL, WAITED_TOO_LONG
from gnomon.engines.serving.simulator.records import Log
from gnomon.engines.serving.simulator.state import Records

_RESERVING = ("orca", "faster-transformer")  # policies that keep room for the longest sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """How requests came from the pool of their prompts to that of their answers: seconds by request, nan of one that did not."""

    left_s: Floats  # the prompt was through, and the first token there
    sent_s: Floats  # the KV cache was with the other pool
    begun_s: Floats  # the first step there
    decode_replica: Ints  # that computed the answer; -1: none
    prefill: Outcome  # of the first pool alone, all of whose answers have one token
    decode: Outcome  # of the second pool alone, of the requests that came to it, in the order in which they did


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A model on the same devices as another."""

    waits_s: Floats  # (requests, 2): that its steps took longer for the other model: before the first token, after it
    busy_s: float  # of stages while a step of either is on them, added up
    end_s: float  # of the last event of both
    other: Outcome | None  # what became of the other's requests; None: this is the other


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredRun:
    """What slower memories of the KV cache were used for, by request; all times that it was admitted together."""

    cpu_tokens: Ints  # that were loaded from the host's memory
    remote_tokens: Ints  # from the store that replicas share
    waits_s: Floats  # for them; nan of one for which nothing was loaded
    first_waits_s: Floats  # of that before its first step
    cpu_stored_blocks: int
    remote_stored_blocks: int

    @property
    def tokens(self) -> Ints:
        """That were loaded from either."""
        return self.cpu_tokens + self.remote_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Requests and what became of them, in the order of their arrival."""

    service: Service
    arrivals: Arrivals
    requests: Records
    end_s: float  # of the last event
    batches: int
    log: Log | None  # where batches were asked for
    has_defects: bool
    busy_s: float  # of stages while a step is on them, added up
    lost_blocks: int  # held at the end by requests that are through
    held_blocks: int  # at the end by anybody
    waiting: Ints  # requests that nobody will ever schedule: the end came and nothing more could happen
    outside: tuple[str, ...]  # sizes beyond the tables
    scaling: Scaling | None = None  # where replicas come and go
    handover: Handover | None = None  # between two pools
    together: Together | None = None  # of two models on the same devices
    adapter_loads: int = 0  # LoRA adapters copied to the devices of a replica
    drafted_tokens: int = 0  # computed beside the tokens that were known
    accepted_tokens: int = 0  # that came of them
    tiered: TieredRun | None = None  # where there are slower memories of the KV cache

    @property
    def pool(self) -> Pool:
        """The replicas; of two pools those that compute answers."""
        return self.service.pools[-1]

    @property
    def by_pool(self) -> tuple[Outcome, ...]:
        """The run of each pool."""
        return (self,) if self.handover is None else (self.handover.prefill, self.handover.decode)

    @property
    def span_s(self) -> float:
        """From the first arrival to the last event."""
        return self.end_s - float(self.requests.arrived_s.min())

    @property
    def busy(self) -> float:
        """Share of that time in which a step is on a device, mean over devices."""
        busy_s = sum(run.busy_s * run.pool.tensor_parallel for run in self.by_pool)
        there_s = sum(self.replicas_of(run) * run.pool.devices for run in self.by_pool) * self.span_s
        return busy_s / there_s

    def replicas_of(self, run: Outcome) -> float:
        """Replicas of one of the pools, where they come and go on average."""
        return run.pool.replicas if self.scaling is None else self.scaling.replica_s / self.span_s

    @property
    def batching(self) -> Batching:
        """How they make batches."""
        return self.pool.batching

    @property
    def is_completed(self) -> Flags:
        """Of each request."""
        done: Flags = self.requests.is_completed
        return done

    @property
    def found_full(self) -> int:
        """Requests that were turned away because the queue was full."""
        return int(np.count_nonzero(self.requests.turned_away == QUEUE_FULL))

    @property
    def waited_too_long(self) -> int:
        """Requests that were turned away because no first step came."""
        return int(np.count_nonzero(self.requests.turned_away == WAITED_TOO_LONG))

    def tokens_after_first_s(self) -> Floats:
        """Mean time of an output token after the first, of those that are through, as Vidur has it.

        It divides by all output tokens; under its defects by those that were left after the last restart.
        """
        done = self.is_completed
        divisor = self.requests.decode if self.has_defects else self.requests.asked
        took_s: Floats = (self.requests.completed_s - self.requests.first_token_s)[done] / divisor[done]
        return took_s

    def decisions(self) -> Iterator[Decision]:
        """What the replicas put in each batch, in order. BadInput where it was not recorded."""
        if self.log is None:
            raise BadInput("no decisions were recorded: simulate with records=True", field="decisions")
        return decisions(self.log, self.arrivals.ids.tolist())

    @property
    def notes(self) -> Iterator[str]:
        """What a reader of the figures should know."""
        if self.lost_blocks:
            yield (
                f"{self.lost_blocks:,} blocks of the KV cache are never given back: a defect of Vidur's faster_transformer, which ends "
                "there in an assertion"
            )
        if len(self.waiting):
            came = [request for request in self.waiting.tolist() if not self._never_comes(request)]
            first, others = int((came or self.waiting)[0]), len(self.waiting) - len(came)
            one = f"request {self.arrivals.ids[first]}, of {self.requests.prefill[first]:,} tokens in its prompt"
            held = f"; {others:,} of them never come, waiting for the end of others" if others else ""
            yield f"{len(self.waiting):,} requests can never be scheduled, from {one} on: {self.why_waiting(first)}{held}"
        turned_away = int(np.count_nonzero(self.requests.turned_away))
        if turned_away:
            yield (
                f"{turned_away:,} of {len(self.requests):,} requests are turned away: {self.found_full:,} found a queue full, "
                f"{self.waited_too_long:,} waited too long for a first step; times are of those that were served"
            )
        unfinished = int(np.count_nonzero(~self.is_completed)) - len(self.waiting) - turned_away
        if unfinished:
            yield f"{unfinished:,} requests are not through when the time limit ends the run"
        yield from self.outside

    def _never_comes(self, request: int) -> bool:
        """Whether a request waits for the end of others, and not in a queue."""
        return bool(self.requests.replica[request] < 0 and not self.requests.is_refused[request])

    def _peak(self, request: int) -> int:
        """Tokens of a request in the cache before its last one, as lightllm foresees them where it is alone."""
        one = self.requests[request]
        return int(one.prefill) + 1 + max(int(one.decode) - 2, 0)

    def why_waiting(self, request: int) -> str:
        """What the first request in a queue lacks."""
        batching, prompt = self.batching, int(self.requests.prefill[request])
        blocks = -(-prompt // batching.block_tokens)
        if self._never_comes(request):
            before = -1 if self.arrivals.after is None else self.arrivals.after[request]
            if before >= 0 and not (self.is_completed[before] or self.requests.turned_away[before]):
                return "the request whose end it waits for is never through"
            return f"it is held back, and none of the requests under way, {self.service.most_open:,} at most, is ever through"
        if self.requests.is_refused[request]:
            return f"with its answer it is longer than the {min(pool.kv_blocks for pool in self.service.pools):,} blocks of the KV cache, or than a step that takes it whole"
        if batching.most_requests < self.pool.stages:
            return f"batches of {batching.most_requests} requests cannot be divided among {self.pool.stages} stages"
        if self.lost_blocks:
            return "the blocks that it would need are those that were never given back"
        if batching.most_tokens is not None and prompt > batching.most_tokens:
            return f"a batch takes {batching.most_tokens:,} tokens"
        if (
            batching.policy in _RESERVING
            and self.pool.kv_blocks < self.service.sequence_tokens // batching.block_tokens
        ):
            return (
                f"{batching.policy} keeps room for a whole sequence of {self.service.sequence_tokens:,} tokens, and the "
                f"{self.pool.kv_blocks:,} blocks of the KV cache hold none"
            )
        if batching.policy == "lightllm" and self._peak(request) >= self.pool.kv_blocks:
            return (
                f"with its answer it takes {self._peak(request):,} tokens of the KV cache, and lightllm lets in fewer than the "
                f"{self.pool.kv_blocks:,} that it holds"
            )
        if blocks + int(batching.watermark * self.pool.kv_blocks) <= self.pool.kv_blocks:
            return (
                "it was evicted when no batch was in flight, after whose end it would be looked at: a defect of Vidur"
            )
        return f"it needs {blocks:,} blocks of the KV cache, of {self.pool.kv_blocks:,} with those that stay free"
