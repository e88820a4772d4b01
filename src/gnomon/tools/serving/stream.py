"""What a stream of requests amounts to for a tool that knows no requests, and what of it tools cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gnomon.core.service import Arrivals
from gnomon.core.serving_plan import ServingPlan
from gnomon.core.traffic.played import requests_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """A stream as one request and a rate."""

    requests: int
    prompt_tokens: int  # mean, rounded
    answer_tokens: int  # mean, rounded
    rate_per_s: float | None  # of all replicas together; None: all come at once
    most_open: int | None = None  # under way at once, in all replicas together; None: no bound

    def rate_of(self, replicas: int) -> float | None:
        """What one of so many replicas gets."""
        return None if self.rate_per_s is None else self.rate_per_s / replicas

    def most_of(self, replicas: int) -> int:
        """Requests that one of so many replicas can ever have under way at once."""
        return -(-min(self.requests, self.most_open or self.requests) // replicas)


def said_in(plan: ServingPlan) -> Arrivals | None:
    """The requests of a plan; None where it does not say them."""
    return None if plan.traffic is None else requests_of(plan.traffic)


def steady(arrivals: Arrivals, plan: ServingPlan) -> Steady:
    """The stream's means; its rate from the first arrival to the last."""
    count = len(arrivals)
    span_s = float(arrivals.arrived_s.max() - arrivals.arrived_s.min())
    return Steady(
        requests=count,
        prompt_tokens=max(1, round(float(arrivals.prefill_tokens.mean()))),
        answer_tokens=max(1, round(float(arrivals.decode_tokens.mean()))),
        rate_per_s=(count - 1) / span_s if count > 1 and span_s > 0 else None,
        most_open=plan.traffic.most_open if plan.traffic else None,
    )


def reasons_against(arrivals: Arrivals) -> Iterator[str]:
    """Why a stream cannot be told by times and lengths alone."""
    if not len(arrivals):
        yield "no request comes"
    if arrivals.after is not None and bool((arrivals.after >= 0).any()):
        yield "requests wait for the ends of others, and it takes moments that are known before"


def of_the_door(plan: ServingPlan, tool: str) -> Iterator[str]:
    """Why a tool that knows no single requests cannot be told how they are let in and shared out."""
    if plan.max_waiting is not None or plan.max_wait_s is not None:
        yield f"{tool} serves whoever comes: it turns nobody away"
    if plan.autoscale is not None:
        yield f"{tool} knows no replicas that come and go"
    if plan.router == "weighted":
        yield f"{tool} is asked for replicas that get equally much, not by weights"


def of_the_warmup(tool: str) -> str:
    """Why a tool that tells means alone is not asked where some requests are left out of them."""
    return f"{tool} is asked for means over all requests: leave warmup_s out"


def reasons_against_plan(plan: ServingPlan) -> Iterator[str]:
    """Why a plan cannot be told by batches that give each request one token."""
    if plan.num_speculative_tokens is not None:
        yield "it gives a request one token in a step, and knows no drafts"


def untold(arrivals: Arrivals, tool: str) -> tuple[str, ...]:
    """What the tool is not told of a stream that it is asked about."""
    found = []
    if arrivals.prefixes is not None:
        found.append(f"{tool} computes every prompt whole: what prompts have in common is not reused")
    if arrivals.priorities is not None:
        found.append(f"{tool} knows no priorities")
    if arrivals.adapters is not None:
        found.append(f"{tool} knows no LoRA adapters: their weights and their work are left out")
    return tuple(found)
