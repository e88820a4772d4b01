"""What came of a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gnomon.core.errors import BadInput
from gnomon.core.service import Arrivals, Batching, Flags, Floats, Ints, Pool, Service
from gnomon.engines.serving.decisions import Decision, decisions
from gnomon.engines.serving.simulator.records import Log
from gnomon.engines.serving.simulator.state import Records


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
    lost_blocks: int  # held at the end by requests that are through
    held_blocks: int  # at the end by anybody
    waiting: Ints  # requests that nobody will ever schedule: the end came and nothing more could happen
    outside: tuple[str, ...]  # sizes beyond the tables
    adapter_loads: int = 0  # LoRA adapters copied to the devices of a replica
    drafted_tokens: int = 0  # computed beside the tokens that were known
    accepted_tokens: int = 0  # that came of them

    @property
    def pool(self) -> Pool:
        """The replicas."""
        return self.service.pools[0]

    @property
    def batching(self) -> Batching:
        """How they make batches."""
        return self.pool.batching

    @property
    def is_completed(self) -> Flags:
        """Of each request."""
        done: Flags = self.requests.is_completed
        return done

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
            first = int(self.waiting[0])
            one = f"request {self.arrivals.ids[first]}, of {self.requests.prefill[first]:,} tokens in its prompt"
            yield f"{len(self.waiting):,} requests can never be scheduled, from {one} on: {self.why_waiting(first)}"
        unfinished = int(np.count_nonzero(~self.is_completed)) - len(self.waiting)
        if unfinished:
            yield f"{unfinished:,} requests are not through when the time limit ends the run"
        yield from self.outside

    def why_waiting(self, request: int) -> str:
        """What the first request in a queue lacks."""
        batching, prompt = self.batching, int(self.requests.prefill[request])
        blocks = -(-prompt // batching.block_tokens)
        if self.requests.replica[request] < 0:
            return "the request whose end it waits for is never through"
        if self.requests.is_refused[request]:
            return f"with its answer it is longer than the {self.pool.kv_blocks:,} blocks of the KV cache, or than a step that takes it whole"
        if batching.most_requests < self.pool.stages:
            return f"batches of {batching.most_requests} requests cannot be divided among {self.pool.stages} stages"
        if self.lost_blocks:
            return "the blocks that it would need are those that were never given back"
        if batching.most_tokens is not None and prompt > batching.most_tokens:
            return f"a batch takes {batching.most_tokens:,} tokens"
        if blocks + int(batching.watermark * self.pool.kv_blocks) <= self.pool.kv_blocks:
            return (
                "it was evicted when no batch was in flight, after whose end it would be looked at: a defect of Vidur"
            )
        return f"it needs {blocks:,} blocks of the KV cache, of {self.pool.kv_blocks:,} with those that stay free"
